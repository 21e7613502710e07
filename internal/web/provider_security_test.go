package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/carrelhq/carrel/internal/web"
)

// returning is a browser at the address to which the provider sends it back.
func returning(t *testing.T, w *world, v *visitor, p *page) (address string) {
	t.Helper()
	p = p.click(testIDOf(lucas)).click("provider-go").away().click("sim-approve")
	address = p.header.Get("Location")
	if !strings.HasPrefix(address, fmt.Sprint(w.url, web.ProviderReturnPath, "/", lucas.ID, "?")) {
		t.Fatalf("the provider sends the browser to %s", address)
	}
	return address
}

// TestReturnIsForOneBrowser lets nobody else in, and tells nobody else where the link
// is.
func TestReturnIsForOneBrowser(t *testing.T) {
	w, clinic := newProviderWorld(t)
	v, p := atChoice(t, w, clinic)
	code := p.url.Query().Get("code")
	address := returning(t, w, v, p)

	stranger := w.visitor()
	if p := stranger.get(address); p.status != http.StatusNotFound || p.title() != "This link does not work" || strings.Contains(p.body, code) || p.header.Get("Location") != "" {
		t.Errorf("a stranger: %d %s", p.status, textOf(p.root))
	}
	bob := w.visitor()
	bob.get("/create").click("create-library", "email", "bob@example.org", "password", password).click("recovery-saved")
	p = bob.get(address)
	if p.status != http.StatusForbidden || p.title() != "This link belongs to another library" || strings.Contains(p.body, code) || strings.Contains(p.body, email) {
		t.Errorf("bob: %d %s", p.status, textOf(p.root))
	}
	if p = p.click("switch"); p.title() != "Sign in to your library" {
		t.Errorf("bob signs out: %q", p.title())
	}
	// Anna at another computer is another browser, too.
	other := w.visitor()
	other.get("/sign-in").click("sign-in", "email", email, "password", password)
	if p := other.get(address); p.status != http.StatusForbidden {
		t.Errorf("another browser: %d", p.status)
	}
	// All that has used nothing up.
	if p = v.get(address); p.find("allow") == nil {
		t.Fatalf("anna: %d %s", p.status, textOf(p.root))
	}
	p = v.get(address)
	if p.status != http.StatusGone || p.title() != "You have been here already" {
		t.Errorf("again: %d %q", p.status, p.title())
	}
	if p = v.get(p.url.Path + "?state=unknown&code=providers-code-1"); p.status != http.StatusNotFound {
		t.Errorf("unknown state: %d", p.status)
	}
}

// TestReturnRested leads who was away for too long back to the link.
func TestReturnRested(t *testing.T) {
	w, clinic := newProviderWorld(t)
	v, p := atChoice(t, w, clinic)
	address := returning(t, w, v, p)
	signedOut := func() {
		v.client.Jar.SetCookies(p.url, []*http.Cookie{{Name: "carrel_login", Value: "over", Path: "/"}})
	}
	signedOut()
	p = v.get(address)
	if p.title() != "Sign in to your library" || !strings.Contains(textOf(p.root), "You were away for a while") {
		t.Fatalf("rested: %s", textOf(p.root))
	}
	p = p.click("sign-in", "email", email, "password", password)
	if attr(p.find("provider-result"), "data-state") != "pending" {
		t.Fatalf("signed in again: %s", textOf(p.root))
	}
	// The old way back is of the login before.
	if back := v.get(address); attr(back.find("provider-result"), "data-state") != "pending" {
		t.Errorf("the old way back: %d %s", back.status, textOf(back.root))
	}
	if p = p.click("provider-again").away().click("sim-approve").away(); p.find("allow") == nil {
		t.Errorf("once more: %s", textOf(p.root))
	}
}

// TestReturnLeadsHere goes on with what was left behind, whatever the address says.
func TestReturnLeadsHere(t *testing.T) {
	w, clinic := newProviderWorld(t)
	v, p := atChoice(t, w, clinic)
	address, err := url.Parse(returning(t, w, v, p))
	if err != nil {
		t.Fatal(err)
	}
	query := address.Query()
	for _, name := range []string{"return", "Return", "to", "returnTo", "redirect_uri", "next"} {
		query.Set(name, "https://evil.example/")
	}
	address.RawQuery = query.Encode()
	r, err := http.NewRequest(http.MethodGet, address.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer := v.do(r)
	if to := answer.header.Get("Location"); answer.status != http.StatusSeeOther || !strings.HasPrefix(to, "/apps/saas/authorize?") {
		t.Errorf("%d to %s", answer.status, to)
	}
	checkHeaders(t, answer)
	for _, query := range []string{"", "state=", "state=a&state=b", "code=x", "state=a&code=b&code=c", "state=a&error=x&error=y", "state=%FF%00&code=%FF"} {
		p := v.get(fmt.Sprint(web.ProviderReturnPath, "/", lucas.ID, "?") + query)
		if p.status != http.StatusNotFound || p.find("error-reference") == nil {
			t.Errorf("%q: %d", query, p.status)
		}
		checkHeaders(t, p)
	}
	if p := v.post(fmt.Sprint(web.ProviderReturnPath, "/", lucas.ID, "?")+query.Encode(), url.Values{}); p.status < 400 {
		t.Errorf("post: %d", p.status)
	}
}

// TestReturnIsNotLogged looks for what travels with the browser in the log, and in what
// the browser says of where it comes from.
func TestReturnIsNotLogged(t *testing.T) {
	w, clinic := newProviderWorld(t)
	v, p := atChoice(t, w, clinic)
	link := p.url.Query().Get("code")
	address := returning(t, w, v, p)
	w.visitor().get(address)
	v.get(address)
	v.get(address)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{link, u.Query().Get("state"), u.Query().Get("code")} {
		if len(secret) < 10 || strings.Contains(w.log.String(), secret) {
			t.Errorf("the log has %q:\n%s", secret, w.log)
		}
	}
	for _, r := range w.provider.seen() {
		if strings.Contains(r.URL.String()+r.Referer(), link) {
			t.Errorf("the provider learns of the link: %s, from %q", r.URL, r.Referer())
		}
	}
}

// TestTripForms takes each step only from a page of ours.
func TestTripForms(t *testing.T) {
	w, clinic := newProviderWorld(t)
	v, p := atChoice(t, w, clinic)
	token := w.exchange(clinic, p.connectAt(linde).click("allow").callback())
	account := w.connected(clinic, token)[0].ID
	p = v.get(authorize(w.link(clinic, webCallback, "")))
	goes := p.click(testIDOf(lucas))
	disconnect := v.get("/accounts").click("disconnect-" + string(account))
	for name, at := range map[string]struct {
		p      *page
		button string
	}{"choose": {p, testIDOf(lucas)}, "depart": {goes, "provider-go"}, "disconnect": {disconnect, "disconnect-confirm"}} {
		path, fields := at.p.form(at.p.find(at.button))
		without := url.Values{}
		for field, values := range fields {
			if field != "token" {
				without[field] = values
			}
		}
		if got := v.post(path, without); got.status != http.StatusForbidden {
			t.Errorf("%s without a token: %d", name, got.status)
		}
		r, err := http.NewRequest(http.MethodPost, path, strings.NewReader(fields.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", w.provider.url)
		if got := v.do(r); got.status != http.StatusForbidden {
			t.Errorf("%s from the provider: %d", name, got.status)
		}
	}
	if len(w.connected(clinic, token)) != 1 {
		t.Error("disconnected from elsewhere")
	}
	bob := w.visitor()
	bob.get("/create").click("create-library", "email", "bob@example.org", "password", password).click("recovery-saved")
	if p := bob.get(disconnect.url.Path); p.status != http.StatusNotFound {
		t.Errorf("bob and anna's account: %d", p.status)
	}
	path, fields := disconnect.form(disconnect.find("disconnect-confirm"))
	own := bob.get("/settings")
	fields.Set("token", attr(find(own.root, func(n *html.Node) bool { return attr(n, "name") == "token" }), "value"))
	if p := bob.post(path, fields); p.status != http.StatusNotFound || len(w.connected(clinic, token)) != 1 {
		t.Errorf("bob disconnects anna's account: %d", p.status)
	}
}

// TestShutAtProvider comes back to a library that has been shut meanwhile.
func TestShutAtProvider(t *testing.T) {
	w, clinic := newProviderWorld(t)
	v, p := atChoice(t, w, clinic)
	address := returning(t, w, v, p)
	v.get("/delete").click("delete-confirm", "password", password, "delete-understood", "yes")
	if p = v.get(address); p.status >= http.StatusInternalServerError {
		t.Errorf("%d %s", p.status, textOf(p.root))
	}
	w.pass(time.Second)
	if p = v.get("/shut").click("delete-undo"); !strings.Contains(v.get("/accounts").text("accounts"), "Nothing is connected yet.") {
		t.Errorf("after all: %s", textOf(p.root))
	}
}
