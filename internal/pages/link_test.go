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

const (
	email    = "anna@example.org"
	password = "four plain words here"
)

// create goes from the first page of a link to the consent.
func create(t *testing.T, v *visitor, link string) *page {
	t.Helper()
	p := v.get(link).click("create-library", "email", email, "password", password)
	if code := p.text("recovery-code"); len(code) != 29 {
		t.Fatalf("recovery code is %q", code)
	}
	return p.click("recovery-saved")
}

func authorize(code string) string { return "/apps/saas/authorize?sourceType=push&code=" + code }

func TestCreateAndAllow(t *testing.T) {
	w := newWorld(t)
	clinic := w.clinic("Demo Clinic", write)
	p := create(t, w.visitor(), authorize(w.link(clinic, webCallback, "")))
	if got, want := p.title(), "May Demo Clinic add files to your library?"; got != want {
		t.Fatalf("title %q, want %q", got, want)
	}
	if got := p.text("consent-application"); got != "Demo Clinic" {
		t.Errorf("application %q", got)
	}
	to := p.click("allow").callback()
	q := to.Query()
	if to.Host != "clinic.example" || q.Get("from") != "carrel" || q.Get("success") != "true" ||
		q.Get("state") != "the state" || q.Get("code") == "" || q.Get("accountReference") == "" {
		t.Errorf("callback %s", to)
	}
	if w.exchange(clinic, to) == "" {
		t.Error("no access token")
	}
}

func TestDeny(t *testing.T) {
	w := newWorld(t)
	clinic := w.clinic("Demo Clinic", write)
	v := w.visitor()
	link := authorize(w.link(clinic, webCallback, ""))
	q := create(t, v, link).click("deny").callback().Query()
	if q.Get("success") != "false" || q.Get("errorCode") != "USER_CANCEL" || q.Get("state") != "the state" {
		t.Errorf("callback %v", q)
	}
	p := v.get(link)
	if p.status != http.StatusGone || p.title() != "You have already answered" {
		t.Errorf("answered link: %d %q", p.status, p.title())
	}
	if p.find("return") == nil {
		t.Error("no way back")
	}
}

// TestStop leaves from every page of a link, before and after signing in.
func TestStop(t *testing.T) {
	w := newWorld(t)
	clinic := w.clinic("Demo Clinic", write)
	for name, at := range map[string]func(*visitor, string) *page{
		"create":  func(v *visitor, link string) *page { return v.get(link) },
		"sign in": func(v *visitor, link string) *page { return v.get(link).click("sign-in") },
		"recover": func(v *visitor, link string) *page { return v.get(link).click("sign-in").click("use-recovery") },
		"recovery code": func(v *visitor, link string) *page {
			return v.get(link).click("create-library", "email", "stop@example.org", "password", password)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := at(w.visitor(), authorize(w.link(clinic, webCallback, "")))
			if got, want := p.text("cancel"), "Stop and go back to Demo Clinic"; got != want {
				t.Errorf("button %q, want %q", got, want)
			}
			if q := p.click("cancel").callback().Query(); q.Get("errorCode") != "USER_CANCEL" {
				t.Errorf("callback %v", q)
			}
		})
	}
}

func TestReturningBrowserSignsIn(t *testing.T) {
	w := newWorld(t)
	clinic := w.clinic("Demo Clinic", write)
	v := w.visitor()
	create(t, v, authorize(w.link(clinic, webCallback, ""))).click("sign-out")

	p := v.get(authorize(w.link(clinic, webCallback, "")) + "&lng=nl")
	if got, want := p.title(), "Log in bij je bibliotheek"; got != want {
		t.Fatalf("title %q, want %q", got, want)
	}
	p = p.click("sign-in", "email", " Anna@Example.org ", "password", password)
	if got, want := p.title(), "Mag Demo Clinic bestanden in je bibliotheek zetten?"; got != want {
		t.Fatalf("title %q, want %q", got, want)
	}
	if p.find("language-en") == nil || p.find("language-nl") != nil {
		t.Error("want a link to English only")
	}
	if got := p.click("language-en").title(); got != "May Demo Clinic add files to your library?" {
		t.Errorf("in English: %q", got)
	}
}

func TestNotMe(t *testing.T) {
	w := newWorld(t)
	clinic := w.clinic("Demo Clinic", write)
	v := w.visitor()
	p := create(t, v, authorize(w.link(clinic, webCallback, ""))).click("not-me")
	if p.title() != "Sign in to your library" || !strings.Contains(textOf(p.root), "You have signed out.") {
		t.Fatalf("after not-me: %q", p.title())
	}
	p = p.click("create-library").click("create-library", "email", "bob@example.org", "password", password).click("recovery-saved")
	if !strings.Contains(textOf(p.root), "bob@example.org") {
		t.Errorf("consent does not name the library: %s", textOf(p.root))
	}
}

// TestCodeIsAskedForUntilSaved shows the same code until it is saved, and a fresh
// one after the next sign-in.
func TestCodeIsAskedForUntilSaved(t *testing.T) {
	w := newWorld(t)
	v := w.visitor()
	first := v.get("/create").click("create-library", "email", email, "password", password).text("recovery-code")
	if again := v.get("/files").text("recovery-code"); again != first {
		t.Errorf("another code on the next page: %s, %s", first, again)
	}
	v.get("/recovery-code").click("sign-out")
	p := v.get("/sign-in").click("sign-in", "email", email, "password", password)
	second := p.text("recovery-code")
	if second == first {
		t.Error("the same code after signing in again")
	}
	if save := p.find("recovery-save"); !strings.Contains(attr(save, "href"), second) || !strings.HasPrefix(attr(save, "href"), "data:text/plain") {
		t.Errorf("file %s", attr(save, "href"))
	}
	if p = p.click("recovery-saved"); p.title() != "Your files" {
		t.Errorf("after saving: %q", p.title())
	}
	if p = v.get("/recovery-code"); p.find("recovery-code") != nil || !strings.Contains(textOf(p.root), "We do not show a code twice.") {
		t.Errorf("the code is shown again: %s", textOf(p.root))
	}

	v = w.visitor()
	p = v.get("/recover").click("recover", "email", email, "recovery-input", first, "password", "another four plain words")
	if p.status != http.StatusUnprocessableEntity {
		t.Errorf("void code: %d", p.status)
	}
	typed := strings.ToLower(strings.ReplaceAll(second, "-", " "))
	p = p.click("recover", "email", email, "recovery-input", typed, "password", "another four plain words")
	if third := p.text("recovery-code"); third == second || third == first {
		t.Error("no fresh code after recovery")
	}
}

func TestWrongPerson(t *testing.T) {
	w := newWorld(t)
	clinic := w.clinic("Demo Clinic", write)
	anna, bob := w.visitor(), w.visitor()
	token := w.exchange(clinic, create(t, anna, authorize(w.link(clinic, webCallback, ""))).click("allow").callback())
	bob.get("/create").click("create-library", "email", "bob@example.org", "password", password).click("recovery-saved")

	link := authorize(w.link(clinic, webCallback, token))
	p := bob.get(link)
	if p.status != http.StatusForbidden || !strings.Contains(p.text("error"), "bob@example.org") || strings.Contains(p.body, email) {
		t.Fatalf("wrong person: %d %s", p.status, textOf(p.root))
	}
	if back := attr(p.find("return"), "href"); !strings.Contains(back, "errorCode=INVALID_CODE") {
		t.Errorf("way back %s", back)
	}
	p = p.click("switch")
	if p.find("create-library") != nil {
		t.Error("a link for one library offers to create another")
	}
	p = p.click("sign-in", "email", email, "password", password)
	if p.click("allow").callback().Query().Get("success") != "true" {
		t.Error("the right person could not allow")
	}
}

// TestRest signs out who is away for half an hour, and leads back to where they were.
func TestRest(t *testing.T) {
	w := newWorld(t)
	v := signedIn(t, w)
	for range 3 {
		w.pass(29 * time.Minute)
		if p := v.get("/files"); p.title() != "Your files" {
			t.Fatalf("while active: %q", p.title())
		}
	}
	w.pass(31 * time.Minute)
	p := v.get("/activity")
	if p.title() != "Sign in to your library" || !strings.Contains(textOf(p.root), "You were away for a while") {
		t.Fatalf("after a rest: %s", textOf(p.root))
	}
	if p = p.click("sign-in", "email", email, "password", password); p.title() != "Activity" {
		t.Errorf("after signing in again: %q", p.title())
	}
}

// TestRestInLink comes back to the same step of the link.
func TestRestInLink(t *testing.T) {
	w := newWorld(t)
	clinic := w.clinic("Demo Clinic", write)
	v := signedIn(t, w)
	w.pass(25 * time.Minute)
	p := v.get(authorize(w.link(clinic, webCallback, "")))
	v.client.Jar.SetCookies(p.url, []*http.Cookie{{Name: "carrel_login", Value: "over", Path: "/"}})
	path, fields := p.form(p.find("allow"))
	if p := v.post(path, fields); p.status != http.StatusForbidden {
		t.Errorf("a form of another login: %d", p.status)
	}
	p = v.get(path)
	if !strings.Contains(textOf(p.root), "You were away for a while") {
		t.Fatalf("after a rest: %s", textOf(p.root))
	}
	if p = p.click("sign-in", "email", email, "password", password); p.find("allow") == nil {
		t.Errorf("after signing in again: %q", p.title())
	}
}

func TestUserReauth(t *testing.T) {
	w := newWorld(t)
	clinic := w.clinic("Demo Clinic", func(_ *library.Application, k *library.Contract) { k.GrantFor = 24 * time.Hour })
	v := w.visitor()
	token := w.exchange(clinic, create(t, v, authorize(w.link(clinic, webCallback, ""))).click("allow").callback())
	w.pass(25 * time.Hour)
	p := v.get("/apps/saas/user-reauth?code=" + w.refer(clinic, webCallback, token, true))
	p = p.click("sign-in", "email", email, "password", password)
	if got, want := p.title(), "May Demo Clinic go on using your library?"; got != want {
		t.Fatalf("title %q, want %q", got, want)
	}
	if !strings.Contains(textOf(p.root), "You allowed it until 25 November 2026 .") && !strings.Contains(textOf(p.root), "You allowed it until 25 November 2026.") {
		t.Errorf("no end of the earlier consent: %s", textOf(p.root))
	}
	if q := p.click("allow").callback().Query(); q.Get("success") != "true" || q.Get("code") == "" {
		t.Errorf("callback %v", q)
	}
}

func TestOnboardAndReauthorize(t *testing.T) {
	w := newWorld(t)
	clinic := w.clinic("Demo Clinic", write)
	v := w.visitor()
	to := create(t, v, authorize(w.link(clinic, webCallback, ""))).click("allow").callback()
	token := w.exchange(clinic, to)

	q := v.get("/apps/saas/onboard?sourceType=push&service=12&code=" + w.refer(clinic, webCallback, token, false)).callback().Query()
	if q.Get("success") != "false" || q.Get("errorCode") != "ONBOARD_ERROR" {
		t.Errorf("onboard: %v", q)
	}
	p := v.get("/apps/saas/reauthorize?accountRef=unknown&code=" + w.refer(clinic, webCallback, token, false))
	if p.status != http.StatusForbidden || p.title() != "This account is not in your library" {
		t.Errorf("reauthorize of an unknown account: %d %q", p.status, p.title())
	}
	call := &library.SignedRequest{Client: clinic, Claims: wire.RequestClaims{AccessToken: token}}
	bearer, err := w.consents.Bearer(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	accounts, err := w.consents.ListAccounts(t.Context(), bearer)
	if err != nil || len(accounts) != 1 {
		t.Fatalf("accounts %v, %v", accounts, err)
	}
	ref, err := w.consents.AddReference(t.Context(), call, wire.ReferenceRequest{Type: "accountId", Value: string(accounts[0].ID)})
	if err != nil {
		t.Fatal(err)
	}
	q = v.get("/apps/saas/reauthorize?accountRef=" + ref + "&code=" + w.refer(clinic, webCallback, token, false)).callback().Query()
	if q.Get("success") != "true" || q.Get("state") != "the state" {
		t.Errorf("reauthorize: %v", q)
	}
}

func TestPhoneCallback(t *testing.T) {
	w := newWorld(t)
	clinic := w.clinic("Demo Clinic", write)
	for answer, want := range map[string]string{"allow": "allowed", "deny": "denied"} {
		v := w.visitor()
		p := v.get(authorize(w.link(clinic, phoneCallback, ""))).
			click("create-library", "email", answer+"@example.org", "password", password).click("recovery-saved")
		if csp := p.header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' clinic-app:;") {
			t.Errorf("policy %s", csp)
		}
		p = p.click(answer)
		if got := attr(p.find("done-state"), "data-state"); got != want {
			t.Errorf("state %q, want %q", got, want)
		}
		back := attr(p.find("return"), "href")
		if !strings.HasPrefix(back, "clinic-app://callback?") || !strings.Contains(p.body, `content="0; url=clinic-app://callback?`) {
			t.Errorf("way back %q", back)
		}
	}
}

// TestMalformedLinks refuses what no client writes, with the way back.
func TestMalformedLinks(t *testing.T) {
	w := newWorld(t)
	clinic := w.clinic("Demo Clinic", write)
	code := w.link(clinic, webCallback, "")
	for _, query := range []string{
		"sourceType=sideways", "service=twelve", "service=-1", "service=1&service=2", "sampleDataAutoOnboard=yes", "triggerQuery=",
		"sampleDataSet=", "includeSampleDataOnlySources=1", "storageRef=../x", "accountRef=a%20b",
		"sourcesScope=nonsense", "sourcesScope=%5B%5D", "sourcesScope=%7B%22dataType%22%3A1%7D", "sourcesScope=null",
	} {
		p := w.visitor().get("/apps/saas/authorize?code=" + code + "&" + query)
		if p.status != http.StatusBadRequest || p.title() != "Demo Clinic asked for something that we do not know" {
			t.Errorf("%s: %d %q", query, p.status, p.title())
			continue
		}
		if back := attr(p.find("return"), "href"); !strings.Contains(back, "errorCode=INITIALIZE_CHECK_FAIL") {
			t.Errorf("%s: way back %q", query, back)
		}
	}
	scope := url.QueryEscape(url.QueryEscape(`{"dataType":["documents"],"organizationType":"hospital"}`))
	good := "/apps/saas/authorize?code=" + code + "&sourceType=pull&service=12&sampleDataSet=a+b&sampleDataAutoOnboard=false" +
		"&includeSampleDataOnlySources=true&triggerQuery=false&storageRef=abc123&lng=xx&sourcesScope=" + scope
	if p := w.visitor().get(good); p.status != http.StatusOK {
		t.Errorf("well-formed link: %d %s", p.status, textOf(p.root))
	}
}

func TestBadLinks(t *testing.T) {
	w := newWorld(t)
	clinic := w.clinic("Demo Clinic", write)
	v := w.visitor()
	for _, path := range []string{"/apps/saas/authorize", "/apps/saas/authorize?code=unknown", "/apps/saas/user-reauth?code=" + w.link(clinic, webCallback, "")} {
		if p := v.get(path); p.status != http.StatusNotFound || p.title() != "This link does not work" || p.find("return") != nil {
			t.Errorf("%s: %d %q", path, p.status, p.title())
		}
	}
	old := authorize(w.link(clinic, webCallback, ""))
	w.pass(31 * time.Minute)
	p := v.get(old)
	if p.status != http.StatusGone || p.title() != "This link is too old" {
		t.Errorf("old link: %d %q", p.status, p.title())
	}
	if back := attr(p.find("return"), "href"); !strings.Contains(back, "errorCode=INVALID_CODE") || !strings.Contains(back, "success=false") {
		t.Errorf("way back %q", back)
	}
	late := authorize(w.link(clinic, webCallback, ""))
	if err := w.clients.DisableContract(t.Context(), clinic.Contract.ID); err != nil {
		t.Fatal(err)
	}
	if p := v.get(late); p.status != http.StatusGone || p.title() != "Demo Clinic may not ask this any more" {
		t.Errorf("ended contract: %d %q", p.status, p.title())
	}
}
