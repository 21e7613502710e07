package web_test

import (
	"net/http"
	"testing"
)

func TestLanguage(t *testing.T) {
	w := newWorld(t)
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
		r, err := http.NewRequest(http.MethodGet, w.url+"/create?"+tt.query, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Language", tt.accept)
		if tt.cookie != "" {
			r.AddCookie(&http.Cookie{Name: "carrel_language", Value: tt.cookie})
		}
		p := w.visitor().do(r)
		got := attr(find(p.root, isElement("html")), "lang")
		if got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

// TestLanguageStays keeps the language that a person chose, on the pages to come.
func TestLanguageStays(t *testing.T) {
	w := newWorld(t)
	v := w.visitor()
	if p := v.get("/create").click("language-nl"); p.title() != "Maak je bibliotheek" {
		t.Fatalf("in Dutch: %q", p.title())
	}
	if p := v.get("/no/such/page"); p.title() != "Deze pagina bestaat niet" {
		t.Errorf("an error: %q", p.title())
	}
	if p := v.get("/language/fr"); p.status != http.StatusNotFound {
		t.Errorf("French: %d", p.status)
	}
}
