package digime_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
)

func TestAuthorizeURL(t *testing.T) {
	l := start(t)
	client, contract := l.client(t), l.Write.parse(t)
	yes, no := true, false
	auth, err := client.Authorize(t.Context(), contract, digime.AuthorizeOptions{
		Callback: l.Callback + "?mine=1", ServiceID: 101, SampleDataSet: "adult", SampleDataAutoOnboard: true, Locale: "nl",
		IncludeSampleDataOnlySources: &yes, TriggerQuery: &no, StorageID: "storage-1",
		SourcesScope: &digime.SourcesScope{DataType: []string{"medication-information", "vaccinations"}, OrganizationType: "hospital"},
		Session:      &digime.SessionOptions{SourceFetch: &no},
	})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(auth.URL)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(auth.URL, l.URL+"/apps/saas/authorize?code=") {
		t.Errorf("URL %s", auth.URL)
	}
	// As the Node SDK writes it, byte for byte: decoded once, and still encoded once.
	const scope = "sourcesScope=%257B%2522dataType%2522%253A%255B%2522medication-information%2522%252C%2522vaccinations%2522%255D%252C%2522organizationType%2522%253A%2522hospital%2522%257D"
	if !strings.Contains(u.RawQuery, scope) {
		t.Errorf("query %s", u.RawQuery)
	}
	query := u.Query()
	for name, want := range map[string]string{
		"sourceType": "pull", "service": "101", "sampleDataSet": "adult", "sampleDataAutoOnboard": "true", "lng": "nl",
		"includeSampleDataOnlySources": "true", "triggerQuery": "false", "storageRef": "reference-1",
	} {
		if got := query.Get(name); got != want {
			t.Errorf("%s=%q, want %q", name, got, want)
		}
	}
	if body := string(l.seen("/reference")[0].body); body != `{"type":"cloudId","value":"storage-1"}` {
		t.Errorf("reference was asked with %s", body)
	}
	if body := string(l.seen("oauth/authorize")[0].body); !strings.Contains(body, `"actions":{"pull":{"sourceFetch":false}}`) {
		t.Errorf("authorize was asked with %s", body)
	}
	if auth.Session.Key.IsZero() || auth.Session.Expiry.IsZero() || len(auth.Verifier.Reveal()) != 43 || auth.State == "" {
		t.Error("session, verifier or state is missing")
	}
}

func TestAuthorizeLeavesOut(t *testing.T) {
	l := start(t)
	auth, err := l.client(t).Authorize(t.Context(), l.Write.parse(t), digime.AuthorizeOptions{Callback: l.Callback, SourceType: digime.SourcePush})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(auth.URL)
	if query := u.Query(); len(query) != 2 || query.Get("sourceType") != "push" {
		t.Errorf("query %v, want code and sourceType alone", query)
	}
	if body := string(l.seen("oauth/authorize")[0].body); strings.Contains(body, "actions") {
		t.Errorf("authorize was asked with %s", body)
	}
}

func TestAuthorizeRefuses(t *testing.T) {
	l := start(t)
	client, contract := l.client(t), l.Write.parse(t)
	for name, test := range map[string]struct {
		options digime.AuthorizeOptions
		want    string
	}{
		"no callback":       {digime.AuthorizeOptions{}, "not an absolute URL"},
		"relative callback": {digime.AuthorizeOptions{Callback: "/callback"}, "not an absolute URL"},
		"source type":       {digime.AuthorizeOptions{Callback: l.Callback, SourceType: "both"}, "neither"},
		"auto onboard":      {digime.AuthorizeOptions{Callback: l.Callback, SampleDataAutoOnboard: true}, "without SampleDataSet"},
		"foreign callback":  {digime.AuthorizeOptions{Callback: "https://evil.example/"}, "InvalidRedirectUri"},
	} {
		if _, err := client.Authorize(t.Context(), contract, test.options); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", name, err, test.want)
		}
	}
	_, err := client.Authorize(t.Context(), contract, digime.AuthorizeOptions{Callback: "https://evil.example/"})
	if !errors.Is(err, digime.ErrInvalidRedirectURI) {
		t.Errorf("error %v is not ErrInvalidRedirectURI", err)
	}
}

// An answer is believed only when the server that the client was set up for has
// signed it.
func TestUntrustedAnswers(t *testing.T) {
	l := start(t)
	other := start(t) // a server with the same keys, elsewhere
	claims := wire.PreauthorizationClaims{PreauthorizationCode: "code"}
	for name, sign := range map[string]func() (string, error){
		"keys elsewhere": func() (string, error) {
			return wire.Sign(l.key, wire.Header{KeySetURL: other.URL + "/v1.7/jwks/oauth", KeyID: "key-1"}, claims)
		},
		"keys at a look-alike": func() (string, error) {
			return wire.Sign(l.key, wire.Header{KeySetURL: strings.Replace(l.URL, "//", "//user@", 1) + "/v1.7/jwks/oauth", KeyID: "key-1"}, claims)
		},
		"no address": func() (string, error) { return wire.Sign(l.key, wire.Header{KeyID: "key-1"}, claims) },
		"unknown key": func() (string, error) {
			return wire.Sign(l.key, wire.Header{KeySetURL: l.URL + "/v1.7/jwks/oauth", KeyID: "key-2"}, claims)
		},
		"another's signature": func() (string, error) {
			return wire.Sign(l.Write.key, wire.Header{KeySetURL: l.URL + "/v1.7/jwks/oauth", KeyID: "key-1"}, claims)
		},
		"no token": func() (string, error) { return "", nil },
	} {
		text, err := sign()
		if err != nil {
			t.Fatal(err)
		}
		l.answerOnce("oauth/authorize", func(w http.ResponseWriter) { writeJSON(w, wire.SignedAnswer{Token: text}) })
		_, err = l.client(t).Authorize(t.Context(), l.Write.parse(t), digime.AuthorizeOptions{Callback: l.Callback})
		if !errors.Is(err, digime.ErrUntrusted) {
			t.Errorf("%s: error %v, want ErrUntrusted", name, err)
		}
	}
	if n := len(other.seen("")); n != 0 {
		t.Errorf("%d requests went to the other server", n)
	}
}

func TestParseCallback(t *testing.T) {
	back, err := digime.ParseCallback(url.Values{"success": {"true"}, "code": {"abc"}, "state": {"s"}, "accountReference": {"r"}, "mine": {"1"}})
	if err != nil || back.Code.Reveal() != "abc" || back.State != "s" || back.AccountReference != "r" {
		t.Errorf("%+v, error %v", back, err)
	}
	for name, test := range map[string]struct {
		query string
		code  digime.CallbackErrorCode
		text  string
	}{
		"cancelled":      {"success=false&errorCode=USER_CANCEL&state=s", digime.UserCancel, "refused or left"},
		"unknown code":   {"success=false&errorCode=NEW_ONE&state=s", "NEW_ONE", "NEW_ONE"},
		"no code":        {"success=false&state=s", "", "failed"},
		"revoke failed":  {"result=failed&error_message=no+way&state=s", "", "no way"},
		"revoke refused": {"result=failed&error_message=USER_CANCEL&state=s", digime.UserCancel, "refused or left"},
		"a broken query": {"success=false&errorCode=a%0Ab&state=s", "a\nb", `a\nb`},
	} {
		query, _ := url.ParseQuery(test.query)
		back, err := digime.ParseCallback(query)
		var failed *digime.CallbackError
		if !errors.As(err, &failed) || failed.Code != test.code || failed.State != "s" || back.State != "s" || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %+v, error %v", name, back, err)
		}
	}
	var failed *digime.CallbackError
	if _, err := digime.ParseCallback(url.Values{"state": {"s"}}); err == nil || errors.As(err, &failed) {
		t.Errorf("a query of no page: error %v", err)
	}
}

func TestExchangeErrors(t *testing.T) {
	l := start(t)
	client, contract := l.client(t), l.Write.parse(t)
	auth, err := client.Authorize(t.Context(), contract, digime.AuthorizeOptions{Callback: l.Callback})
	if err != nil {
		t.Fatal(err)
	}
	query, err := l.agree(auth.URL)
	if err != nil {
		t.Fatal(err)
	}
	code := digime.NewSecret(query.Get("code"))
	if _, err := client.Exchange(t.Context(), contract, digime.Secret{}, auth.Verifier); err == nil || !strings.Contains(err.Error(), "no code") {
		t.Errorf("no code: error %v", err)
	}
	if _, err := client.Exchange(t.Context(), contract, code, digime.NewSecret("wrong")); !errors.Is(err, digime.ErrInvalidToken) {
		t.Errorf("wrong verifier: error %v", err)
	}
	if _, err := client.Exchange(t.Context(), contract, code, auth.Verifier); err != nil {
		t.Errorf("right verifier: error %v", err)
	}
	if _, err := client.Exchange(t.Context(), contract, code, auth.Verifier); !errors.Is(err, digime.ErrInvalidToken) || errors.Is(err, digime.ErrReauthorize) {
		t.Errorf("used code: error %v", err)
	}
}

func TestOnboarding(t *testing.T) {
	l := start(t)
	user := l.user(t, l.Read)
	on, err := user.OnboardService(t.Context(), digime.OnboardOptions{Callback: l.Callback, State: "more", ServiceID: 7, Locale: "en"})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(on.URL)
	if u.Path != "/apps/saas/onboard" || u.Query().Get("service") != "7" || u.Query().Get("sourceType") != "pull" || on.State != "more" || on.Session.Key.IsZero() {
		t.Errorf("onboarding %s", on.URL)
	}
	query, err := l.agree(on.URL)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := digime.ParseCallback(query); err != nil || !back.Code.IsZero() || back.State != "more" {
		t.Errorf("callback %+v, error %v", back, err)
	}

	on, err = user.ReauthorizeAccount(t.Context(), "11_x", digime.ReauthorizeAccountOptions{Callback: l.Callback, Locale: "nl"})
	if err != nil {
		t.Fatal(err)
	}
	u, _ = url.Parse(on.URL)
	if u.Path != "/apps/saas/reauthorize" || u.Query().Get("accountRef") != "reference-1" || u.Query().Get("lng") != "nl" {
		t.Errorf("reauthorisation %s", on.URL)
	}
	if r := l.seen("/v1.7/reference")[0]; string(r.body) != `{"type":"accountId","value":"11_x"}` || r.claims.AccessToken != "" {
		t.Errorf("reference was asked with %s and access token %q", r.body, r.claims.AccessToken)
	}
}

// An expired token serves to renew the consent, and is not refreshed for it.
func TestReauthorize(t *testing.T) {
	l := start(t)
	client, contract := l.client(t), l.Read.parse(t)
	user := client.User(contract, l.token(l.Read))
	l.expire(user.Token())
	no := false
	auth, err := user.Reauthorize(t.Context(), digime.ReauthorizeOptions{Callback: l.Callback, TriggerQuery: &no})
	if err != nil {
		t.Fatal(err)
	}
	if u, _ := url.Parse(auth.URL); u.Path != "/apps/saas/user-reauth" || u.Query().Get("triggerQuery") != "false" {
		t.Errorf("URL %s", auth.URL)
	}
	query, err := l.agree(auth.URL)
	if err != nil {
		t.Fatal(err)
	}
	token, err := client.Exchange(t.Context(), contract, digime.NewSecret(query.Get("code")), auth.Verifier)
	if err != nil || token.AccessToken.Value.Equal(user.Token().AccessToken.Value) {
		t.Errorf("token %v, error %v", token, err)
	}
	if n := len(l.seen("oauth/token")); n != 1 {
		t.Errorf("%d calls of oauth/token, want the exchange alone", n)
	}
}
