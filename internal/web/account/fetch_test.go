package account_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// The page says that a source asks to be connected again, and connects it.
func TestReconnectSample(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	app := w.Register("Demo Clinic", webtest.Reads(library.Scope{Mapped: true}))
	b := w.NewPerson(webtest.Anna)
	address := strings.Replace(app.AuthorizeURL(webtest.WebCallback), "sourceType=push", "sourceType=pull", 1)
	p := b.Get(address + "&service=900101&sampleDataSet=reauthorize&lng=en")
	token := app.Exchange(p.Click("allow").Callback())
	account := string(app.ConnectionTo(token, 900101))
	run := func() *webtest.Page {
		t.Helper()
		if err := w.Fetches.RunDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		return b.Get("/accounts?lng=en")
	}
	p = run()
	if text := p.Text(); !strings.Contains(text, "You must connect again") || p.Has("fetch-"+account) ||
		!strings.Contains(text, "Sample care provider asks for your permission again.") {
		t.Fatalf("after it has asked: %s", text)
	}
	if p := b.Get("/activity?lng=en"); !strings.Contains(p.Text(), "The connection with Sample care provider ended") {
		t.Errorf("activity: %s", p.Text())
	}
	action, fields := p.Form("reconnect-" + account)
	p = p.Submit(action, fields)
	if !strings.Contains(p.Text(), "Your library now collects from Sample care provider.") {
		t.Errorf("connected: %s", p.Text())
	}
	p.Submit(action, fields) // pressed twice
	p = run()
	if text := p.Text(); strings.Contains(text, "again") || strings.Contains(text, "not everything") ||
		!p.Has("fetch-"+account) {
		t.Errorf("afterwards: %s", text)
	}
	if n := strings.Count(b.Get("/activity?lng=en").Text(), "You connected"); n != 2 {
		t.Errorf("%d lines say that it was connected", n)
	}
	bob := w.NewPerson(webtest.Bob)
	settings := bob.Get("/settings?lng=en")
	p = settings.Submit(action, url.Values{"token": {settings.CSRFToken()}})
	if !strings.Contains(p.Text(), "That account is not connected.") {
		t.Errorf("for Bob: %s", p.Text())
	}
}

// A person allows sample data, sees that it is being collected, and has it collected again.
func TestFetchNow(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic", webtest.Reads(library.Scope{Mapped: true}))
	b := w.NewPerson(webtest.Anna)
	p := b.Get(clinic.AuthorizeURL(webtest.WebCallback) + "&lng=en")
	if p.Has("allow") && strings.Contains(p.Text(), "sample data") {
		t.Errorf("sample data that nobody asks for: %s", p.Text())
	}
	address := strings.Replace(clinic.AuthorizeURL(webtest.WebCallback), "sourceType=push", "sourceType=pull", 1)
	p = b.Get(address + "&service=900101&sampleDataSet=test&lng=en")
	if !strings.Contains(p.Text(), "Add the data of Sample care provider to your library.") {
		t.Fatalf("consent: %s", p.Text())
	}
	if q := p.Click("allow").Callback().Query(); q.Get("success") != "true" {
		t.Fatalf("callback %v", q)
	}
	accounts := func() string { return b.Get("/accounts?lng=en").Text() }
	if text := accounts(); !strings.Contains(text, "Collecting now") || strings.Contains(text, "Collect now") {
		t.Errorf("while it is collected: %s", text)
	}
	run := func() {
		t.Helper()
		if err := w.Fetches.RunDue(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	run()
	if text := accounts(); !strings.Contains(text, "Collect now") {
		t.Errorf("afterwards: %s", text)
	}
	if text := b.Get("/activity?lng=en").Text(); !strings.Contains(text, "were collected from Sample care provider") {
		t.Errorf("activity: %s", text)
	}
}

// A file that was collected is shown as the source's, and not as one that the application has added.
func TestCollectedFiles(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	app := w.Register("Demo Clinic", webtest.Reads(library.Scope{Raw: true, Mapped: true}))
	b := w.NewPerson(webtest.Anna)
	address := strings.Replace(app.AuthorizeURL(webtest.WebCallback), "sourceType=push", "sourceType=pull", 1)
	p := b.Get(address + "&service=900101&sampleDataSet=default")
	token := app.Exchange(p.Click("allow").Callback())
	if err := w.Fetches.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	writer := w.Register("Writer")
	pushing := writer.Exchange(b.Get(writer.AuthorizeURL(webtest.WebCallback)).Click("allow").Callback())
	writer.Push(pushing, wire.Descriptor{MIMEType: "text/plain", Reference: []string{"pushed.txt"}}, "text")
	check := func(language, collected, added string) {
		t.Helper()
		list := b.Get("/files?q=brief&lng=" + language)
		if !strings.Contains(list.Text(), collected) || strings.Contains(list.TextOf("files"), added+" Demo Clinic") {
			t.Errorf("list: %s", list.Text())
		}
		page := b.Get(list.Attr(list.FirstTestID("file-0"), "href") + "?lng=" + language)
		if !strings.Contains(page.Text(), collected) {
			t.Errorf("file: %s", page.Text())
		}
	}
	check("en", "Collected from Sample care provider (invented data), for Demo Clinic", "From")
	check("nl", "Opgehaald bij Voorbeeld van een zorgverlener (verzonnen gegevens), voor Demo Clinic", "Van")
	if text := b.Get("/files?q=pushed&lng=en").TextOf("files"); !strings.Contains(text, "From Writer") {
		t.Errorf("pushed: %s", text)
	}
	if text := b.Get("/settings?lng=en").Text(); !strings.Contains(text, "and what was collected for it") {
		t.Errorf("settings: %s", text)
	}
	app.Disconnect(token, app.ConnectionTo(token, 900101))
	for _, q := range []string{"brief", "measurement"} {
		text := b.Get("/files?lng=en&q=" + q).TextOf("files")
		if !strings.Contains(text, "Collected from Sample care provider, for Demo Clinic") {
			t.Errorf("%s, disconnected: %s", q, text)
		}
	}
}

// The page of accounts says of an account with sample data that the data is invented.
func TestInventedAccount(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	app := w.Register("Demo Clinic", webtest.Reads(library.Scope{Mapped: true}))
	b := w.NewPerson(webtest.Anna)
	address := strings.Replace(app.AuthorizeURL(webtest.WebCallback), "sourceType=push", "sourceType=pull", 1)
	b.Get(address + "&service=900103&sampleDataSet=default").Click("allow").Callback()
	if text := b.Get("/accounts?lng=en").Text(); !strings.Contains(text, "Sample bank") ||
		!strings.Contains(text, "Invented data, to try things out. It is not about you.") {
		t.Errorf("accounts: %s", text)
	}
}

// Every page has the name of a source in the language of the reader, if the catalogue still has the source.
func TestSourceNames(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	app := w.Register("Demo Clinic", webtest.Reads(library.Scope{Mapped: true}))
	b := w.NewPerson(webtest.Anna)
	authorize := func(app *webtest.App) string {
		pull := strings.Replace(app.AuthorizeURL(webtest.WebCallback), "sourceType=push", "sourceType=pull", 1)
		return pull + "&service=900101&sampleDataSet=test&lng=nl"
	}
	token := app.Exchange(b.Get(authorize(app)).Click("allow").Callback())
	if err := w.Fetches.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	account := app.ConnectionTo(token, 900101)
	handle := app.AccountHandle(token, account)
	other := app.Another(webtest.Reads(library.Scope{Raw: true}))
	for name, address := range map[string]string{
		"accounts":    "/accounts?lng=nl",
		"activity":    "/activity?lng=nl",
		"apps":        "/grants?lng=nl",
		"disconnect":  "/accounts/" + string(account) + "/disconnect?lng=nl",
		"connect":     app.OnboardURL("/apps/saas/reauthorize?lng=nl&accountRef="+handle, token),
		"consent":     authorize(app),
		"consent too": other.AuthorizeURL(webtest.WebCallback) + "&lng=nl",
		"revoke":      app.RevokeURL(webtest.WebCallback, token, account) + "&lng=nl",
	} {
		p := b.Get(address)
		if text := p.Text(); !strings.Contains(text, "Voorbeeld van een zorgverlener") ||
			strings.Contains(text, "Sample care provider") {
			t.Errorf("%s: %s", name, text)
		}
	}
	settings := b.Get("/settings")
	settings.Submit("/settings", url.Values{"token": {settings.CSRFToken()}, "language": {"nl"}})
	p := b.Get("/accounts").Click("fetch-" + string(account))
	if text := p.Text(); !strings.Contains(text, "haalt nu gegevens op bij Voorbeeld van een zorgverlener.") {
		t.Errorf("collect: %s", text)
	}
	p = p.Click("disconnect-" + string(account)).Click("disconnect-confirm")
	if text := p.Text(); !strings.Contains(text, "Voorbeeld van een zorgverlener is ontkoppeld.") {
		t.Errorf("disconnected: %s", text)
	}
	if text := b.Get("/activity?lng=en").Text(); !strings.Contains(text, "You disconnected Sample care provider") {
		t.Errorf("activity in English: %s", text)
	}
}
