package account_test

import (
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

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
	if !strings.Contains(p.Text(), "Add sample data of Sample care provider to your library.") {
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
