package library_test

import (
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// newRedirectURIs returns a contract that has registered redirect URIs of all kinds.
func newRedirectURIs(t *testing.T) *carreltest.Contract {
	t.Helper()
	return carreltest.New(t).Application().Contract(library.Write, func(k *library.Contract) {
		k.RedirectURIs = []string{"https://app.example/callback", "https://app.example:8443/with/port?fixed=1",
			"http://localhost:9000/back", "digime-ca-x1://auth", "https://app.example"}
	})
}

// authorizeReturningTo asks for consent and returns the error.
func authorizeReturningTo(t *testing.T, c *carreltest.Contract, uri string) error {
	t.Helper()
	request := c.Requests(carreltest.Authorizing, carreltest.ReturningTo(uri))
	_, err := c.World().Consents.Authorize(t.Context(), request, wire.SessionOptions{})
	return err
}

// TestRedirectURI checks that a request may name a registered URI as written, with any query.
func TestRedirectURI(t *testing.T) {
	t.Parallel()
	c := newRedirectURIs(t)
	for _, uri := range []string{
		"https://app.example/callback",
		"https://app.example/callback?",
		"https://app.example/callback?user=1&lang=nl",
		"https://app.example/callback?next=https://elsewhere.example/",
		"https://app.example/callback?text=%0d%0aSet-Cookie:%20a=b",
		"https://app.example:8443/with/port",
		"https://app.example:8443/with/port?other=2",
		"http://localhost:9000/back",
		"digime-ca-x1://auth",
		"https://app.example",
	} {
		if err := authorizeReturningTo(t, c, uri); err != nil {
			t.Errorf("%q: %v", uri, err)
		}
	}
}

// otherRedirectURIs are not registered, however like a registered one they look.
var otherRedirectURIs = map[string]string{
	"nothing":                    "",
	"path elsewhere":             "https://app.example/other",
	"path below":                 "https://app.example/callback/more",
	"trailing slash":             "https://app.example/callback/",
	"root with a slash":          "https://app.example/",
	"double slash":               "https://app.example//callback",
	"dots":                       "https://app.example/x/../callback",
	"dots upwards":               "https://app.example/callback/../callback",
	"dots encoded":               "https://app.example/callback/%2e%2e/evil",
	"encoded letter":             "https://app.example/c%61llback",
	"capital path":               "https://app.example/Callback",
	"capital host":               "https://APP.example/callback",
	"capital scheme":             "HTTPS://app.example/callback",
	"fragment":                   "https://app.example/callback#part",
	"empty fragment":             "https://app.example/callback#",
	"fragment in the query":      "https://app.example/callback?a=1#part",
	"user name":                  "https://user@app.example/callback",
	"user name and password":     "https://app.example:pass@evil.example/callback",
	"the host as a user name":    "https://app.example@evil.example/callback",
	"host with a suffix":         "https://app.example.evil.example/callback",
	"host with a prefix":         "https://evil-app.example/callback",
	"host below":                 "https://sub.app.example/callback",
	"host with a dot":            "https://app.example./callback",
	"another port":               "https://app.example:444/callback",
	"the scheme's port":          "https://app.example:443/callback",
	"an empty port":              "https://app.example:/callback",
	"another scheme":             "http://app.example/callback",
	"javascript":                 "javascript:alert(1)//app.example/callback",
	"data":                       "data:text/html,https://app.example/callback",
	"relative":                   "/callback",
	"relative to the scheme":     "//app.example/callback",
	"no scheme":                  "app.example/callback",
	"a backslash":                `https://app.example\@evil.example/callback`,
	"backslashes":                `https:\\app.example\callback`,
	"a letter of another script": "https://app.exаmple/callback",
	"beyond ASCII in the query":  "https://app.example/callback?naam=ä",
	"line break":                 "https://app.example/callback\r\nSet-Cookie: a=b",
	"line break in the query":    "https://app.example/callback?a\r\nb",
	"nul":                        "https://app.example/callback\x00",
	"space before":               " https://app.example/callback",
	"space after":                "https://app.example/callback ",
	"tab inside":                 "https://app.exam\tple/callback",
	"another of its own":         "digime-ca-x1://other",
	"its own with a path":        "digime-ca-x1://auth/",
	"another's own":              "digime-ca-x2://auth",
	"semicolon in the query":     "https://app.example/callback?a;b",
	"a broken escape":            "https://app.example/callback?a=%zz",
	"two of them":                "https://app.example/callback,https://app.example:8443/with/port",
	"very long":                  "https://app.example/callback?a=" + strings.Repeat("a", 4000),
	"localhost by its number":    "http://127.0.0.1:9000/back",
	"localhost, other port":      "http://localhost:9001/back",
}

// TestRedirectURIRefused checks that a request may name no other URI.
func TestRedirectURIRefused(t *testing.T) {
	t.Parallel()
	c := newRedirectURIs(t)
	for name, uri := range otherRedirectURIs {
		carreltest.Refused(t, name, authorizeReturningTo(t, c, uri), library.InvalidRedirectURI(uri))
	}
	_, err := c.World().Consents.AuthorizeForToken(t.Context(),
		c.Requests(carreltest.ReturningTo("https://evil.example")), wire.SessionOptions{})
	if err == nil {
		t.Error("a reference goes anywhere")
	}
}

// TestRegisterRedirectURI: what cannot be registered in the first place.
func TestRegisterRedirectURI(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	app := w.Application()
	register := func(uris ...string) error {
		_, err := w.Clients.AddContract(t.Context(), library.Contract{Application: app.ID, Access: library.Write,
			RedirectURIs: uris, PublicKey: string(wire.MarshalPublicKey(&carreltest.Key(0).PublicKey))})
		return err
	}
	for _, uri := range []string{
		"https://app.example", "https://app.example/a/b?c=d", "https://[2001:db8::1]:8443/x",
		"http://localhost/x", "http://localhost:8080/x", "http://127.0.0.1/x", "http://127.8.9.1:1/x",
		"http://[::1]:80/x",
		"digime-ca-abc://auth", "com.example.app://callback/path",
	} {
		if err := register(uri); err != nil {
			t.Errorf("%q: %v", uri, err)
		}
	}
	for _, uri := range []string{
		"", "/callback", "//app.example/x", "app.example/x", "https:", "https:///x", "https://app.example/x#y",
		"https://app.example/#",
		"https://user@app.example/x", "https://user:pass@app.example/x", "http://app.example/x",
		"http://localhost.evil.example/x",
		"http://10.0.0.1/x", "http://0.0.0.0/x", "javascript:alert(1)", "javascript://app.example/%0aalert(1)",
		"JavaScript://app.example/x",
		"data:text/html,x", "data://app.example/x", "file:///etc/passwd", "file://host/x", "blob://app.example/x",
		"about:blank",
		"view-source://app.example/x", "ftp://app.example/x", "ws://app.example/x", "wss://app.example/x",
		"https://app.example/é", "https://app.exаmple/x", "https://app.example/x y", "https://app.example/x\r\ny",
		"mailto:a@b.example",
	} {
		if err := register(uri); err == nil {
			t.Errorf("%q is registered", uri)
		}
		if err := register("https://app.example/good", uri); err == nil {
			t.Errorf("%q is registered beside a good one", uri)
		}
	}
	if err := register(); err == nil {
		t.Error("a contract without a redirect URI is registered")
	}
}

// TestCallback: the outcome is added to the application's own query, and its state
// comes back as it was.
func TestCallback(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	c := w.Application().Contract(library.Write)
	anna := w.Person("anna@example.org")
	for uri, prefix := range map[string]string{
		carreltest.Callback:              carreltest.Callback + "?",
		carreltest.Callback + "?":        carreltest.Callback + "?",
		carreltest.Callback + "?a=1&b=":  carreltest.Callback + "?a=1&b=&",
		carreltest.Callback + "?a=1&":    carreltest.Callback + "?a=1&",
		carreltest.Callback + "?code=me": carreltest.Callback + "?code=me&",
	} {
		const state = "a state & more=? #ü\r\n"
		opened := must(
			w.Consents.Authorize(t.Context(), c.Requests(carreltest.Authorizing, func(q *wire.RequestClaims) {
				q.RedirectURI, q.State = uri, state
			}), wire.SessionOptions{}),
		)(t)
		request := anna.Opens(library.AuthorizeRequest, opened.Code)
		failed := request.FailureURL(library.CallbackUserCancel)
		allowed := must(w.Consents.Allow(t.Context(), anna.SignedIn(), request, request.Shown("")))(t)
		for _, address := range []string{failed, allowed} {
			if !strings.HasPrefix(address, prefix) || strings.ContainsAny(address, "\r\n #") {
				t.Errorf("%s leads to %q", uri, address)
			}
			if got := carreltest.QueryOf(t, address)["iss"]; len(got) != 1 || got[0] != w.URL {
				t.Errorf("%s: issuer %q", uri, got)
			}
			if got := carreltest.QueryOf(t, address).Get("state"); got != state {
				t.Errorf("%s: state %q came back", uri, got)
			}
		}
		if q := carreltest.QueryOf(t, failed); q.Get("success") != "false" || q.Get("errorCode") != "USER_CANCEL" ||
			q.Has("accountReference") {
			t.Errorf("refused: %v", q)
		}
		if q := carreltest.QueryOf(t, allowed); q.Get("success") != "true" || q.Get("accountReference") == "" ||
			len(q["code"]) == 0 {
			t.Errorf("allowed: %v", q)
		}
	}
}
