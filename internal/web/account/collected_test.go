package account_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// TestStopAfterCollecting: the pages that stop an application, or disconnect an account, say what becomes of the files
// that were collected, and it is so.
func TestStopAfterCollecting(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic", webtest.Reads(library.Scope{Mapped: true}))
	b, token := allowsSample(w, webtest.Anna, clinic)
	account := clinic.ConnectionTo(token, 900101)
	fetches(w)
	const stays = "Files that were collected for Demo Clinic stay in your library. By what you stop here, nothing " +
		"more is collected."
	p := b.Get("/grants").Click("revoke-" + clinic.GrantOf(token))
	has(t, "the permission", p.TextOf("revoke-collected"), stays)
	p = b.Get("/grants").Click("stop-all-" + string(clinic.Application.ID))
	has(t, "everything", p.TextOf("revoke-collected"), stays)
	has(t, "in Dutch", b.Get(p.URL.Path+"?lng=nl").TextOf("revoke-collected"),
		"Bestanden die voor Demo Clinic zijn opgehaald, blijven in je bibliotheek.")
	p = b.Get(clinic.RevokeURL(webtest.WebCallback, token, clinic.UserAccount(token)) + "&lng=en")
	has(t, "the application's question", p.TextOf("revoke-collected"), stays)

	const reads = "Files that were collected stay in your library, and Demo Clinic can go on reading them. To end " +
		"that, stop its permission under Apps."
	p = b.Get(clinic.RevokeURL(webtest.WebCallback, token, account))
	has(t, "the application's question about the account", p.Text(), reads)
	p = b.Get("/accounts").Click("disconnect-" + string(account))
	has(t, "disconnect", p.Text(), reads, "For the app Demo Clinic", "Since 24 November 2026")
	has(t, "in Dutch", b.Get(p.URL.Path+"?lng=nl").Text(), "Demo Clinic kan die blijven lezen.")
	b.Get(p.URL.Path + "?lng=en").Click("disconnect-confirm")
	if files, err := clinic.Reads(token); err != nil || len(files) == 0 {
		t.Errorf("the application reads %d files, %v", len(files), err)
	}

	// Nothing of that is said where nothing is collected.
	writer := w.Register("Home Monitor")
	b.Get("/apps/saas/authorize?code=" + writer.Authorize(webtest.WebCallback)).Click("allow")
	p = b.Get("/grants").Click("stop-all-" + string(writer.Application.ID))
	if p.Has("revoke-collected") {
		t.Errorf("an application that adds: %s", p.Text())
	}
}

// TestAccountsOfOneSource: two accounts at one source are told apart by the application and by the time.
func TestAccountsOfOneSource(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic", webtest.Reads(library.Scope{Mapped: true}))
	b, token := allowsSample(w, webtest.Anna, clinic)
	row := func(account wire.AccountID) string {
		t.Helper()
		return b.Get("/accounts?lng=en").TextOf("account-" + string(account))
	}
	first := clinic.ConnectionTo(token, 900101)
	has(t, "one account", row(first), "Since 24 November 2026")
	lacks(t, "one account", row(first), "24 November 2026, 10:42")
	allow := func(app *webtest.App) string {
		t.Helper()
		return app.Exchange(b.Get("/apps/saas/authorize?code=" + app.Authorize(webtest.WebCallback) +
			"&sourceType=pull&service=900101&sampleDataSet=test").Click("allow").Callback())
	}
	w.Clock.Moves(10 * time.Minute)
	again := clinic.Another(webtest.Reads(library.Scope{Mapped: true}))
	second := wire.AccountID("")
	for _, account := range again.Connections(allow(again)) { // an application knows those of all of its contracts
		if account.ID != first {
			second = account.ID
		}
	}
	has(t, "the first", row(first), "For the app Demo Clinic", "Since 24 November 2026, 10:42")
	has(t, "the second", row(second), "For the app Demo Clinic", "Since 24 November 2026, 10:52")
	p := b.Get("/accounts").Click("disconnect-" + string(second))
	has(t, "disconnect", p.Text(), "Since 24 November 2026, 10:52")

	w.Clock.Moves(24 * time.Hour)
	b.SignIn("/sign-in", webtest.Anna)
	monitor := w.Register("Home Monitor", webtest.Reads(library.Scope{Mapped: true}))
	text := row(monitor.ConnectionTo(allow(monitor), 900101))
	has(t, "on another day", text, "For the app Home Monitor", "Since 25 November 2026")
	if strings.Contains(text, "2026, ") {
		t.Errorf("a time that nobody needs: %s", text)
	}
}
