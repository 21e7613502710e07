package digime_test

import (
	"errors"
	"net/url"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
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

func TestReauthorizeAccount(t *testing.T) {
	l := start(t)
	auth, err := l.reader(t).ReauthorizeAccount(t.Context(), "2_provider", digime.ReauthorizeAccountOptions{
		RedirectURL: l.RedirectURL, Locale: "nl",
	})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(auth.URL)
	query := u.Query()
	if u.Path != "/apps/saas/reauthorize" || query.Get("accountRef") != "reference-1" || query.Get("lng") != "nl" {
		t.Errorf("reauthorisation %s", auth.URL)
	}
	r := l.Requests(digimetest.EndpointAccountReference)[0]
	if string(r.Body) != `{"type":"accountId","value":"2_provider"}` || r.Claims.AccessToken != "" {
		t.Errorf("reference was sent %s and the access token %q", r.Body, r.Claims.AccessToken)
	}
}

// An expired token is enough to renew the consent, and it is not refreshed for that.
func TestReauthorize(t *testing.T) {
	l := start(t)
	contract := l.read(t)
	user := contract.User(l.Token(l.ReadContract))
	l.ExpireRefreshTokens()
	auth, err := user.Reauthorize(t.Context(), digime.ReauthorizeOptions{RedirectURL: l.RedirectURL, SkipFetch: true})
	if err != nil {
		t.Fatal(err)
	}
	if u, _ := url.Parse(auth.URL); u.Path != "/apps/saas/user-reauth" || u.Query().Get("triggerQuery") != "false" {
		t.Errorf("URL %s", auth.URL)
	}
	back, err := l.Allow(auth.URL)
	if err != nil {
		t.Fatal(err)
	}
	callback, err := auth.ParseCallback(back.Query())
	if err != nil {
		t.Fatal(err)
	}
	token, err := contract.Exchange(t.Context(), callback)
	if err != nil || token.AccessToken.Value.Equal(user.Token().AccessToken.Value) {
		t.Errorf("token %v, error %v", token, err)
	}
	if n := l.count(digimetest.EndpointToken); n != 1 {
		t.Errorf("%d calls of oauth/token, want the exchange alone", n)
	}
}

func TestRevokeAccount(t *testing.T) {
	l := start(t)
	user := l.reader(t)
	visit := func(answer func(string) (*url.URL, error)) error {
		t.Helper()
		address, err := user.RevokeAccountURL(t.Context(), "2_provider", l.RedirectURL)
		if err != nil {
			t.Fatal(err)
		}
		back, err := answer(address)
		if err != nil {
			t.Fatal(err)
		}
		return digime.ParseRevokeCallback(back.Query())
	}
	var failed *digime.CallbackError
	if err := visit(l.Deny); !errors.As(err, &failed) || failed.Code != digime.CallbackUserCancel {
		t.Errorf("refused: %v", err)
	}
	if err := visit(l.Allow); err != nil {
		t.Errorf("revoked: %v", err)
	}
	if accounts, err := user.ListAccounts(t.Context()); err != nil || len(accounts) != 1 {
		t.Errorf("accounts %+v, error %v", accounts, err)
	}
	if _, err := user.RevokeAccountURL(t.Context(), "2_provider", l.RedirectURL); !errors.Is(err, digime.ErrNotFound) {
		t.Errorf("once more: %v", err)
	}
}
