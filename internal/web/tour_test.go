package web_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// TestTour walks through every page as people do, in both languages, and judges
// each.
func TestTour(t *testing.T) {
	browser := openChromium(t)
	for _, language := range []string{"en", "nl"} {
		t.Run(language, func(t *testing.T) {
			w := newWorld(t)
			tr := &tour{t, w, w.open(t, browser, language), language, application(t)}
			tr.doors()
			tr.consents()
			tr.library()
			tr.settings()
			tr.phone()
		})
	}
}

// tour is one walk. Its parts stand on one another.
type tour struct {
	t        *testing.T
	w        *world
	b        *tab
	language string
	callback string
}

func (tr *tour) look(name string) {
	tr.t.Helper()
	tr.b.look(tr.language + " " + name)
}

func (tr *tour) register(name string, change func(*library.Application, *library.Contract)) library.Client {
	return tr.w.clinic(name, func(a *library.Application, k *library.Contract) {
		k.RedirectURIs = []string{tr.callback, phoneCallback}
		change(a, k)
	})
}

// back is the callback that the browser is at.
func (tr *tour) back() *url.URL {
	tr.t.Helper()
	at := tr.b.at()
	to, err := url.Parse(at)
	if err != nil || !strings.HasPrefix(at, tr.callback) {
		tr.t.Fatalf("at %s, want %s", at, tr.callback)
	}
	return to
}

func (tr *tour) doors() {
	b, link := tr.b, authorize(tr.w.link(tr.register("Demo Clinic", write), tr.callback, ""))
	b.visit(link)
	tr.look("create")
	b.fill("email", "anna")
	b.fill("password", "short")
	b.click("create-library")
	tr.look("create faults")
	b.click("sign-in")
	tr.look("sign in")
	b.click("sign-in")
	tr.look("sign in faults")
	b.click("use-recovery")
	tr.look("recover")
	b.click("recover")
	tr.look("recover faults")
	b.visit("/apps/saas/authorize?code=unknown")
	tr.look("error link")
	b.visit(link + "&service=x")
	tr.look("error request")
	b.visit(link)
	b.click("cancel")
	if q := tr.back().Query(); q.Get("errorCode") != "USER_CANCEL" {
		tr.t.Errorf("stopped: %v", q)
	}
}

func (tr *tour) consents() {
	b, w := tr.b, tr.w
	clinic := tr.register("Demo Clinic", write)
	b.visit(authorize(w.link(clinic, tr.callback, "")))
	b.fill("email", email)
	b.fill("password", password)
	b.click("create-library")
	tr.look("recovery code")
	b.click("recovery-saved")
	tr.look("consent write")
	link := b.at()
	b.click("consent-terms")
	tr.look("terms")
	b.visit(link)
	b.click("allow")
	tr.fillLibrary(clinic, w.exchange(clinic, tr.back()))

	monitor := tr.register("Home Monitor", func(a *library.Application, k *library.Contract) {
		a.Checked, k.Terms, k.Privacy, k.Purpose = false, "", "", ""
		k.Access, k.Scope = library.Read, library.Scope{Raw: true, Filter: &wire.MetadataFilter{MIMEType: []string{"application/pdf"}, Tags: []string{"lab"}}}
	})
	b.visit(authorize(w.link(monitor, tr.callback, "")))
	tr.look("consent read")
	b.click("deny")
	if q := tr.back().Query(); q.Get("errorCode") != "USER_CANCEL" {
		tr.t.Errorf("denied: %v", q)
	}
	b.visit(authorize(w.link(monitor, tr.callback, "")))
	b.click("allow")
	tr.back()
}

// fillLibrary adds more than a page of files, over some days.
func (tr *tour) fillLibrary(clinic library.Client, token string) {
	for i, name := range []string{"Letter from the cardiologist", "X-ray of left hand.png", "vaccinations.pdf", "Blood test results"} {
		kind := []string{"application/pdf", "image/png", "application/pdf", "application/fhir+json"}[i]
		tr.w.push(clinic, token, wire.Descriptor{MIMEType: kind, Reference: []string{name}, Tags: []string{"lab", "2026"}}, strings.Repeat("x", 40_000*(i+1)))
	}
	for i := range 19 {
		tr.w.push(clinic, token, wire.Descriptor{MIMEType: "text/plain", Reference: []string{fmt.Sprintf("Note %d", i+1)}}, "a note")
	}
	tr.w.push(clinic, token, wire.Descriptor{MIMEType: "application/zip"}, strings.Repeat("x", 1234))
	tr.w.pass(20 * time.Minute)
}

func (tr *tour) library() {
	b := tr.b
	b.visit("/files")
	tr.look("files")
	b.visit("/files?page=2")
	tr.look("files second page")
	b.visit("/files?q=nothing+like+it")
	tr.look("files none")
	b.visit("/files?q=Blood")
	b.click(b.first("a[data-testid^='file-']"))
	tr.look("file")
	b.visit("/no/such/page")
	tr.look("error not found")
	b.visit("/grants")
	tr.look("grants")
	b.click(b.first("[data-testid^='revoke-']"))
	tr.look("stop")
	b.click("revoke-confirm")
	tr.look("grants stopped")
	b.visit("/activity")
	tr.look("activity")
}

func (tr *tour) settings() {
	b := tr.b
	b.click("nav-settings")
	tr.look("settings")
	b.click("settings-password")
	tr.look("password")
	b.click("change-password")
	tr.look("password faults")
	b.visit("/settings")
	b.click("settings-recovery")
	tr.look("new code")
	b.visit("/recovery-code")
	tr.look("code gone")
	b.visit("/settings")
	b.click("delete-library")
	tr.look("delete")
	b.click("delete-confirm")
	tr.look("delete faults")
	b.fill("password", password)
	b.tick("delete-understood")
	b.click("delete-confirm")
	tr.look("shut")
	b.click("delete-undo")
	tr.look("files undone")
	b.click("sign-out")
	tr.look("signed out")
}

// phone comes last: no click arrives once Chromium has tried to open an app.
func (tr *tour) phone() {
	b := tr.b
	b.visit(authorize(tr.w.link(tr.register("Demo Clinic", write), phoneCallback, "")))
	b.fill("email", email)
	b.fill("password", password)
	b.click("sign-in")
	b.click("allow")
	tr.look("done")
}
