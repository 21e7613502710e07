package account_test

import (
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

func TestDeletion(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	b, token := w.Allows(webtest.Anna, clinic)
	clinic.Push(token, wire.Descriptor{MIMEType: "text/plain"}, "x")
	p := b.Get("/settings").Click("delete-library")

	t.Run("says what is deleted", func(t *testing.T) {
		for _, want := range []string{
			"At once Your library closes. You cannot look into it, and no app can use it. 1 app loses its access.",
			"Until 1 December 2026, 10:42 You can take it back: sign in, and press “Bring my library back”.",
			"After that Your library is gone for good, and we cannot bring it back. 1 file will be gone for good.",
			"I know that after that my files cannot come back",
		} {
			if !strings.Contains(p.Text(), want) {
				t.Errorf("no %q: %s", want, p.Text())
			}
		}
		if strings.Index(p.Text(), "gone for good") < strings.Index(p.Text(), "take it back") {
			t.Errorf("not in order: %s", p.Text())
		}
		const until = "Tot 1 december 2026, 10:42 Je kunt het terugdraaien"
		if p := b.Get("/delete?lng=nl"); !strings.Contains(p.Text(), until) {
			t.Errorf("in Dutch: %s", p.Text())
		}
	})
	t.Run("invalid form", func(t *testing.T) {
		got := p.Click("delete-confirm", "password", webtest.Password)
		if !strings.Contains(got.TextOf("error"), "Tick the box") {
			t.Errorf("without the box: %s", got.Text())
		}
		got = p.Click("delete-confirm", "password", "a wrong password", "delete-understood", "yes")
		if !strings.Contains(got.TextOf("error"), "This is not your password") {
			t.Errorf("wrong password: %s", got.Text())
		}
	})
	t.Run("pending", func(t *testing.T) {
		p = p.Click("delete-confirm", "password", webtest.Password, "delete-understood", "yes")
		closed := func(when string, p *webtest.Page) {
			t.Helper()
			if p.Title() != "Your library is closed" || !p.Has("delete-undo") ||
				!strings.Contains(p.Text(), "Until 1 December 2026, 10:42 you can take it back.") {
				t.Errorf("%s: %d %s", when, p.Status, p.Text())
			}
		}
		closed("after", p)
		for _, path := range []string{"/files", "/grants", "/settings", "/"} {
			closed(path, b.Get(path))
		}
		// Signing in again, also on another device, opens nothing and says how to take it back.
		b.Get("/shut").Click("sign-out")
		closed("signed in again", b.SignIn("/sign-in", webtest.Anna))
		closed("on another device", w.NewBrowser().SignIn("/sign-in", webtest.Anna))
		if p := b.Get(clinic.AuthorizeURL(webtest.WebCallback)); !p.Has("delete-undo") || p.Has("allow") {
			t.Errorf("a request shows %q", p.Title())
		}
	})
	t.Run("undo", func(t *testing.T) {
		p := b.Get("/shut").Click("delete-undo")
		if p.TextOf("notice") != "Your library is back. Apps must ask you again." || p.Title() != "Your files" {
			t.Errorf("undone: %s", p.Text())
		}
	})
}

func TestDeletionAtOnce(t *testing.T) {
	t.Parallel()
	w := webtest.New(t, func(c *server.Config) { c.DeleteWait = 0 })
	b := w.NewPerson(webtest.Anna)
	p := b.Get("/delete")
	if strings.Contains(p.Text(), "take it back: sign in") ||
		!strings.Contains(p.Text(), "Your library is deleted at once. You cannot take it back.") {
		t.Errorf("the page promises time to undo it: %s", p.Text())
	}
	p = p.Click("delete-confirm", "password", webtest.Password, "delete-understood", "yes")
	if p.Title() != "Your library is deleted" {
		t.Errorf("after: %s", p.Text())
	}
	if p = b.Get("/files"); p.Title() != "Sign in to your library" {
		t.Errorf("then: %q", p.Title())
	}
}
