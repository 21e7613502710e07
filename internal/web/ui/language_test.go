package ui_test

import (
	"net/http"
	"testing"

	"github.com/carrelhq/carrel/internal/web/webtest"
)

func TestLanguageOf(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	for _, tt := range []struct{ query, cookie, accept, want string }{
		{"", "", "", "en"},
		{"", "", "nl", "nl"},
		{"", "", "nl-BE,fr;q=0.5", "nl"},
		{"", "", "fr,nl;q=0.5", "nl"},
		{"", "", "fr", "en"},
		{"", "", "***", "en"},
		{"", "en", "nl", "en"},
		{"lng=nl", "en", "en", "nl"},
		{"lng=en_GB", "", "nl", "en"},
		{"lng=nl-NL", "", "en", "nl"},
		{"lng=xx", "", "nl", "nl"},
		{"lng=%00", "zz", "nl", "nl"},
		{"lng=", "", "nl", "nl"},
	} {
		b := w.NewBrowser()
		b.Header.Set("Accept-Language", tt.accept)
		if tt.cookie != "" {
			b.SetCookies(&http.Cookie{Name: "carrel_language", Value: tt.cookie})
		}
		if got := b.Get("/create?" + tt.query).Language(); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

// The language that a person chose stays on the pages to come.
func TestSwitchLanguage(t *testing.T) {
	t.Parallel()
	b := webtest.New(t).NewBrowser()
	if p := b.Get("/create").Click("language-nl"); p.Title() != "Maak je bibliotheek" {
		t.Fatalf("in Dutch: %q", p.Title())
	}
	if p := b.Get("/no/such/page"); p.Title() != "Deze pagina bestaat niet" {
		t.Errorf("an error: %q", p.Title())
	}
	if p := b.Get("/language/fr"); p.Status != http.StatusNotFound {
		t.Errorf("French: %d", p.Status)
	}
}
