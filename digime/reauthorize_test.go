package digime_test

import (
	"net/url"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
)

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
	r := l.Requests(digimetest.EndpointAccountHandle)[0]
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
