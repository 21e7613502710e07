package signin_test

import (
	"net/http"
	"testing"

	"github.com/carrelhq/carrel/internal/web/webtest"
)

// Signing out ends the login at the server: a copy of the old cookie opens nothing.
func TestSignOut(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	b := w.NewPerson(webtest.Anna)
	stolen := b.Cookies()
	p := b.Get("/files").Click("sign-out")
	if p.Title() != "Sign in to your library" {
		t.Fatalf("after signing out: %q", p.Title())
	}
	thief := w.NewBrowser()
	thief.SetCookies(stolen...)
	if p := thief.Get("/files"); p.Title() != "Sign in to your library" {
		t.Errorf("the old cookie opens %q", p.Title())
	}
	p.Click("sign-in", "email", webtest.Anna, "password", webtest.Password)
	if after := loginCookie(b.Cookies()); after == "" || after == loginCookie(stolen) {
		t.Error("no new cookie after signing in")
	}
}

func loginCookie(cookies []*http.Cookie) string {
	for _, c := range cookies {
		if c.Name == "carrel_login" {
			return c.Value
		}
	}
	return ""
}

// A new login ends the one before, which nobody could end any more.
func TestNewLoginEndsTheLoginBefore(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	b := w.NewPerson(webtest.Anna)
	before := b.Cookies()
	// A form of another browser's page, sent with Anna's cookies.
	clinic := w.Register("Demo Clinic")
	action, fields := w.NewBrowser().Get(clinic.AuthorizeURL(webtest.WebCallback)).Form("create-library")
	own := b.Get("/settings")
	fields.Set("token", own.CSRFToken())
	fields.Set("email", webtest.Bob)
	fields.Set("password", webtest.Password)
	if p := own.Submit(action, fields); !p.Has("recovery-code") {
		t.Fatalf("Bob: %d %s", p.Status, p.Text())
	}
	thief := w.NewBrowser()
	thief.SetCookies(before...)
	if p := thief.Get("/files"); p.Title() != "Sign in to your library" {
		t.Errorf("Anna's login still opens %q", p.Title())
	}
}
