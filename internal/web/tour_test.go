package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/browsertest"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// tour is a person who walks through pages in a real browser. Each page is checked: it breaks no rule of
// accessibility, and fits a narrow window.
type tour struct {
	*browsertest.Tab
	t *testing.T
	w *webtest.World

	language string
	// callback is a page of the applications, to come back to.
	callback string
}

// inEachLanguage runs a tour in each language, at the same time.
func inEachLanguage(t *testing.T, walk func(*tour)) {
	t.Parallel()
	for _, language := range []string{"en", "nl"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			walk(newTour(t, language))
		})
	}
}

func newTour(t *testing.T, language string) *tour {
	t.Helper()
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, "<!doctype html><title>Back at the application</title>")
	}))
	t.Cleanup(application.Close)
	tr := &tour{
		Tab: browsertest.Open(t), t: t, w: webtest.New(t),
		language: language, callback: application.URL + "/callback",
	}
	tr.SetLanguage(language)
	return tr
}

// open opens a page of the site.
func (tr *tour) open(path string) {
	tr.t.Helper()
	tr.Visit(tr.w.URL + path)
}

// check checks the page.
func (tr *tour) check(name string) {
	tr.t.Helper()
	tr.Check(tr.language + " " + name)
}

// register registers an application that the browser can come back to.
func (tr *tour) register(name string, options ...webtest.Option) *webtest.App {
	return tr.w.Register(name, append([]webtest.Option{webtest.CallsBack(tr.callback)}, options...)...)
}

// createLibrary creates a library on the page that asks for it.
func (tr *tour) createLibrary() {
	tr.t.Helper()
	tr.enter(webtest.Anna, webtest.Password)
	tr.Click("create-library")
}

// enter types an e-mail address and a password.
func (tr *tour) enter(email, password string) {
	tr.t.Helper()
	tr.Type("email", email)
	tr.Type("password", password)
}

// atCallback is the callback that the browser has come back to.
func (tr *tour) atCallback() *url.URL {
	tr.t.Helper()
	location := tr.Location()
	callback, err := url.Parse(location)
	if err != nil || !strings.HasPrefix(location, tr.callback) {
		tr.t.Fatalf("at %s, want %s", location, tr.callback)
	}
	return callback
}

// wantCallback wants a parameter of the callback.
func (tr *tour) wantCallback(name, value string) {
	tr.t.Helper()
	if q := tr.atCallback().Query(); q.Get(name) != value {
		tr.t.Errorf("callback %v, want %s %s", q, name, value)
	}
}

// TestSignedOutTour visits the pages for signing in.
func TestSignedOutTour(t *testing.T) {
	inEachLanguage(t, func(tr *tour) {
		request := tr.register("Demo Clinic").AuthorizeURL(tr.callback)
		tr.open(request)
		tr.check("create")
		tr.enter("anna", "short")
		tr.Click("create-library")
		tr.check("create faults")
		tr.Click("sign-in")
		tr.check("sign in")
		tr.Click("sign-in")
		tr.check("sign in faults")
		tr.Click("use-recovery")
		tr.check("recover")
		tr.Click("recover")
		tr.check("recover faults")
		tr.open("/apps/saas/authorize?code=unknown")
		tr.check("error link")
		tr.open(request + "&service=x")
		tr.check("error request")
		tr.open(request)
		tr.Click("cancel")
		tr.wantCallback("errorCode", "USER_CANCEL")
	})
}

// TestConsentTour visits the pages of two requests, and the list of applications.
func TestConsentTour(t *testing.T) {
	inEachLanguage(t, func(tr *tour) {
		clinic := tr.register("Demo Clinic")
		tr.open(clinic.AuthorizeURL(tr.callback))
		tr.createLibrary()
		tr.check("recovery code")
		tr.Click("recovery-saved")
		tr.check("consent write")
		request := tr.Location()
		tr.Click("consent-terms")
		tr.check("terms")
		tr.Visit(request)
		tr.Click("allow")
		clinic.Push(clinic.Exchange(tr.atCallback()), wire.Descriptor{MIMEType: "text/plain"}, "a note")
		tr.w.Clock.Moves(20 * time.Minute)

		filter := &wire.MetadataFilter{MIMEType: []string{"application/pdf"}, Tags: []string{"lab"}}
		reads := webtest.Reads(library.Scope{Raw: true, Filter: filter})
		monitor := tr.register("Home Monitor", webtest.SaysNothing, reads)
		tr.open(monitor.AuthorizeURL(tr.callback))
		tr.check("consent read")
		tr.Click("deny")
		tr.wantCallback("errorCode", "USER_CANCEL")
		tr.open(monitor.AuthorizeURL(tr.callback))
		tr.Click("allow")
		tr.atCallback()

		tr.open("/grants")
		tr.check("grants")
		tr.ClickSelector("[data-testid^='revoke-']")
		tr.check("stop")
		tr.Click("revoke-confirm")
		tr.check("grants stopped")
		tr.ClickSelector("[data-testid^='stop-all-']")
		tr.check("stop everything")
		tr.Click("stop-all-confirm")
		tr.check("grants all stopped")
		tr.Visit(request)
		tr.check("answered before")
	})
}

// TestFilesTour visits the pages of a library with more than a page of files.
func TestFilesTour(t *testing.T) {
	inEachLanguage(t, func(tr *tour) {
		tr.fillLibrary()
		tr.open("/files")
		tr.check("files")
		tr.Click("next")
		tr.check("files second page")
		tr.open("/files?q=nothing+like+it")
		tr.check("files none")
		tr.open("/files?q=Blood")
		tr.Click(tr.FirstTestID("a[data-testid^='file-']"))
		tr.check("file")
		tr.open("/activity")
		tr.check("activity")
		tr.open("/activity/check")
		tr.check("activity check")
		tr.Click("check-checkpoint")
		tr.check("activity check unknown")
		tr.open("/no/such/page")
		tr.check("error not found")
	})
}

// TestFileSearchTour searches more files than one page looks at.
func TestFileSearchTour(t *testing.T) {
	inEachLanguage(t, func(tr *tour) {
		tr.fillLibrary()
		monitor := tr.register("Home Monitor")
		tr.open(monitor.AuthorizeURL(tr.callback))
		tr.Click("allow")
		token := monitor.Exchange(tr.atCallback())
		measured := wire.RawMetadata{MIMEType: "application/fhir+json", Reference: []string{"Weight"}}
		monitor.AddFiles(token, 2000, 12*time.Hour, measured)
		tr.open("/files")
		tr.enter(webtest.Anna, webtest.Password) // years later
		tr.Click("sign-in")
		tr.check("files of two apps")
		tr.open("/files?q=blood")
		tr.check("files search begun")
		tr.Click("next")
		tr.check("files search found")
		tr.Click("previous")
		tr.check("files search back")
		tr.open("/files?q=weight")
		tr.check("files search first page")
		tr.Click("next")
		tr.check("files search second page")
	})
}

// fillLibrary creates a library in which an application has put more than a page of files.
func (tr *tour) fillLibrary() {
	tr.t.Helper()
	clinic := tr.register("Demo Clinic")
	tr.open(clinic.AuthorizeURL(tr.callback))
	tr.createLibrary()
	tr.Click("recovery-saved")
	tr.Click("allow")
	token := clinic.Exchange(tr.atCallback())
	for i, file := range []struct{ name, mimeType string }{
		{"Letter from the cardiologist", "application/pdf"},
		{"X-ray of left hand.png", "image/png"},
		{"vaccinations.pdf", "application/pdf"},
		{"Blood test results", "application/fhir+json"},
	} {
		clinic.Push(token, wire.Descriptor{
			MIMEType: file.mimeType, Reference: []string{file.name}, Tags: []string{"lab", "2026"},
		}, strings.Repeat("x", 40_000*(i+1)))
	}
	for i := range 19 {
		name := fmt.Sprintf("Note %d", i+1)
		clinic.Push(token, wire.Descriptor{MIMEType: "text/plain", Reference: []string{name}}, "a note")
	}
	clinic.Push(token, wire.Descriptor{MIMEType: "application/zip"}, strings.Repeat("x", 1234))
	tr.w.Clock.Moves(20 * time.Minute)
}

// TestSettingsTour visits the settings, deletes the library and undoes it.
func TestSettingsTour(t *testing.T) {
	inEachLanguage(t, func(tr *tour) {
		tr.fillLibrary()
		tr.open("/files")
		tr.Click("nav-settings")
		tr.check("settings")
		tr.Click("settings-password")
		tr.check("password")
		tr.Click("change-password")
		tr.check("password faults")
		tr.open("/settings")
		tr.Click("settings-recovery")
		tr.check("new code")
		tr.open("/recovery-code")
		tr.check("code gone")
		tr.open("/settings")
		tr.Click("delete-library")
		tr.check("delete")
		tr.Click("delete-confirm")
		tr.check("delete faults")
		tr.Type("password", webtest.Password)
		tr.Toggle("delete-understood")
		tr.Click("delete-confirm")
		tr.check("shut")
		tr.Click("delete-undo")
		tr.check("files undone")
		tr.Click("sign-out")
		tr.check("signed out")

		// Last: no click arrives once Chromium has tried to open an application on a phone.
		tr.open(tr.register("Demo Clinic").AuthorizeURL(webtest.PhoneCallback))
		tr.enter(webtest.Anna, webtest.Password)
		tr.Click("sign-in")
		tr.Click("allow")
		tr.check("done")
	})
}

// TestRevokeTour answers both kinds of requests to revoke something, without scripts.
func TestRevokeTour(t *testing.T) {
	inEachLanguage(t, func(tr *tour) {
		tr.w.Provider.Lists(webtest.Lucas)
		clinic := tr.register("Demo Clinic")
		b, token := tr.w.Connects(webtest.Anna, clinic, webtest.Lucas)
		account, user := clinic.ConnectionTo(token, webtest.Lucas.ID), clinic.UserAccount(token)
		b.Get("/files").Click("sign-out")

		tr.open(clinic.RevokeURL(tr.callback, token, account))
		tr.check("revoke signed out")
		tr.enter(webtest.Anna, webtest.Password)
		tr.Click("sign-in")
		tr.DisableScripts(true)
		tr.Click("cancel")
		tr.wantCallback("error_message", "USER_CANCEL")
		tr.open(clinic.RevokeURL(tr.callback, token, account))
		tr.Click("disconnect-confirm")
		tr.wantCallback("result", "success")
		tr.open(clinic.RevokeURL(tr.callback, token, user))
		tr.DisableScripts(false)
		tr.check("revoke all")
		tr.Click("revoke-confirm")
		tr.wantCallback("result", "success")
	})
}

// TestStorageTour visits the pages of an application's storage.
func TestStorageTour(t *testing.T) {
	inEachLanguage(t, func(tr *tour) {
		clinic := tr.register("Demo Clinic")
		id := clinic.CreatesStorage()
		request := clinic.AuthorizeURL(tr.callback) + "&storageRef=" + clinic.StorageHandle(id)
		tr.open(request)
		tr.createLibrary()
		tr.Click("recovery-saved")
		tr.check("consent with storage")
		tr.Click("allow")
		clinic.Uploads(id, carreltest.PathOf("state"), "content")
		application := string(clinic.Application.ID)
		tr.open("/grants")
		tr.check("apps with storage")
		tr.Click("stop-all-" + application)
		tr.check("stop all with storage")
		tr.Click("cancel")
		tr.Click("delete-storage-" + application)
		tr.check("delete storage")
		tr.Click("delete-storage-confirm")
		tr.check("storage deleted")
		tr.open("/activity")
		tr.check("activity with storage")
		tr.open(clinic.AuthorizeURL(tr.callback) + "&storageRef=none")
		tr.check("no such storage")
	})
}
