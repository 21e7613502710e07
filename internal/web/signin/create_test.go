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

func TestNoNewLibraries(t *testing.T) {
	t.Parallel()
	w := webtest.New(t, func(c *server.Config) { c.NoNewLibraries = true })
	p := w.NewBrowser().Get("/create").Click("create-library", "email", webtest.Anna, "password", webtest.Password)
	if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Text(), "Ask Example Hosting.") {
		t.Errorf("%d %s", p.Status, p.Text())
	}
}
