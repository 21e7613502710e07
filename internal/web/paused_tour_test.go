package web_test

import (
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// TestPausedTour visits the pages of a consent that does not count, and of the account that belongs to it.
func TestPausedTour(t *testing.T) {
	inEachLanguage(t, func(tr *tour) {
		app := tr.register("Music", webtest.Reads(library.Scope{Raw: true, Mapped: true}))
		tr.open(tr.pullURL(app) + "&service=900102")
		tr.createLibrary()
		tr.Click("recovery-saved")
		tr.Click("allow")
		token := app.Exchange(tr.atCallback())
		grant, account := app.GrantOf(token), string(app.ConnectionTo(token, 900102))
		tr.open("/accounts")
		tr.Click("disconnect-" + account)
		tr.check("disconnect what was collected")
		app.Edit(func(k *library.Contract) { k.Scope = library.Scope{Raw: true} })
		tr.w.Clock.Moves(2 * time.Second)
		tr.open("/grants")
		tr.check("apps that do not count")
		tr.Click("revoke-" + grant)
		tr.check("stop a permission that does not count")
		tr.open("/accounts")
		tr.check("accounts not in use")
		app.Disable()
		tr.open("/grants")
		tr.check("apps that are switched off")
	})
}

// TestClosedTour visits the first pages of a server that makes no new libraries.
func TestClosedTour(t *testing.T) {
	inEachLanguage(t, func(tr *tour) {
		closed := webtest.New(t, func(c *server.Config) { c.NoNewLibraries = true })
		tr.Visit(closed.URL + "/sign-in")
		tr.check("sign in to a closed server")
		tr.Visit(closed.URL + "/create")
		tr.check("create at a closed server")
	})
}
