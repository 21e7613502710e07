package onboarding_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// newConnection returns a site where a person has connected Sint Lucas Hospital for an application.
func newConnection(t *testing.T) (
	w *webtest.World, clinic *webtest.App, b *webtest.Browser, token string, account wire.AccountID,
) {
	t.Helper()
	w, clinic = newProviders(t)
	b, token = w.Connects(webtest.Anna, clinic, webtest.Lucas)
	return w, clinic, b, token, clinic.ConnectionTo(token, webtest.Lucas.ID)
}

// wantCallback wants a callback to the application with a query.
func wantCallback(t *testing.T, callback *url.URL, query string) {
	t.Helper()
	if callback.Query().Encode() != query || callback.Host != "clinic.example" || callback.Path != "/callback" {
		t.Errorf("callback %s, want %s", callback, query)
	}
}

const (
	revoked    = "from=carrel&result=success"
	notRevoked = "error_message=USER_CANCEL&from=carrel&result=failed"
)

// A request to revoke an account at a provider disconnects it.
func TestRevokeConnection(t *testing.T) {
	t.Parallel()
	w, clinic, b, token, account := newConnection(t)

	t.Run("no", func(t *testing.T) {
		request := clinic.RevokeURL(webtest.WebCallback, token, account)
		if p := b.Get(request + "&lng=nl"); p.Title() != "Sint Lucas Hospital ontkoppelen?" {
			t.Errorf("in Dutch: %q", p.Title())
		}
		p := b.Get(request)
		if p.Title() != "Disconnect Sint Lucas Hospital?" || p.Has("revoke-confirm") ||
			!strings.Contains(p.Text(), "This question is from Demo Clinic") ||
			!strings.Contains(p.Text(), "Nothing is sent or collected any more.") {
			t.Errorf("question: %s", p.Text())
		}
		csp := p.Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "form-action 'self' https://clinic.example;") {
			t.Errorf("policy %s", csp)
		}
		wantCallback(t, p.Click("cancel").Callback(), notRevoked)
		if p = b.Get(request); p.Title() != "Nothing has changed in your library." ||
			!strings.Contains(p.Attr("return", "href"), "result=failed") {
			t.Errorf("answered: %d %s", p.Status, p.Text())
		}
		if len(clinic.Connections(token)) != 1 {
			t.Fatal("a no has disconnected it")
		}
	})
	t.Run("yes", func(t *testing.T) {
		request := clinic.RevokeURL(webtest.WebCallback, token, account)
		opened := b.Get(clinic.RevokeURL(webtest.WebCallback, token, account))
		p := b.Get(clinic.RevokeURL(webtest.PhoneCallback, token, account)).Click("disconnect-confirm")
		if p.Attr("done-state", "data-state") != "revoked" || p.Title() != "Sint Lucas Hospital is disconnected." ||
			p.Attr("return", "href") != "clinic-app://callback?result=success" {
			t.Errorf("for a phone: %s", p.Body)
		}
		if len(clinic.Connections(token)) != 0 {
			t.Error("a yes has left it connected")
		}
		wantCallback(t, b.Get(request).Callback(), revoked) // nothing left to ask
		wantCallback(t, opened.Click("disconnect-confirm").Callback(), revoked)
		activity := b.Get("/activity").TextOf("activity")
		if strings.Count(activity, "You disconnected Sint Lucas Hospital") != 1 ||
			strings.Contains(activity, "did not allow") {
			t.Errorf("activity %s", activity)
		}
	})
	t.Run("in a browser that has not signed in", func(t *testing.T) {
		p := w.NewBrowser().Get(clinic.RevokeURL(webtest.WebCallback, token, clinic.UserAccount(token)))
		wantCallback(t, p.Click("cancel").Callback(), notRevoked)
	})
}

// A request to revoke the person's account ends the application's access.
func TestRevokeAccess(t *testing.T) {
	t.Parallel()
	_, clinic, b, token, _ := newConnection(t)
	user := clinic.UserAccount(token)
	p := b.Get(clinic.RevokeURL(webtest.PhoneCallback, token, user))
	if p.Title() != "Stop the access of Demo Clinic?" ||
		p.TextOf("revoke-ends") != "Add files to your library Send data to Sint Lucas Hospital" ||
		!strings.Contains(p.Text(), "From now on Demo Clinic cannot use your library.") {
		t.Errorf("question: %s", p.Text())
	}
	if csp := p.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' clinic-app:;") {
		t.Errorf("policy %s", csp)
	}
	p = p.Click("cancel")
	if p.Attr("done-state", "data-state") != "denied" || p.Title() != "Nothing has changed in your library." {
		t.Errorf("a no: %s", p.Text())
	}
	request := clinic.RevokeURL(webtest.WebCallback, token, user)
	late := clinic.RevokeURL(webtest.WebCallback, token, user)
	wantCallback(t, b.Get(request).Click("revoke-confirm").Callback(), revoked)
	if got := b.Get("/grants"); !strings.Contains(got.Text(), ". Stopped.") {
		t.Errorf("apps: %s", got.Text())
	}
	wantCallback(t, b.Get(late).Callback(), revoked) // it has ended already
}

// The question is for one person, who has signed in.
func TestRevokeIsForOnePerson(t *testing.T) {
	t.Parallel()
	w, clinic, _, token, account := newConnection(t)
	request := clinic.RevokeURL(webtest.WebCallback, token, account)
	stranger := w.NewBrowser()
	p := stranger.Get(request)
	if p.Title() != "Sign in to your library" || p.Has("create-library") || strings.Contains(p.Body, "Lucas") {
		t.Fatalf("a stranger sees %s", p.Text())
	}
	stranger.CreateLibrary("/create", webtest.Bob)
	p = stranger.Get(request)
	if p.Status != http.StatusForbidden || strings.Contains(p.Body, "Lucas") || strings.Contains(p.Body, webtest.Anna) {
		t.Fatalf("another person sees %d %s", p.Status, p.Text())
	}
	want := webtest.WebCallback + "&error_message=INVALID_CODE&result=failed"
	if back := p.Attr("return", "href"); back != want {
		t.Errorf("link back %s", back)
	}
	action, fields := p.Form("switch")
	fields.Set("step", "answer")
	fields.Set("answer", "revoke")
	if p = stranger.Post(action, fields); p.Status != http.StatusForbidden || len(clinic.Connections(token)) != 1 {
		t.Errorf("another person answers: %d", p.Status)
	}
	p = stranger.Get(request).Click("switch").Click("sign-in", "email", webtest.Anna, "password", webtest.Password)
	if p.Title() != "Disconnect Sint Lucas Hospital?" {
		t.Errorf("the right person: %s", p.Text())
	}
}

// Forms that the question does not have, and answers that are none, change nothing.
func TestRevokeMalformedAnswers(t *testing.T) {
	t.Parallel()
	_, clinic, b, token, account := newConnection(t)
	action, fields := b.Get(clinic.RevokeURL(webtest.WebCallback, token, account)).Form("cancel")
	for _, change := range []url.Values{
		{"answer": {""}}, {"answer": {"allow"}}, {"step": {"choose"}}, {"step": {"depart"}}, {"step": {"other"}},
		{"token": {"x"}},
	} {
		changed := maps.Clone(fields)
		maps.Copy(changed, change)
		p := b.Post(action, changed)
		if p.Status != http.StatusBadRequest && p.Status != http.StatusForbidden {
			t.Errorf("%v: %d %s", change, p.Status, p.Header.Get("Location"))
		}
	}
	if len(clinic.Connections(token)) != 1 {
		t.Error("it was disconnected")
	}
}

// A request to revoke is answered at its own address only, and for half an hour.
func TestRevokeRequestElsewhere(t *testing.T) {
	t.Parallel()
	w, clinic, b, token, account := newConnection(t)
	request := clinic.RevokeURL(webtest.WebCallback, token, account)
	for _, path := range []string{"authorize", "onboard", "reauthorize", "user-reauth"} {
		if p := b.Get(strings.Replace(request, "revoke", path, 1)); p.Status != http.StatusNotFound {
			t.Errorf("at %s: %d", path, p.Status)
		}
	}
	if p := b.Get("/apps/saas/revoke?code=" + clinic.Authorize(webtest.WebCallback)); p.Status != http.StatusNotFound {
		t.Errorf("another request at revoke: %d", p.Status)
	}
	w.Clock.Moves(31 * time.Minute)
	p := w.NewBrowser().Get(request)
	if back := p.Attr("return", "href"); p.Status != http.StatusGone ||
		!strings.Contains(back, "error_message=INVALID_CODE") {
		t.Errorf("half an hour later: %d %s", p.Status, back)
	}
	if len(clinic.Connections(token)) != 1 {
		t.Error("it was disconnected")
	}
}
