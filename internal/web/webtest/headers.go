package webtest

import (
	"net/http"
	"strings"
	"testing"
)

// CheckHeaders checks the headers that every page has, and that an error page has a reference.
func CheckHeaders(t *testing.T, p *Page) {
	t.Helper()
	for name, want := range map[string]string{
		"X-Frame-Options":        "DENY",
		"X-Content-Type-Options": "nosniff",
		"Cache-Control":          "no-store",
		"Referrer-Policy":        "same-origin",
	} {
		if got := p.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	csp := p.Header.Get("Content-Security-Policy")
	for _, want := range []string{
		"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'",
	} {
		if !strings.Contains(csp, want) {
			t.Errorf("policy %q lacks %q", csp, want)
		}
	}
	if p.Header.Get("Permissions-Policy") == "" {
		t.Error("no Permissions-Policy")
	}
	if p.Status >= 400 && !p.Has("error-reference") {
		t.Errorf("error page (%d) without a reference", p.Status)
	}
	for _, cookie := range (&http.Response{Header: p.Header}).Cookies() {
		if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" {
			t.Errorf("cookie %s", cookie)
		}
	}
}
