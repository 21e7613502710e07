package ui_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/web/ui"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

func TestIsLocalPath(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]bool{
		"/files": true, "/files?q=a%2Fb": true, "/": true,
		"": false, "files": false, "//evil.example": false, "/\\evil.example": false, "https://evil.example": false,
		"/\t/evil.example": false, "javascript:alert(1)": false, "/%zz": false,
	} {
		if got := ui.IsLocalPath(target); got != want {
			t.Errorf("IsLocalPath(%q) = %t", target, got)
		}
	}
}

func TestRedirectsStayOnTheSite(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	b := w.NewPerson(webtest.Anna)
	for _, path := range []string{
		"/sign-in?to=//evil.example", "/language/nl?to=https://evil.example/", "/language/nl?to=/%5Cevil.example",
	} {
		p := b.Get(path)
		if p.URL.Host != strings.TrimPrefix(w.URL, "http://") || p.Status != http.StatusOK {
			t.Errorf("%s leads to %s (%d)", path, p.URL, p.Status)
		}
	}
}
