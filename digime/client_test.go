package digime_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
)

func TestNew(t *testing.T) {
	for name, test := range map[string]struct {
		id     string
		option digime.Option
		want   string
	}{
		"no application": {"", nil, "application id"},
		"an underscore":  {"a_b", nil, "application id"},
		"no URL":         {"app", digime.WithServer("library.example.org"), "is not like"},
		"another scheme": {"app", digime.WithServer("ftp://library.example.org"), "is not like"},
		"a password":     {"app", digime.WithBaseURL("https://user:hunter2@library.example.org/v1.7"), "is not like"},
		"a query":        {"app", digime.WithOnboardURL("https://library.example.org/?x=1"), "is not like"},
		"a broken URL":   {"app", digime.WithOnboardURL("http://[::1"), "server URL"},
		"an API URL":     {"app", digime.WithServer("https://library.example.org/v1.7/"), "public URL"},
		"no pages":       {"app", digime.WithBaseURL("https://library.example.org/v1.7/"), "WithOnboardURL"},
		"no API":         {"app", digime.WithOnboardURL("https://library.example.org/"), "WithBaseURL"},
		"no HTTP client": {"app", digime.WithHTTPClient(nil), "nil"},
		"no observer":    {"app", digime.WithObserver(nil), "nil"},
		"no clock":       {"app", digime.WithClock(nil), "nil"},
		"no user agent":  {"app", digime.WithUserAgent("my app", "1"), "user agent"},
		"retries":        {"app", digime.WithRetries(-1), "negative"},
	} {
		options := []digime.Option{digime.WithUserAgent("test", "1")}
		if test.option != nil {
			options = append(options, test.option)
		}
		_, err := digime.New(test.id, options...)
		if !errors.Is(err, digime.ErrValidation) || !strings.Contains(err.Error(), test.want) ||
			strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %v, want %q", name, err, test.want)
		}
	}
}

// Without URLs, and with both of them, a client can be created.
func TestNewURLs(t *testing.T) {
	base, pages := digime.WithBaseURL("https://api.example.org"), digime.WithOnboardURL("https://pages.example.org")
	for _, test := range []struct {
		options []digime.Option
		want    string
	}{
		{nil, "application app at https://api.digi.me/v1.7/"},
		{[]digime.Option{base, pages}, "application app at https://api.example.org/"},
	} {
		client, err := digime.New("app", test.options...)
		if err != nil || client.String() != test.want {
			t.Errorf("%v, error %v, want %s", client, err, test.want)
		}
	}
}

// The base URLs may have paths of their own, and need no slash at the end.
func TestBaseURLs(t *testing.T) {
	l := start(t)
	rest := http.StripPrefix("/clinic", l)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/clinic/") {
			t.Errorf("%s is requested without its prefix", r.URL.Path)
		}
		rest.ServeHTTP(w, r)
	}))
	defer proxy.Close()
	server, base := digime.WithServer(proxy.URL+"/clinic/"), digime.WithBaseURL(proxy.URL+"/clinic/v1.7")
	if _, err := l.contract(t, l.WriteContract, server, base).GetDetails(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestUserAgent(t *testing.T) {
	l := start(t)
	session := func(options ...digime.Option) (header, body string) {
		user := l.contract(t, l.ReadContract, options...).User(l.Token(l.ReadContract))
		if _, err := user.StartSession(t.Context(), digime.SessionOptions{}); err != nil {
			t.Fatal(err)
		}
		seen := l.Requests(digimetest.EndpointSession)
		last := seen[len(seen)-1]
		return last.Header.Get("User-Agent"), string(last.Body)
	}
	header, body := session()
	sdk := `"sdk":{"name":"carrel-go","version":"` + digime.Version + `"`
	if header != "carrel-digime-go/"+digime.Version || !strings.Contains(body, sdk) {
		t.Errorf("by default %s, %s", header, body)
	}
	header, body = session(digime.WithUserAgent("clinic", "2.1"))
	if header != "clinic/2.1" || !strings.Contains(body, `"sdk":{"name":"clinic","version":"2.1"`) {
		t.Errorf("set: %s, %s", header, body)
	}
}

// Values that were not created as their documentation says return an error and do not panic.
func TestZeroValues(t *testing.T) {
	l, ctx := start(t), t.Context()
	var none *digime.Contract
	callback := digime.Callback{Code: digime.NewSecret("code")}
	push := digime.PushInput{Data: strings.NewReader(""), MIMEType: "text/plain", AccountID: "1"}
	reader := l.reader(t)
	for name, call := range map[string]func() error{
		"no contract":      func() error { _, err := none.GetDetails(ctx); return err },
		"zero Contract":    func() error { _, err := new(digime.Contract).GetDetails(ctx); return err },
		"no authorisation": func() error { _, err := none.Exchange(ctx, callback); return err },
		"nobody to ask": func() error {
			_, err := none.Authorize(ctx, digime.AuthorizeOptions{RedirectURL: l.RedirectURL})
			return err
		},
		"a user of no contract": func() error {
			_, err := none.User(l.Token(l.ReadContract)).ListAccounts(ctx)
			return err
		},
		"zero User": func() error { return new(digime.User).Push(ctx, push) },
		"zero User's session": func() error {
			_, err := new(digime.User).StartSession(ctx, digime.SessionOptions{})
			return err
		},
		"zero Client": func() error {
			_, err := new(digime.Client).ParseContract("c", l.ReadContract.PrivateKey)
			return err
		},
		"zero Session": func() error { _, err := new(digime.Session).ListFiles(ctx); return err },
		"no session key": func() error {
			_, err := reader.ResumeSession(digime.SessionKey{}).ListFiles(ctx)
			return err
		},
		"no file name": func() error {
			_, err := reader.ResumeSession(sessionKey("key")).OpenFile(ctx, "")
			return err
		},
		"no account":  func() error { return reader.DeleteAccount(ctx, "") },
		"no delivery": func() error { _, err := reader.GetDelivery(ctx, ""); return err },
		"a wrong contract": func() error {
			_, err := l.client().ParseContract("a_b", l.ReadContract.PrivateKey)
			return err
		},
		"no key": func() error { _, err := l.client().ParseContract("contract", nil); return err },
	} {
		if err := call(); !errors.Is(err, digime.ErrValidation) {
			t.Errorf("%s: error %v, want ErrValidation", name, err)
		}
	}
	if n := l.count(""); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func sessionKey(key string) digime.SessionKey { return digime.SessionKey{Key: digime.NewSecret(key)} }
