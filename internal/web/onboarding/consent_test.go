package onboarding_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

func TestAllow(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	p := w.NewBrowser().CreateLibrary(clinic.AuthorizeURL(webtest.WebCallback), webtest.Anna)
	if got, want := p.Title(), "May Demo Clinic add files to your library?"; got != want {
		t.Fatalf("title %q, want %q", got, want)
	}
	if got := p.TextOf("consent-application"); got != "Demo Clinic" {
		t.Errorf("application %q", got)
	}
	callback := p.Click("allow").Callback()
	q := callback.Query()
	if callback.Host != "clinic.example" || q.Get("from") != "carrel" || q.Get("success") != "true" ||
		q.Get("state") != "the state" || q.Get("code") == "" || q.Get("accountReference") == "" {
		t.Errorf("callback %s", callback)
	}
	if clinic.Exchange(callback) == "" {
		t.Error("no access token")
	}
}

func TestDeny(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	b := w.NewBrowser()
	request := w.Register("Demo Clinic").AuthorizeURL(webtest.WebCallback)
	q := b.CreateLibrary(request, webtest.Anna).Click("deny").Callback().Query()
	if q.Get("success") != "false" || q.Get("errorCode") != "USER_CANCEL" || q.Get("state") != "the state" {
		t.Errorf("callback %v", q)
	}
	p := b.Get(request)
	if p.Status != http.StatusOK || p.Title() != "Done: Demo Clinic got no new permission" {
		t.Errorf("answered request: %d %q", p.Status, p.Title())
	}
	if back := p.Attr("return", "href"); !strings.Contains(back, "errorCode=USER_CANCEL") {
		t.Errorf("link back %q", back)
	}
	other := w.NewBrowser().Get(request)
	if other.Status != http.StatusGone || other.Title() != "You have already answered" ||
		!strings.Contains(other.Attr("return", "href"), "errorCode=USER_CANCEL") {
		t.Errorf("in another browser: %d %s", other.Status, other.Text())
	}
}

// To deny leaves no account that no application may use.
func TestDenyAfterConnecting(t *testing.T) {
	t.Parallel()
	w, clinic := newProviders(t)
	b, p := atChoice(w, clinic)
	if q := p.Connect(webtest.Lucas).Click("deny").Callback().Query(); q.Get("errorCode") != "USER_CANCEL" {
		t.Errorf("callback %v", q)
	}
	if p = b.Get("/accounts"); !strings.Contains(p.TextOf("accounts"), "Nothing is connected yet.") {
		t.Errorf("accounts: %s", p.Text())
	}
	p = b.Get(clinic.AuthorizeURL(webtest.WebCallback))
	if p.Title() != "Choose your care provider" || strings.Contains(p.Text(), "Used before") {
		t.Errorf("next time: %s", p.Text())
	}
}

// An answer counts only for the question that was shown.
func TestAnswerBeforeConnecting(t *testing.T) {
	t.Parallel()
	w, clinic := newProviders(t)
	_, p := atChoice(w, clinic)
	action, fields := p.Form(webtest.SourceID(webtest.Lucas))
	fields.Set("step", "answer")
	fields.Set("answer", "allow")
	if p = p.Submit(action, fields); p.Title() != "Choose your care provider" {
		t.Errorf("answered: %d %s", p.Status, p.Text())
	}
	fields.Set("step", "depart")
	if p = p.Submit(action, fields); p.Title() != "Choose your care provider" {
		t.Errorf("left for nowhere: %d %s", p.Status, p.Text())
	}
}

// If another tab has connected another account meanwhile, a yes does not count: the person is asked again.
func TestAllowAfterAnotherTabConnected(t *testing.T) {
	t.Parallel()
	w, clinic := newProviders(t)
	b, p := atChoice(w, clinic)
	request := p.URL.RequestURI()
	shown := p.Connect(webtest.Lucas)
	action, fields := shown.Form("allow")
	fields.Set("account", "another")
	if p = shown.Submit(action, fields); !p.Has("allow") {
		t.Fatalf("with another account: %d %s", p.Status, p.Text())
	}
	fields.Del("account")
	if p = shown.Submit(action, fields); !p.Has("allow") {
		t.Fatalf("with no account: %d %s", p.Status, p.Text())
	}
	if q := b.Get(request).Click("allow").Callback().Query(); q.Get("success") != "true" {
		t.Errorf("asked again: %v", q)
	}
}

func TestRenewal(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic", webtest.GrantFor(24*time.Hour))
	b, token := w.Allows(webtest.Anna, clinic)
	w.Clock.Moves(25 * time.Hour)
	p := b.SignIn(clinic.ReauthURL(webtest.WebCallback, token), webtest.Anna)
	if got, want := p.Title(), "May Demo Clinic go on using your library?"; got != want {
		t.Fatalf("title %q, want %q", got, want)
	}
	if !strings.Contains(p.Text(), "You allowed it until 25 November 2026 .") &&
		!strings.Contains(p.Text(), "You allowed it until 25 November 2026.") {
		t.Errorf("no end of the earlier consent: %s", p.Text())
	}
	if q := p.Click("allow").Callback().Query(); q.Get("success") != "true" || q.Get("code") == "" {
		t.Errorf("callback %v", q)
	}
}

// An application on a phone is reached by a page with a link.
func TestPhoneCallback(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	for answer, want := range map[string]string{"allow": "allowed", "deny": "denied"} {
		t.Run(answer, func(t *testing.T) {
			b := w.NewBrowser()
			p := b.CreateLibrary(clinic.AuthorizeURL(webtest.PhoneCallback), answer+"@example.org")
			csp := p.Header.Get("Content-Security-Policy")
			if !strings.Contains(csp, "form-action 'self' clinic-app:;") {
				t.Errorf("policy %s", csp)
			}
			p = p.Click(answer)
			if got := p.Attr("done-state", "data-state"); got != want {
				t.Errorf("state %q, want %q", got, want)
			}
			back := p.Attr("return", "href")
			if !strings.HasPrefix(back, "clinic-app://callback?") ||
				!strings.Contains(p.Body, `content="0; url=clinic-app://callback?`) {
				t.Errorf("link back %q", back)
			}
		})
	}
}

// A contract with the right to delete the library says so, and how long that can be taken back.
func TestConsentToDelete(t *testing.T) {
	t.Parallel()
	for wait, want := range map[time.Duration]string{
		7 * 24 * time.Hour: "Delete your whole library, with everything in it. You have 7 days to take it back.",
		36 * time.Hour:     "Delete your whole library, with everything in it. You have 1 day to take it back.",
		time.Hour:          "Delete your whole library, with everything in it. You have a short time to take it back.",
		0:                  "Delete your whole library, with everything in it, at once. You cannot take it back.",
	} {
		w := webtest.New(t, func(c *server.Config) { c.DeleteWait = wait })
		w.Provider.Lists(webtest.Lucas)
		clinic := w.Register("Demo Clinic", webtest.DeletesLibrary)
		p := w.NewBrowser().CreateLibrary(clinic.AuthorizeURL(webtest.WebCallback), webtest.Anna).Connect(webtest.Lucas)
		scope := p.TextOf("consent-scope")
		if !strings.Contains(scope, want) || strings.Contains(scope, "Change or delete files.") {
			t.Errorf("%v: %s", wait, scope)
		}
		request := "/apps/saas/authorize?code=" + clinic.Authorize(webtest.WebCallback)
		p = w.NewBrowser().CreateLibrary(request, webtest.Bob)
		scope = p.TextOf("consent-scope")
		if !strings.Contains(scope, want) || !strings.Contains(scope, "Change files, or delete single files.") {
			t.Errorf("%v: %s", wait, scope)
		}
	}
}

// A person who connects a provider and then does not allow it reads that the connection is gone, also if they chose
// another provider in between, or never answered.
func TestDeniedConnectionInActivity(t *testing.T) {
	t.Parallel()
	w, clinic := newProviders(t)
	b := w.NewPerson(webtest.Anna)
	const removed = "The connection with Sint Lucas Hospital was removed, because no app was allowed to use it."
	activity := func() string { return b.Get("/activity").TextOf("activity") }
	want := func(when string, times int) {
		t.Helper()
		if got := activity(); strings.Count(got, removed) != times {
			t.Errorf("%s: %s", when, got)
		}
	}
	p := b.Get(clinic.AuthorizeURL(webtest.WebCallback)).Connect(webtest.Lucas)
	want("connected", 0)
	p.Click("deny")
	want("denied", 1)
	if got := activity(); !strings.Contains(got, "You did not allow Demo Clinic . 10:42 You connected") {
		t.Errorf("order: %s", got)
	}
	if got := b.Get("/accounts").TextOf("accounts"); !strings.HasPrefix(got, "Nothing is connected yet.") {
		t.Errorf("accounts: %s", got)
	}
	b.Get(clinic.AuthorizeURL(webtest.WebCallback)).Connect(webtest.Lucas)
	for range 25 { // hours; the request expires, and then what was connected for it
		w.Clock.Moves(time.Hour)
		if err := w.Store.Sweep(t.Context(), w.Clock.Now(), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	b.SignIn("/sign-in", webtest.Anna)
	want("never answered", 2)
}

// What the person allows an application already is a list, and not one long sentence.
func TestConsentListsOtherGrants(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	app := w.Register("Demo Clinic")
	b := w.NewPerson(webtest.Anna)
	b.Get(app.AuthorizeURL(webtest.WebCallback)).Click("allow").Callback()
	reads := app.Another(webtest.Reads(library.Scope{Raw: true}))
	b.Get(reads.AuthorizeURL(webtest.WebCallback)).Click("allow").Callback()
	p := b.Get(app.Another(webtest.DeletesLibrary).AuthorizeURL(webtest.WebCallback) + "&lng=en")
	if !strings.Contains(p.Text(), "You already allow Demo Clinic:") {
		t.Fatalf("page: %s", p.Text())
	}
	for _, line := range []string{"<li>Add files to your library</li>", "<li>Read files: all of them</li>"} {
		if !strings.Contains(p.Body, line) {
			t.Errorf("no %s: %s", line, p.TextOf("consent-also"))
		}
	}
}
