package pages_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// bearer is who an access token stands for.
func (w *world) bearer(c library.Client, accessToken string) *library.Bearer {
	w.t.Helper()
	b, err := w.consents.Bearer(w.t.Context(), &library.SignedRequest{Client: c, Claims: wire.RequestClaims{AccessToken: accessToken}})
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// standsFor is the account that stands for the person at an application.
func (w *world) standsFor(c library.Client, accessToken string) wire.AccountID {
	w.t.Helper()
	list, err := w.consents.ListAccounts(w.t.Context(), w.bearer(c, accessToken))
	if err != nil || len(list) != 1 {
		w.t.Fatalf("accounts %v, %v", list, err)
	}
	return list[0].ID
}

// revocation has the client open a link to take an account from it.
func (w *world) revocation(c library.Client, callback, accessToken string, account wire.AccountID) string {
	w.t.Helper()
	code, err := w.accounts.OpenRevocation(w.t.Context(), w.bearer(c, accessToken), account, callback)
	if err != nil {
		w.t.Fatal(err)
	}
	return "/apps/saas/revoke?code=" + code.Reveal()
}

// sender is a person who has connected a provider for an application.
func newSender(t *testing.T) (w *world, clinic library.Client, v *visitor, token string, account wire.AccountID) {
	t.Helper()
	w, clinic = newProviderWorld(t)
	v, p := atChoice(t, w, clinic)
	token = w.exchange(clinic, p.connectAt(lucas).click("allow").callback())
	return w, clinic, v, token, w.connected(clinic, token)[0].ID
}

func wantQuery(t *testing.T, to *url.URL, want string) {
	t.Helper()
	if got := to.Query().Encode(); got != want || to.Host != "clinic.example" || to.Path != "/callback" {
		t.Errorf("callback %s, want %s", to, want)
	}
}

const (
	revokedYes = "from=carrel&result=success"
	revokedNo  = "error_message=USER_CANCEL&from=carrel&result=failed"
)

// TestRevokeProvider takes the account of a provider from an application.
func TestRevokeProvider(t *testing.T) {
	w, clinic, v, token, account := newSender(t)
	link := w.revocation(clinic, webCallback, token, account)
	p := v.get(link + "&lng=nl")
	if p.title() != "Sint Lucas Hospital ontkoppelen?" {
		t.Errorf("in Dutch: %q", p.title())
	}
	p = v.get(link)
	if p.title() != "Disconnect Sint Lucas Hospital?" || !strings.Contains(textOf(p.root), "This question is from Demo Clinic") ||
		!strings.Contains(textOf(p.root), "Nothing is sent or collected any more.") || p.find("revoke-confirm") != nil {
		t.Errorf("question: %s", textOf(p.root))
	}
	if csp := p.header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https://clinic.example;") {
		t.Errorf("policy %s", csp)
	}
	wantQuery(t, p.click("cancel").callback(), revokedNo)
	if p = v.get(link); p.status != http.StatusGone || p.title() != "You have already answered" {
		t.Errorf("answered with no: %d %q", p.status, p.title())
	}
	if len(w.connected(clinic, token)) != 1 {
		t.Fatal("a no has disconnected it")
	}

	link = w.revocation(clinic, webCallback, token, account)
	other := w.revocation(clinic, webCallback, token, account)
	phone := w.revocation(clinic, phoneCallback, token, account)
	at := v.get(other)
	p = v.get(phone).click("disconnect-confirm")
	if n := p.find("done-state"); attr(n, "data-state") != "revoked" || p.title() != "Sint Lucas Hospital is disconnected." ||
		attr(p.find("return"), "href") != "clinic-app://callback?result=success" {
		t.Errorf("for a phone: %s", p.body)
	}
	if len(w.connected(clinic, token)) != 0 {
		t.Error("a yes has left it connected")
	}
	wantQuery(t, v.get(link).callback(), revokedYes) // nothing left to ask
	wantQuery(t, at.click("disconnect-confirm").callback(), revokedYes)
	log := v.get("/activity").text("activity")
	if strings.Count(log, "You disconnected Sint Lucas Hospital") != 1 || strings.Contains(log, "did not allow") {
		t.Errorf("activity %s", log)
	}
}

// TestRevokeAll ends all that an application may do.
func TestRevokeAll(t *testing.T) {
	w, clinic, v, token, _ := newSender(t)
	user := w.standsFor(clinic, token)
	p := v.get(w.revocation(clinic, phoneCallback, token, user))
	if p.title() != "Stop the access of Demo Clinic?" || !strings.Contains(textOf(p.root), "From now on Demo Clinic cannot use your library.") {
		t.Errorf("question: %s", textOf(p.root))
	}
	if csp := p.header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' clinic-app:;") {
		t.Errorf("policy %s", csp)
	}
	if p = p.click("cancel"); attr(p.find("done-state"), "data-state") != "denied" || p.title() != "Nothing has changed in your library." {
		t.Errorf("a no: %s", textOf(p.root))
	}
	link, late := w.revocation(clinic, webCallback, token, user), w.revocation(clinic, webCallback, token, user)
	wantQuery(t, v.get(link).click("revoke-confirm").callback(), revokedYes)
	if got := v.get("/grants"); !strings.Contains(textOf(got.root), "You stopped it") {
		t.Errorf("apps: %s", textOf(got.root))
	}
	wantQuery(t, v.get(late).callback(), revokedYes) // it has ended already
}

// TestRevokeDoor: the question is for one person, signed in, with their library open.
func TestRevokeDoor(t *testing.T) {
	w, clinic, v, token, account := newSender(t)
	link := w.revocation(clinic, webCallback, token, account)
	stranger := w.visitor()
	p := stranger.get(link)
	if p.title() != "Sign in to your library" || p.find("create-library") != nil || strings.Contains(p.body, "Lucas") {
		t.Fatalf("a stranger sees %s", textOf(p.root))
	}
	wantQuery(t, stranger.get(w.revocation(clinic, webCallback, token, account)).click("cancel").callback(), revokedNo)
	stranger.get("/create").click("create-library", "email", "bob@example.org", "password", password).click("recovery-saved")
	p = stranger.get(link)
	if p.status != http.StatusForbidden || strings.Contains(p.body, "Lucas") || strings.Contains(p.body, email) {
		t.Fatalf("another person sees %d %s", p.status, textOf(p.root))
	}
	if back := attr(p.find("return"), "href"); back != webCallback+"&error_message=INVALID_CODE&result=failed" {
		t.Errorf("way back %s", back)
	}
	token2, fields := p.form(p.find("switch"))
	fields.Set("step", "answer")
	fields.Set("answer", "revoke")
	if p = stranger.post(token2, fields); p.status != http.StatusForbidden || len(w.connected(clinic, token)) != 1 {
		t.Errorf("another person answers: %d", p.status)
	}
	p = stranger.get(link).click("switch").click("sign-in", "email", email, "password", password)
	if p.title() != "Disconnect Sint Lucas Hospital?" {
		t.Errorf("the right person: %s", textOf(p.root))
	}

	// Forms that this link has not, and answers that are none.
	action, fields := p.form(p.find("cancel"))
	for _, change := range []url.Values{{"answer": {""}}, {"answer": {"allow"}}, {"step": {"choose"}}, {"step": {"depart"}}, {"step": {"other"}}, {"token": {"x"}}} {
		bad := url.Values{}
		for name := range fields {
			bad.Set(name, fields.Get(name))
		}
		for name := range change {
			bad.Set(name, change.Get(name))
		}
		if p := stranger.post(action, bad); p.status != http.StatusBadRequest && p.status != http.StatusForbidden {
			t.Errorf("%v: %d %s", change, p.status, p.header.Get("Location"))
		}
	}
	for _, path := range []string{"authorize", "onboard", "reauthorize", "user-reauth"} {
		if p := v.get(strings.Replace(link, "revoke", path, 1)); p.status != http.StatusNotFound {
			t.Errorf("at %s: %d", path, p.status)
		}
	}
	if p := v.get("/apps/saas/revoke?code=" + w.link(clinic, webCallback, "")); p.status != http.StatusNotFound {
		t.Errorf("another link here: %d", p.status)
	}
	w.pass(31 * time.Minute)
	p = w.visitor().get(link)
	if back := attr(p.find("return"), "href"); p.status != http.StatusGone || !strings.Contains(back, "error_message=INVALID_CODE") {
		t.Errorf("half an hour later: %d %s", p.status, back)
	}
	if len(w.connected(clinic, token)) != 1 {
		t.Error("it was disconnected")
	}
}

// TestRevokeTour walks through both questions as people do, without scripts.
func TestRevokeTour(t *testing.T) {
	browser := openChromium(t)
	for _, language := range []string{"en", "nl"} {
		t.Run(language, func(t *testing.T) {
			w := newWorld(t)
			w.listing.set(nil, lucas)
			tr := &tour{t, w, w.open(t, browser, language), language, application(t)}
			clinic, b := tr.register("Demo Clinic", write), tr.b
			b.visit(authorize(w.link(clinic, tr.callback, "")))
			b.fill("email", email)
			b.fill("password", password)
			b.click("create-library")
			b.click("recovery-saved")
			b.click(testIDOf(lucas))
			b.click("provider-go")
			b.click("sim-approve")
			b.click("allow")
			token := w.exchange(clinic, tr.back())
			account := w.connected(clinic, token)[0].ID

			b.withoutScript()
			b.visit(w.revocation(clinic, tr.callback, token, account))
			b.click("cancel")
			if q := tr.back().Query(); q.Get("error_message") != "USER_CANCEL" {
				t.Errorf("a no: %v", q)
			}
			b.visit(w.revocation(clinic, tr.callback, token, account))
			b.click("disconnect-confirm")
			if q := tr.back().Query(); q.Get("result") != "success" {
				t.Errorf("disconnected: %v", q)
			}
			user := w.standsFor(clinic, token)
			tr.b = w.open(t, browser, language)
			b = tr.b
			b.visit(w.revocation(clinic, tr.callback, token, user))
			tr.look("revoke door")
			b.fill("email", email)
			b.fill("password", password)
			b.click("sign-in")
			tr.look("revoke all")
			b.click("revoke-confirm")
			if q := tr.back().Query(); q.Get("result") != "success" {
				t.Errorf("stopped: %v", q)
			}
		})
	}
}
