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
			"1 file will be gone for good.", "1 app loses its access.", "You have until 1 December 2026",
		} {
			if !strings.Contains(p.Text(), want) {
				t.Errorf("no %q: %s", want, p.Text())
			}
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
		if p.Title() != "Your library is shut" || !strings.Contains(p.Text(), "deleted on 1 December 2026 .") {
			t.Fatalf("after: %s", p.Text())
		}
		for _, path := range []string{"/files", "/grants", "/settings", "/"} {
			if p := b.Get(path); p.Title() != "Your library is shut" {
				t.Errorf("%s shows %q", path, p.Title())
			}
		}
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
	if strings.Contains(p.Text(), "change your mind") {
		t.Error("the page promises time to undo it")
	}
	p = p.Click("delete-confirm", "password", webtest.Password, "delete-understood", "yes")
	if p.Title() != "Your library is deleted" {
		t.Errorf("after: %s", p.Text())
	}
	if p = b.Get("/files"); p.Title() != "Sign in to your library" {
		t.Errorf("then: %q", p.Title())
	}
}
