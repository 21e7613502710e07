package digime_test

import (
	"net/url"
	"testing"

	"github.com/carrelhq/carrel/digime"
)

func TestOnboardService(t *testing.T) {
	l := start(t)
	auth, err := l.reader(t).OnboardService(t.Context(), digime.OnboardOptions{
		RedirectURL: l.RedirectURL, State: "more", SourceID: 7, Locale: "en",
	})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(auth.URL)
	if u.Path != "/apps/saas/onboard" || u.Query().Get("service") != "7" || u.Query().Get("sourceType") != "pull" ||
		auth.State != "more" || auth.Session.Key.IsZero() || !auth.Verifier.IsZero() {
		t.Errorf("onboarding %s", auth.URL)
	}
	back, err := l.Allow(auth.URL)
	if err != nil {
		t.Fatal(err)
	}
	if callback, err := auth.ParseCallback(back.Query()); err != nil || !callback.Code.IsZero() {
		t.Errorf("callback %+v, error %v", callback, err)
	}
}
