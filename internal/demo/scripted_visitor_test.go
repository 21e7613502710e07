package demo_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/demo"
)

// A visitor chooses a provider, is redirected to its site, returns, and consents.
func TestScriptedVisitorConnects(t *testing.T) {
	var said []string
	form := func(w http.ResponseWriter, fields string) {
		const page = `<form method="get"><input name="q" data-testid="service-search"><button>Search</button></form>
			<form method="post"><input type="hidden" name="csrf" value="1">%s</form>`
		_, _ = fmt.Fprintf(w, page, fields)
	}
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			form(w, `<input name="patient" data-testid="sim-user">
				<button name="d" value="yes" data-testid="sim-approve"></button>
				<button name="d" value="no" data-testid="sim-deny"></button>`)
			return
		}
		said = append(said, r.PostFormValue("patient")+" says "+r.PostFormValue("d"))
		http.Redirect(w, r, r.URL.Query().Get("redirect_uri"), http.StatusSeeOther)
	}))
	defer provider.Close()
	provider.URL = strings.Replace(provider.URL, "127.0.0.1", "localhost", 1)

	var library *httptest.Server
	pages := http.NewServeMux()
	library = httptest.NewServer(pages)
	defer library.Close()
	pages.HandleFunc("GET /choose", func(w http.ResponseWriter, _ *http.Request) {
		form(w, `<ul><li><h3>Ziekenhuis Rivierenland</h3>
			<button name="service" value="7" data-testid="service-7">Choose</button></li>
			<li><h3>Huisartsenpraktijk De Linde</h3>
			<button name="service" value="8" data-testid="service-8">Choose</button></li></ul>`)
	})
	pages.HandleFunc("POST /choose", func(w http.ResponseWriter, r *http.Request) {
		said = append(said, "service "+r.PostFormValue("service"))
		http.Redirect(w, r, "/go", http.StatusSeeOther)
	})
	pages.HandleFunc("GET /go",
		func(w http.ResponseWriter, _ *http.Request) { form(w, `<button data-testid="provider-go">`) })
	pages.HandleFunc("POST /go", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r,
			provider.URL+"/authorize?redirect_uri="+url.QueryEscape(library.URL+"/return"), http.StatusSeeOther)
	})
	pages.HandleFunc("GET /return",
		func(w http.ResponseWriter, _ *http.Request) { form(w, `<button data-testid="allow">`) })
	pages.HandleFunc("POST /return", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Origin") != library.URL || r.PostFormValue("csrf") != "1" {
			t.Errorf("a form from %s", r.Header.Get("Origin"))
		}
		http.Redirect(w, r, "https://clinic.example/back?success=true", http.StatusSeeOther)
	})

	walk := func(provider string) (string, error) {
		w := demo.NewScriptedVisitor("anna@example.org", "four random words make it")
		w.Provider, w.Patient = provider, "Anna"
		return w.FollowPages(t.Context(), library.URL+"/choose", "https://clinic.example/back")
	}
	if back, err := walk("De Linde"); err != nil || back != "https://clinic.example/back?success=true" {
		t.Errorf("ended at %s, error %v", back, err)
	}
	if got := strings.Join(said, ", "); got != "service 8, Anna says yes" {
		t.Errorf("said %q", got)
	}
	if _, err := walk(""); err != nil || said[2] != "service 7" {
		t.Errorf("without a wish: %q, error %v", said, err)
	}
	if _, err := walk("Elsewhere"); err == nil || !strings.Contains(err.Error(), "Ziekenhuis Rivierenland") {
		t.Errorf("not offered: error %v", err)
	}
}
