package digime_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime"
)

func TestNew(t *testing.T) {
	for name, test := range map[string]struct {
		id     string
		option digime.Option
		want   string
	}{
		"no application": {"", nil, "application id"},
		"an underscore":  {"a_b", nil, "application id"},
		"no URL":         {"app", digime.At("library.example.org"), "is not like"},
		"another scheme": {"app", digime.At("ftp://library.example.org"), "is not like"},
		"a password":     {"app", digime.BaseURL("https://user:hunter2@library.example.org/v1.7"), "is not like"},
		"a query":        {"app", digime.CloudURL("https://library.example.org/?x=1"), "is not like"},
		"a broken URL":   {"app", digime.OnboardURL("http://[::1"), "server URL"},
		"no HTTP client": {"app", digime.HTTPClient(nil), "nil"},
		"no hook":        {"app", digime.Observe(nil), "nil"},
	} {
		options := []digime.Option{digime.Agent("test", "1")}
		if test.option != nil {
			options = append(options, test.option)
		}
		_, err := digime.New(test.id, options...)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %v, want %q", name, err, test.want)
		}
	}
}

// The base URLs may have paths of their own, and need no slash at the end.
func TestBaseURLs(t *testing.T) {
	l := start(t)
	proxy := http.StripPrefix("/clinic", http.HandlerFunc(l.serve))
	l.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/clinic/") {
			t.Errorf("%s is asked for without its prefix", r.URL.Path)
		}
		proxy.ServeHTTP(w, r)
	})
	client, err := digime.New(l.ApplicationID, digime.At(l.URL+"/clinic/"), digime.BaseURL(l.URL+"/clinic/v1.7"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.ContractDetails(t.Context(), l.Write.parse(t)); err != nil {
		t.Error(err)
	}
}

func TestNoContract(t *testing.T) {
	l := start(t)
	if _, err := l.client(t).ContractDetails(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "no contract") {
		t.Errorf("error %v", err)
	}
	if _, err := l.client(t).User(nil, l.token(l.Read)).ReadAccounts(context.Background()); err == nil || !strings.Contains(err.Error(), "no contract") {
		t.Errorf("error %v", err)
	}
	if n := len(l.seen("")); n != 0 {
		t.Errorf("%d requests", n)
	}
}
