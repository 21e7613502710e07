package account_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

func TestGrants(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	b, token := w.Allows(webtest.Anna, clinic)
	clinic.Push(token, wire.Descriptor{MIMEType: "text/plain"}, "x")
	p := b.Get("/grants")
	id := strings.TrimPrefix(p.FirstTestID("grant-"), "grant-")

	t.Run("active", func(t *testing.T) {
		for _, want := range []string{
			"Demo Clinic Active", "It may Add files to your library", "Allowed on 24 November 2026",
			"Until 23 May 2027", "Stop this permission of Demo Clinic: Add files to your library",
			"Stop everything of Demo Clinic",
		} {
			if card := p.TextOf("application-" + string(clinic.Application.ID)); !strings.Contains(card, want) {
				t.Errorf("card lacks %q: %s", want, card)
			}
		}
	})
	t.Run("revoke", func(t *testing.T) {
		if p = p.Click("revoke-" + id); p.Title() != "Stop the access of Demo Clinic?" {
			t.Fatalf("page %q", p.Title())
		}
		if p.Click("cancel").Title() != "Apps with access" {
			t.Error("no link back")
		}
		p = p.Click("revoke-confirm")
		if got := p.TextOf("notice"); got != "Demo Clinic can no longer use your library." {
			t.Errorf("notice %q", got)
		}
	})
	t.Run("revoked", func(t *testing.T) {
		got := p.TextOf("grant-" + id)
		if !strings.Contains(got, "It could Add files to your library") || strings.Contains(got, "It may") ||
			!strings.Contains(got, "Ended on 24 November 2026 . Stopped.") || p.Has("revoke-"+id) {
			t.Errorf("grant: %s", got)
		}
		if p.Title() != "Apps" || !strings.Contains(p.Text(), "No app may use your library now.") ||
			!strings.Contains(p.TextOf("grants-ended"), "Demo Clinic") {
			t.Errorf("no app has access: %s", p.Text())
		}
		if p := b.Get("/grants?lng=nl"); !strings.Contains(p.TextOf("grant-"+id), "Dit mocht Bestanden") ||
			!strings.Contains(p.TextOf("grants"), "Geen toegang meer") {
			t.Errorf("in Dutch: %s", p.Text())
		}
		if b.Get("/grants").Has("notice") {
			t.Error("the notice is shown twice")
		}
		if p := b.Get("/grants/" + id + "/stop"); p.Title() != "Apps" {
			t.Errorf("revoking again: %d %s", p.Status, p.Title())
		}
		if p := b.Get("/grants/" + id + "x/stop"); p.Status != http.StatusNotFound {
			t.Errorf("somebody else's: %d", p.Status)
		}
	})
}

// One card for each application says what it may do, and each permission has its own stop. The page and the notice say
// what ends and what goes on, and nothing else does.
func TestStopOneOfThree(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	w.Provider.Lists(webtest.Lucas)
	sends := w.Register("Demo Clinic")
	adds, reads := sends.Another(), sends.Another(webtest.Reads(library.Scope{Raw: true}))
	other := w.Register("Home Monitor")
	b, sender := w.Connects(webtest.Anna, sends, webtest.Lucas)
	tokens := map[*webtest.App]string{sends: sender}
	for _, app := range []*webtest.App{adds, reads, other} {
		w.Clock.Moves(time.Second)
		tokens[app] = app.Exchange(b.Get("/apps/saas/authorize?code=" + app.Authorize(webtest.WebCallback)).
			Click("allow").Callback())
	}
	card := "application-" + string(sends.Application.ID)
	p := b.Get("/grants")
	if got := strings.Count(p.TextOf("grants"), "Demo Clinic Active"); got != 1 {
		t.Errorf("the application has %d cards", got)
	}
	for _, want := range []string{
		"Add files to your library Send data to Sint Lucas Hospital", "Read files: all of them",
		"Stop everything of Demo Clinic",
	} {
		if !strings.Contains(p.TextOf(card), want) {
			t.Errorf("card lacks %q: %s", want, p.TextOf(card))
		}
	}
	works := func(app *webtest.App) bool { return app.Works(tokens[app]) }

	p = p.Click("revoke-" + sends.GrantOf(tokens[sends]))
	if p.Title() != "Stop this permission of Demo Clinic?" ||
		p.TextOf("revoke-ends") != "Send data to Sint Lucas Hospital" ||
		p.TextOf("revoke-left") != "Read files: all of them Add files to your library" {
		t.Errorf("question: %s", p.Text())
	}
	p = p.Click("revoke-confirm")
	if got, want := p.TextOf("notice"), "Stopped for Demo Clinic: Send data to Sint Lucas Hospital. "+
		"It may still: Read files: all of them; Add files to your library."; got != want {
		t.Errorf("notice %q, want %q", got, want)
	}
	if works(sends) || !works(adds) || !works(reads) || !works(other) {
		t.Errorf("the first works %t, the others %t %t %t", works(sends), works(adds), works(reads), works(other))
	}
	if got := b.Get("/accounts").TextOf("accounts"); !strings.HasPrefix(got, "Nothing is connected yet.") {
		t.Errorf("accounts: %s", got)
	}

	p = b.Get("/grants").Click("revoke-" + reads.GrantOf(tokens[reads])).Click("revoke-confirm")
	if got, want := p.TextOf("notice"), "Stopped for Demo Clinic: Read files: all of them. "+
		"It may still: Add files to your library."; got != want {
		t.Errorf("notice %q, want %q", got, want)
	}
	p = b.Get("/grants").Click("stop-all-" + string(sends.Application.ID))
	if p.Title() != "Stop everything of Demo Clinic?" || p.TextOf("revoke-ends") != "Add files to your library" ||
		p.Has("revoke-left") {
		t.Errorf("question: %s", p.Text())
	}
	p = p.Click("stop-all-confirm")
	if got := p.TextOf("notice"); got != "Demo Clinic can no longer use your library." {
		t.Errorf("notice %q", got)
	}
	if works(adds) || !works(other) {
		t.Errorf("the last works %t, another application %t", works(adds), works(other))
	}
	if p.Has("stop-all-"+string(sends.Application.ID)) || !p.Has("stop-all-"+string(other.Application.ID)) {
		t.Errorf("after the stop: %s", p.Text())
	}
	got := b.Get("/activity").TextOf("activity")
	for _, want := range []string{
		"You stopped everything of Demo Clinic .", "You stopped Demo Clinic : read files from your library.",
		"You stopped Demo Clinic : send data to Sint Lucas Hospital, and add files to your library.",
		"The connection with Sint Lucas Hospital ended.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q: %s", want, got)
		}
	}
}

// Stopping everything takes a form of the person's own page, for an application of the person's own.
func TestStopAllIsProtected(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	b, token := w.Allows(webtest.Anna, clinic)
	question := b.Get("/grants").Click("stop-all-" + string(clinic.Application.ID))
	action, fields := question.Form("stop-all-confirm")
	webtest.CheckForgedForms(t, question, "stop-all-confirm", w.Provider.URL)
	bob := w.NewPerson(webtest.Bob)
	if p := bob.Get(question.URL.Path); p.Status != http.StatusNotFound {
		t.Errorf("Bob is asked: %d", p.Status)
	}
	fields.Set("token", bob.Get("/settings").CSRFToken())
	if p := bob.Post(action, fields); p.Status != http.StatusNotFound {
		t.Errorf("Bob stops it: %d", p.Status)
	}
	if !clinic.Works(token) {
		t.Error("it was stopped")
	}
}

// Two permissions of an application that allow the same are told apart by its own words, and say of each other. To stop
// one ends nothing, and the pages say so.
func TestStopOneOfTheSame(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	letters := w.Register("Demo Clinic")
	results := letters.Another(func(_ *library.Application, c *library.Contract) { c.Purpose = "For lab results." })
	b, token := w.Allows(webtest.Anna, letters)
	b.Get("/apps/saas/authorize?code=" + results.Authorize(webtest.WebCallback)).Click("allow")
	p := b.Get("/grants")
	row := p.TextOf("grant-" + letters.GrantOf(token))
	const overlap = "Another permission of this app allows this too: Add files to your library."
	if !strings.Contains(row, overlap) || !strings.Contains(row, "We put your lab results in your library") ||
		!strings.Contains(p.TextOf("grants"), "The app says “For lab results.”") {
		t.Errorf("apps: %s", p.Text())
	}
	p = p.Click("revoke-" + letters.GrantOf(token))
	if p.Has("revoke-ends") || p.TextOf("revoke-left") != "Add files to your library" ||
		!strings.Contains(p.Text(), "But another permission of Demo Clinic allows the same") {
		t.Errorf("question: %s", p.Text())
	}
	p = p.Click("revoke-confirm")
	if got, want := p.TextOf("notice"), "You stopped one permission of Demo Clinic. "+
		"Another one allows the same, so this goes on: Add files to your library."; got != want {
		t.Errorf("notice %q, want %q", got, want)
	}
	if strings.Contains(p.Text(), overlap) || p.Title() != "Apps with access" {
		t.Errorf("afterwards: %s", p.Text())
	}
}
