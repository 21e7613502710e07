package signin_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/web/webtest"
)

// Guesses of a password are slowed down, and the page says so.
func TestSignInWait(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	w.NewPerson(webtest.Anna)
	p := w.NewBrowser().Get("/sign-in")
	guess := func() { p = p.Click("sign-in", "email", webtest.Anna, "password", "a wrong password") }
	for range 3 {
		guess()
		if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.TextOf("error"), "not right") {
			t.Fatalf("wrong password: %d %s", p.Status, p.Text())
		}
	}
	for range 20 {
		if guess(); p.Status == http.StatusTooManyRequests {
			break
		}
	}
	if p.Status != http.StatusTooManyRequests || p.Header.Get("Retry-After") == "" ||
		!strings.Contains(p.TextOf("error"), "Too many tries. Wait 1 minute, then") {
		t.Errorf("after twenty: %d %v %s", p.Status, p.Header, p.Text())
	}
	if got := p.Attr("email", "value"); got != webtest.Anna {
		t.Errorf("the address is now %q", got)
	}
}

// A login ends after half an hour without a request. Signing in again leads to the requested page.
func TestLoginExpires(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	b := w.NewPerson(webtest.Anna)
	for range 3 {
		w.Clock.Moves(29 * time.Minute)
		if p := b.Get("/files"); p.Title() != "Your files" {
			t.Fatalf("while active: %q", p.Title())
		}
	}
	w.Clock.Moves(31 * time.Minute)
	p := b.Get("/activity")
	if p.Title() != "Sign in to your library" || !strings.Contains(p.Text(), "You were away for a while") {
		t.Fatalf("after half an hour: %s", p.Text())
	}
	p = p.Click("sign-in", "email", webtest.Anna, "password", webtest.Password)
	if p.Title() != "Activity" {
		t.Errorf("after signing in again: %q", p.Title())
	}
}
