package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// newProviderWorld is a world with some providers.
func newProviderWorld(t testing.TB) (*world, library.Client) {
	t.Helper()
	w := newWorld(t)
	w.listing.set(nil, lucas, linde, papers)
	return w, w.clinic("Demo Clinic", write)
}

// atChoice is a visitor with a library who has to choose a provider.
func atChoice(t *testing.T, w *world, clinic library.Client) (*visitor, *page) {
	t.Helper()
	v := w.visitor()
	return v, create(t, v, authorize(w.link(clinic, webCallback, "")))
}

// connectAt goes from the choice to a provider, says yes there and comes back.
func (p *page) connectAt(s catalogue.Source) *page {
	p.visitor.t.Helper()
	return p.click(testIDOf(s)).click("provider-go").away().click("sim-approve").away()
}

func TestConnectAndAllow(t *testing.T) {
	w, clinic := newProviderWorld(t)
	v := w.visitor()
	p := create(t, v, authorize(w.link(clinic, webCallback, ""))+"&sourcesScope="+url.QueryEscape(`{"dataType":["measurements-vital-signs"]}`))
	if p.title() != "Choose your care provider" || !strings.Contains(textOf(p.root), "Demo Clinic wants to send measurements to your hospital, GP or other care provider.") {
		t.Fatalf("choice: %s", textOf(p.root))
	}
	if p.find(testIDOf(papers)) != nil {
		t.Error("a provider that takes no measurements")
	}
	if got := p.text(testIDOf(linde)); got != "De Linde general practice GP, Nieuwegein" {
		t.Errorf("row %q", got)
	}
	p = p.click(testIDOf(linde))
	if p.title() != "You are going to De Linde general practice" {
		t.Fatalf("before leaving: %s", textOf(p.root))
	}
	if csp := p.header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https://clinic.example https: http:;") {
		t.Errorf("policy %s", csp)
	}
	p = p.click("provider-go").away().click("sim-approve").away()
	if p.title() != "May Demo Clinic send data to De Linde general practice for you?" {
		t.Fatalf("back: %s", textOf(p.root))
	}
	if got := p.text("provider-result"); got != "De Linde general practice is connected." || attr(p.find("provider-result"), "data-state") != "ok" {
		t.Errorf("result %q", got)
	}
	for _, want := range []string{"Send measurements to De Linde general practice in your name.", "Add new files to your library.",
		"Look in your library.", "Read anything back from De Linde general practice."} {
		if !strings.Contains(p.text("consent-scope"), want) {
			t.Errorf("no %q in %s", want, p.text("consent-scope"))
		}
	}
	if !strings.Contains(textOf(p.root), "De Linde general practice decides what goes into your record there.") {
		t.Error("no word on who decides")
	}
	if csp := p.header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https://clinic.example;") {
		t.Errorf("policy of the consent %s", csp)
	}
	to := p.click("allow").callback()
	token := w.exchange(clinic, to)
	accounts := w.connected(clinic, token)
	if len(accounts) != 1 || accounts[0].Reference != to.Query().Get("accountReference") || accounts[0].SourceID != linde.ID {
		t.Errorf("callback %s, accounts %+v", to, accounts)
	}
	if got := v.get("/grants").text(v.get("/grants").first("grant-")); !strings.Contains(got, "Add files to your library Send data to De Linde general practice") {
		t.Errorf("grant %s", got)
	}
}

// TestServiceNamed goes straight to the provider that the application names, if it can
// be connected.
func TestServiceNamed(t *testing.T) {
	w, clinic := newProviderWorld(t)
	v := w.visitor()
	p := create(t, v, authorize(w.link(clinic, webCallback, ""))+"&service="+strconv.Itoa(lucas.ID))
	if p.title() != "You are going to Sint Lucas Hospital" {
		t.Errorf("named: %q", p.title())
	}
	for _, tt := range []struct{ service, want string }{
		{"12", "You cannot choose this one now. Choose another one."},
		{"900101", "You cannot choose this one now. Choose another one."}, // nothing can be sent there
	} {
		p = v.get(authorize(w.link(clinic, webCallback, "")) + "&service=" + tt.service)
		if p.title() != "Choose your care provider" || p.text("error") != tt.want {
			t.Errorf("%s: %s", tt.service, textOf(p.root))
		}
		if p = p.click(testIDOf(lucas)); p.title() != "You are going to Sint Lucas Hospital" {
			t.Errorf("%s: then %q", tt.service, p.title())
		}
	}
	blocked := papers
	blocked.Status = wire.Blocked
	w.listing.set(nil, lucas, blocked)
	p = v.get(authorize(w.link(clinic, webCallback, "")) + "&service=" + strconv.Itoa(papers.ID))
	if p.text("error") != "You cannot choose Oosterwal now. Choose another one." {
		t.Errorf("blocked: %s", textOf(p.root))
	}
	// The catalogue has it, and yet there is no way.
	w.provider.change(func() { w.provider.gone = true })
	p = v.get(authorize(w.link(clinic, webCallback, ""))).click(testIDOf(lucas)).click("provider-go")
	if p.title() != "Choose your care provider" || p.text("error") != "You cannot choose Sint Lucas Hospital now. Choose another one." {
		t.Errorf("gone: %s", textOf(p.root))
	}
}

// TestNoProviders asks the question without one where the site has none.
func TestNoProviders(t *testing.T) {
	w := newWorld(t)
	clinic := w.clinic("Demo Clinic", write)
	_, p := atChoice(t, w, clinic)
	if p.title() != "May Demo Clinic add files to your library?" {
		t.Errorf("page %q", p.title())
	}
	w.listing.set(nil, lucas)
	v := w.visitor()
	v.get("/create").click("create-library", "email", "bob@example.org", "password", password).click("recovery-saved")
	for _, source := range []string{"", "&sourceType=pull&service=" + strconv.Itoa(lucas.ID)} {
		p = v.get("/apps/saas/authorize?code=" + w.link(clinic, webCallback, "") + source)
		if p.title() != "May Demo Clinic add files to your library?" {
			t.Errorf("%s: page %q", source, p.title())
		}
	}
	reader := w.clinic("Home Monitor", func(_ *library.Application, k *library.Contract) {
		k.Access, k.Scope = library.Read, library.Scope{Raw: true}
	})
	if p = v.get(authorize(w.link(reader, webCallback, ""))); p.title() != "May Home Monitor read files from your library?" {
		t.Errorf("reading: page %q", p.title())
	}
}

func TestTripWithoutSuccess(t *testing.T) {
	w, clinic := newProviderWorld(t)
	v, p := atChoice(t, w, clinic)
	link := p.url.RequestURI()
	left := p.click(testIDOf(lucas)).click("provider-go")
	state := func(p *page, want, title string) {
		t.Helper()
		if got := attr(p.find("provider-result"), "data-state"); got != want || p.title() != title {
			t.Fatalf("%q, %q: %s", got, p.title(), textOf(p.root))
		}
	}
	p = v.get(link + "&service=" + strconv.Itoa(lucas.ID))
	state(p, "pending", "You are not finished at Sint Lucas Hospital yet")
	if p = v.get(link); p.title() != "Choose your care provider" {
		t.Errorf("further back: %q", p.title())
	}
	p = left.away().click("sim-deny").away()
	state(p, "refused", "Sint Lucas Hospital is not connected")
	p = v.get(p.url.RequestURI())
	state(p, "refused", "Sint Lucas Hospital is not connected")
	if p = v.get(link + "&service=" + strconv.Itoa(lucas.ID)); p.find("provider-go") == nil {
		t.Errorf("after it has ended: %s", textOf(p.root))
	}

	w.provider.change(func() {
		w.provider.access = func() (delivery.ProviderTokens, error) { return delivery.ProviderTokens{}, http.ErrHandlerTimeout }
	})
	p = p.click("provider-go").away().click("sim-approve").away()
	state(p, "failed", "It did not work at Sint Lucas Hospital")
	p = p.click("provider-again").away()
	w.pass(29 * time.Minute)
	v.get("/files") // in the meantime, so that the person stays signed in
	p = p.click("sim-approve")
	w.pass(2 * time.Minute)
	// By now the link is too old as well: back to the application.
	if p = p.away(); p.title() != "This link is too old" {
		t.Errorf("too late: %s", textOf(p.root))
	}

	v.get("/files").click("sign-out")
	v.get("/sign-in").click("sign-in", "email", email, "password", password)
	p = v.get(authorize(w.link(clinic, webCallback, "")))
	p = p.click(testIDOf(lucas)).click("provider-go").away().click("sim-deny").away().click("provider-other")
	if p.title() != "Choose your care provider" {
		t.Errorf("another: %q", p.title())
	}
	if q := p.click("cancel").callback().Query(); q.Get("errorCode") != "USER_CANCEL" || q.Get("success") != "false" {
		t.Errorf("callback %v", q)
	}
	p = v.get(authorize(w.link(clinic, webCallback, "")))
	p = p.click(testIDOf(lucas)).click("provider-go").away().click("sim-deny").away()
	if q := p.click("cancel").callback().Query(); q.Get("errorCode") != "ONBOARD_ERROR" || q.Get("success") != "false" {
		t.Errorf("left after the provider's no: %v", q)
	}
}

// TestDenyConnected leaves no account that nobody may use.
func TestDenyConnected(t *testing.T) {
	w, clinic := newProviderWorld(t)
	v, p := atChoice(t, w, clinic)
	if q := p.connectAt(lucas).click("deny").callback().Query(); q.Get("errorCode") != "USER_CANCEL" {
		t.Errorf("callback %v", q)
	}
	if p = v.get("/accounts"); !strings.Contains(p.text("accounts"), "Nothing is connected yet.") {
		t.Errorf("accounts: %s", textOf(p.root))
	}
	p = v.get(authorize(w.link(clinic, webCallback, "")))
	if p.title() != "Choose your care provider" || strings.Contains(textOf(p.root), "Used before") {
		t.Errorf("next time: %s", textOf(p.root))
	}
}

// TestAnswerBeforeConnecting does not count: it is not what was asked.
func TestAnswerBeforeConnecting(t *testing.T) {
	w, clinic := newProviderWorld(t)
	v, p := atChoice(t, w, clinic)
	path, fields := p.form(p.find(testIDOf(lucas)))
	fields.Set("step", "answer")
	fields.Set("answer", "allow")
	if p = v.post(path, fields).followed(); p.title() != "Choose your care provider" {
		t.Errorf("answered: %d %s", p.status, textOf(p.root))
	}
	fields.Set("step", "depart")
	if p = v.post(path, fields).followed(); p.title() != "Choose your care provider" {
		t.Errorf("left for nowhere: %d %s", p.status, textOf(p.root))
	}
	for _, service := range []string{"", "x", "-1", "9999999999999999999999"} {
		fields.Set("step", "choose")
		fields.Set("service", service)
		if p = v.post(path, fields); p.status != http.StatusBadRequest {
			t.Errorf("choice %q: %d", service, p.status)
		}
	}
}

// TestOnboardProvider connects a further provider, and one again.
func TestOnboardProvider(t *testing.T) {
	w, clinic := newProviderWorld(t)
	v, p := atChoice(t, w, clinic)
	token := w.exchange(clinic, p.connectAt(lucas).click("allow").callback())

	p = v.get("/apps/saas/onboard?sourceType=push&code=" + w.refer(clinic, webCallback, token, false))
	if got := p.text("services-before"); !strings.Contains(got, "Sint Lucas Hospital") || strings.Contains(p.text("services"), "Sint Lucas") {
		t.Errorf("used before: %s", textOf(p.root))
	}
	p = p.click(testIDOf(linde)).click("provider-go").away().click("sim-approve").away()
	if q := p.callback().Query(); q.Get("success") != "true" || q.Get("state") != "the state" || q.Has("code") {
		t.Errorf("onboard: %v", q)
	}
	// A browser says that the provider has sent it: its redirects may not go on.
	v.header.Set("Sec-Fetch-Site", "cross-site")
	p = v.get("/apps/saas/onboard?sourceType=push&code=" + w.refer(clinic, webCallback, token, false))
	path, fields := p.form(p.find(testIDOf(papers)))
	v.header.Del("Sec-Fetch-Site")
	p = v.post(path, fields).followed().click("provider-go").away().click("sim-approve")
	v.header.Set("Sec-Fetch-Site", "cross-site")
	p = p.away()
	v.header.Del("Sec-Fetch-Site")
	if back := attr(p.find("return"), "href"); p.status != http.StatusOK || !strings.Contains(back, "success=true") || p.title() != "Oosterwal is connected." {
		t.Errorf("onboard in a browser: %d %s, back by %q", p.status, textOf(p.root), back)
	}
	for _, a := range w.connected(clinic, token) {
		if a.SourceID == papers.ID {
			w.disconnect(clinic, token, a.ID)
		}
	}
	accounts := w.connected(clinic, token)
	if len(accounts) != 2 {
		t.Fatalf("accounts %+v", accounts)
	}
	if accounts[0].SourceID != lucas.ID {
		slices.Reverse(accounts) // they are of the same moment
	}

	p = v.get("/apps/saas/onboard?sourceType=push&code=" + w.refer(clinic, webCallback, token, false))
	if q := p.click("cancel").callback().Query(); q.Get("errorCode") != "USER_CANCEL" {
		t.Errorf("cancelled: %v", q)
	}
	p = v.get("/apps/saas/onboard?sourceType=pull&code=" + w.refer(clinic, webCallback, token, false))
	if q := p.callback().Query(); q.Get("errorCode") != "ONBOARD_ERROR" {
		t.Errorf("to collect: %v", q)
	}

	again := "/apps/saas/reauthorize?accountRef=" + w.reference(clinic, token, accounts[0].ID) + "&code="
	p = v.get(again + w.refer(clinic, webCallback, token, false))
	if p.title() != "Connect Sint Lucas Hospital again" || p.find("provider-other") != nil {
		t.Fatalf("again: %s", textOf(p.root))
	}
	refused := p.click("provider-go").away().click("sim-deny").away()
	if attr(refused.find("provider-result"), "data-state") != "refused" {
		t.Fatalf("again, refused: %s", textOf(refused.root))
	}
	p = refused.click("provider-again").away().click("sim-approve").away()
	if q := p.callback().Query(); q.Get("success") != "true" {
		t.Errorf("again: %v", q)
	}
	if after := w.connected(clinic, token); len(after) != 2 || !slices.ContainsFunc(after, func(a wire.Account) bool { return a.ID == accounts[0].ID }) {
		t.Errorf("accounts afterwards %+v", after)
	}
	bob := w.visitor()
	bob.get("/create").click("create-library", "email", "bob@example.org", "password", password).click("recovery-saved")
	if p = bob.get(again + w.refer(clinic, webCallback, token, false)); p.title() != "This link belongs to another library" {
		t.Errorf("bob sees %q", p.title())
	}
	// A consent without a provider lets the application send to these all the same.
	p = v.get("/apps/saas/authorize?code=" + w.link(clinic, webCallback, ""))
	if got := p.text("consent-scope"); !strings.Contains(got, "Send data to Sint Lucas Hospital in your name.") {
		t.Errorf("plain consent: %s", got)
	}
}

// TestNotMeConnected finds no account of somebody who was here before.
func TestNotMeConnected(t *testing.T) {
	w, clinic := newProviderWorld(t)
	_, p := atChoice(t, w, clinic)
	p = p.connectAt(lucas).click("not-me").click("create-library").
		click("create-library", "email", "bob@example.org", "password", password).click("recovery-saved")
	if p.find("allow") != nil || !strings.Contains(p.title(), "Sint Lucas Hospital") {
		t.Fatalf("bob sees %s", textOf(p.root))
	}
	if p = p.click("provider-go").away().click("sim-approve").away(); !strings.Contains(textOf(p.root), "bob@example.org") {
		t.Errorf("bob's consent: %s", textOf(p.root))
	}
}

func TestChooseProvider(t *testing.T) {
	w, clinic := newProviderWorld(t)
	v, p := atChoice(t, w, clinic)
	if p.text("service-count") != "" || !strings.Contains(p.text("services"), "Oosterwal") {
		t.Errorf("first view: %s", textOf(p.root))
	}
	search := func(q string) *page {
		t.Helper()
		form := p.find("service-search")
		path, fields := p.form(form)
		fields.Set("q", q)
		path, _, _ = strings.Cut(path, "?")
		return v.get(path + "?" + fields.Encode())
	}
	if found := search("ZEIST"); found.text("service-count") != "1 found for “ZEIST”" || found.find(testIDOf(lucas)) != nil || found.find(testIDOf(papers)) == nil {
		t.Errorf("by place: %s", textOf(found.root))
	}
	none := search("<nothing>")
	if got := none.text("service-count"); got != "Nothing found for “<nothing>”. Check the spelling, or try only the place." {
		t.Errorf("nothing: %q", got)
	}
	if attr(none.find("service-search"), "value") != "<nothing>" {
		t.Error("what was typed is gone")
	}
	for _, query := range []string{"&page=-1", "&page=99999", "&page=x", "&q=%FF%00", "&q=" + strings.Repeat("x", 5000), "&step=gone"} {
		if got := v.get(p.url.RequestURI() + query); got.status != http.StatusOK {
			t.Errorf("%s: %d", query, got.status)
		}
	}

	w.listing.set(nil, many(250)...)
	p = v.get(p.url.RequestURI())
	if p.find("services") != nil || p.status != http.StatusOK {
		t.Errorf("all of 250: %s", textOf(p.root))
	}
	short := search("x")
	if short.status != http.StatusUnprocessableEntity || !strings.Contains(short.text("error"), "Type at least 2 letters") {
		t.Errorf("one letter: %d %s", short.status, textOf(short.root))
	}
	found := search("practice 1")
	if !strings.Contains(textOf(found.root), "1 to 20 of") || found.find("previous") != nil {
		t.Fatalf("many: %s", textOf(found.root))
	}
	next := found.click("next")
	if !strings.Contains(textOf(next.root), "21 to 40 of") || next.text("service-count") != found.text("service-count") {
		t.Errorf("next: %s", textOf(next.root))
	}
	if back := next.click("previous"); back.text("services") != found.text("services") {
		t.Error("the page before is another")
	}
	if at := next.click(next.first("service-1")); at.find("provider-go") == nil {
		t.Errorf("chosen: %s", textOf(at.root))
	}

	w.listing.set(http.ErrServerClosed)
	p = v.get(authorize(w.link(clinic, webCallback, "")) + "&lng=nl")
	if p.status != http.StatusServiceUnavailable || !strings.HasPrefix(p.text("error"), "We kunnen de lijst nu niet laden.") || p.find("try-again") == nil {
		t.Errorf("no list: %d %s", p.status, textOf(p.root))
	}
	if q := p.click("cancel").callback().Query(); q.Get("errorCode") != "USER_CANCEL" {
		t.Errorf("callback %v", q)
	}
}

// TestScopeNarrows shows what the application may have meant, and nobody else.
func TestScopeNarrows(t *testing.T) {
	w, clinic := newProviderWorld(t)
	v, _ := atChoice(t, w, clinic)
	for scope, want := range map[string]struct{ what, services string }{
		`{"dataType":["documents"]}`:                          {"documents", "Oosterwal"},
		`{"organizationType":"hospital"}`:                     {"data", "Sint Lucas Hospital"},
		`{"dataType":["documents","questionnaire-response"]}`: {"documents and answers to a questionnaire", "Oosterwal"},
		`{"dataType":["measurements-vital-signs","vaccinations"],"organizationType":"general-practitioner"}`: {"measurements and other data", "De Linde"},
	} {
		p := v.get(authorize(w.link(clinic, webCallback, "")) + "&sourcesScope=" + url.QueryEscape(url.QueryEscape(scope)))
		if got := p.text("services"); !strings.HasPrefix(got, want.services) || strings.Count(got, ",") != 1 {
			t.Errorf("%s: %s", scope, got)
		}
		if !strings.Contains(textOf(p.root), "wants to send "+want.what+" to your hospital") {
			t.Errorf("%s: %s", scope, textOf(p.root))
		}
	}
	p := v.get(authorize(w.link(clinic, webCallback, "")) + "&sourcesScope=" + url.QueryEscape(`{"organizationType":"dentist"}`))
	if got := p.text("service-count"); !strings.HasPrefix(got, "Demo Clinic cannot send this to any care provider on our list.") {
		t.Errorf("nobody: %s", textOf(p.root))
	}
}
