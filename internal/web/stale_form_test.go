package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/web/webtest"
)

// TestStaleForm sends the forms of pages that were shown before the person signed in or out. None changes
// anything, and each says what is so now.
func TestStaleForm(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	w.Provider.Lists(webtest.Lucas)
	clinic := w.Register("Demo Clinic")
	b, token := w.Connects(webtest.Anna, clinic, webtest.Lucas)
	account, grant := clinic.ConnectionTo(token, webtest.Lucas.ID), clinic.GrantOf(token)
	w.Clock.Moves(time.Minute)
	request := b.Get("/apps/saas/authorize?code=" + clinic.Authorize(webtest.WebCallback))
	revocation := b.Get(clinic.RevokeURL(webtest.WebCallback, token, account))
	forms := []struct {
		page   *webtest.Page
		button string
		fill   []string
	}{
		{b.Get("/accounts").Click("disconnect-" + string(account)), "disconnect-confirm", nil},
		{b.Get("/grants").Click("revoke-" + grant), "revoke-confirm", nil},
		{b.Get("/grants").Click("stop-all-" + string(clinic.Application.ID)), "stop-all-confirm", nil},
		{b.Get("/settings/password"), "change-password", []string{"current-password", webtest.Password,
			"new-password", "five other plain words here"}},
		{b.Get("/settings/recovery-code"), "new-code", []string{"password", webtest.Password}},
		{b.Get("/settings"), "settings-language", []string{"language", "nl"}},
		{b.Get("/activity/check"), "check-checkpoint", []string{"text", "x"}},
		{b.Get("/delete"), "delete-confirm", []string{"password", webtest.Password, "delete-understood", "yes"}},
		{request, "allow", nil}, {request, "deny", nil},
		{revocation, "disconnect-confirm", nil}, {revocation, "cancel", nil},
	}
	unchanged := func(when, button string) {
		t.Helper()
		if !clinic.Works(token) || len(clinic.Connections(token)) != 1 {
			t.Fatalf("%s %s: the application has lost its access", button, when)
		}
	}
	request.Click("not-me")
	for _, f := range forms {
		p := f.page.Click(f.button, f.fill...)
		if p.Status != http.StatusOK || p.Title() != "Sign in to your library" ||
			p.TextOf("notice") != "You were no longer signed in, so we did nothing. Sign in and try again." {
			t.Errorf("%s after signing out: %d %s", f.button, p.Status, p.Text())
		}
		unchanged("after signing out", f.button)
	}
	b.CreateLibrary("/create", webtest.Bob)
	for _, f := range append(forms, forms[0]) {
		p := f.page.Click(f.button, f.fill...)
		if p.Status != http.StatusConflict || p.Title() != "Someone has signed in since" ||
			!p.Has("try-again") == strings.HasPrefix(f.page.URL.Path, "/apps/") {
			t.Errorf("%s as Bob: %d %s", f.button, p.Status, p.Text())
		}
		unchanged("as Bob", f.button)
	}
	// A sign-out of Anna's page does not sign Bob out.
	for _, p := range []*webtest.Page{
		request.Click("not-me"), request.Click("sign-out"), forms[0].page.Click("sign-out"),
	} {
		if p.Status != http.StatusConflict {
			t.Errorf("signing out on Anna's page: %d %s", p.Status, p.Text())
		}
	}
	if p := b.Get("/settings"); p.TextOf("settings-email") != webtest.Bob {
		t.Errorf("Bob's settings: %s", p.Text())
	}
	b.Get("/files").Click("sign-out")
	b.SignIn("/sign-in", webtest.Anna)
	unchanged("at the end", "everything")
	if got := b.Get("/activity").TextOf("activity"); strings.Count(got, "You changed your password") != 0 {
		t.Errorf("activity: %s", got)
	}
}

// TestNotMeAgain presses "This is not me" more often than once: twice at once, gone back to, in another tab, and after
// the request was answered or has expired.
func TestNotMeAgain(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	b := w.NewPerson(webtest.Anna)
	open := func() *webtest.Page {
		return b.Get("/apps/saas/authorize?code=" + clinic.Authorize(webtest.WebCallback))
	}
	signedOut := func(when string, p *webtest.Page) {
		t.Helper()
		if p.Status != http.StatusOK || p.Title() != "Sign in to your library" ||
			p.TextOf("notice") != "You have signed out." {
			t.Errorf("%s: %d %s", when, p.Status, p.Text())
		}
		if p := b.Get("/settings"); p.Title() != "Sign in to your library" {
			t.Errorf("%s: still signed in", when)
		}
	}
	p, tab := open(), open()
	if to := same(t, pressTwice(t, w, p, "not-me")); !strings.Contains(to, "step=sign-in") {
		t.Errorf("pressed twice: %s", to)
	}
	signedOut("gone back", p.Click("not-me"))
	signedOut("in another tab", tab.Click("not-me"))
	signedOut("signed out at the top", tab.Click("sign-out"))

	b.SignIn("/sign-in", webtest.Anna)
	p = open()
	p.Click("deny")
	signedOut("after the answer", p.Click("not-me"))
	b.SignIn("/sign-in", webtest.Anna)
	p = open()
	w.Clock.Moves(20 * time.Minute)
	b.Get("/files") // so that the login goes on
	w.Clock.Moves(20 * time.Minute)
	signedOut("after the request", p.Click("not-me"))
}

// TestSignedOutFormsOfBefore sends the forms for signing in after somebody has signed in with the browser, or has
// signed in and out again.
func TestSignedOutFormsOfBefore(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	b := w.NewBrowser()
	pages := map[string]*webtest.Page{
		"sign-in": b.Get("/sign-in"), "create-library": b.Get("/create"), "recover": b.Get("/recover"),
	}
	files := b.CreateLibrary("/create", webtest.Anna)
	for button, page := range pages {
		p := page.Click(button, "email", webtest.Bob, "password", webtest.Password)
		if p.Status != http.StatusOK || p.Title() != "Your files" ||
			p.TextOf("notice") != "You were already signed in here. Is this not your library? Then sign out." {
			t.Errorf("%s, signed in: %d %s", button, p.Status, p.Text())
		}
	}
	files.Click("sign-out")
	for button, page := range pages {
		p := page.Click(button, "email", webtest.Bob, "password", webtest.Password)
		if p.Status != http.StatusOK || !p.Has(button) ||
			p.TextOf("notice") != "That page had been open for too long, so we did nothing. Try again." {
			t.Errorf("%s, signed out again: %d %s", button, p.Status, p.Text())
		}
	}
	if w.Rows("libraries") != 1 {
		t.Errorf("%d libraries", w.Rows("libraries"))
	}
}
