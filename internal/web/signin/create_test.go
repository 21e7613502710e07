package signin_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// An address that has a library cannot be used again, and trying it changes nothing.
func TestEmailTaken(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	w.NewPerson(webtest.Anna)
	b := w.NewBrowser()
	p := b.Get("/create").Click("create-library", "email", webtest.Anna, "password", "quite another password")
	if p.Status != http.StatusUnprocessableEntity ||
		!strings.Contains(p.Text(), "We cannot create a library with this email address.") {
		t.Fatalf("%d %s", p.Status, p.Text())
	}
	if p = b.SignIn("/sign-in", webtest.Anna); p.Title() != "Your files" {
		t.Errorf("the old password opens %q", p.Title())
	}
}

// Where no libraries are made, the first page says so, before a person has typed anything.
func TestNoNewLibraries(t *testing.T) {
	t.Parallel()
	open := webtest.New(t).NewBrowser().Get("/create")
	w := webtest.New(t, func(c *server.Config) { c.NoNewLibraries = true })
	clinic := w.Register("Demo Clinic")
	for _, address := range []string{
		"/", "/sign-in", "/create", clinic.AuthorizeURL(webtest.WebCallback),
		clinic.AuthorizeURL(webtest.WebCallback) + "&step=create",
	} {
		p := w.NewBrowser().Get(address)
		if p.Status != http.StatusOK || p.Has("create-library") ||
			p.TextOf("closed") != "You cannot create a new library on this site. Ask Example Hosting." {
			t.Errorf("%s: %d %s", address, p.Status, p.Text())
		}
		if !p.Has("sign-in") {
			t.Errorf("%s: nowhere to sign in: %s", address, p.Text())
		}
	}
	p := w.NewBrowser().Get("/create?lng=nl")
	if !strings.Contains(p.TextOf("closed"), "Vraag het aan Example Hosting.") {
		t.Errorf("in Dutch: %s", p.Text())
	}
	_, fields := open.Form("create-library")
	b := w.NewBrowser()
	fields.Set("token", b.Get("/sign-in").CSRFToken())
	fields.Set("email", webtest.Anna)
	fields.Set("password", webtest.Password)
	if p = b.Post("/create", fields); p.Status != http.StatusForbidden || !strings.Contains(p.Text(), "Ask Example") {
		t.Errorf("%d %s", p.Status, p.Text())
	}
	if n := w.Rows("libraries"); n != 0 {
		t.Errorf("%d libraries", n)
	}
}
