package onboarding_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/fetch"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

const onboardPath = "/apps/saas/onboard?sourceType=push"

// An onboard request connects a further provider and asks for no consent.
func TestOnboard(t *testing.T) {
	t.Parallel()
	w, clinic := newProviders(t)
	b, token := w.Connects(webtest.Anna, clinic, webtest.Lucas)

	t.Run("another provider", func(t *testing.T) {
		p := b.Get(clinic.OnboardURL(onboardPath, token))
		if got := p.TextOf("services-before"); !strings.Contains(got, "Sint Lucas Hospital") ||
			strings.Contains(p.TextOf("services"), "Sint Lucas") {
			t.Errorf("used before: %s", p.Text())
		}
		q := p.Connect(webtest.Linde).Callback().Query()
		if q.Get("success") != "true" || q.Get("state") != "the state" || q.Has("code") {
			t.Errorf("callback: %v", q)
		}
		if accounts := clinic.Connections(token); len(accounts) != 2 {
			t.Errorf("accounts %+v", accounts)
		}
	})
	t.Run("in a browser that says where it comes from", func(t *testing.T) {
		// The provider has sent the browser, and its form-action does not allow redirects to the application.
		b.Header.Set("Sec-Fetch-Site", "cross-site")
		p := b.Get(clinic.OnboardURL(onboardPath, token))
		b.Header.Del("Sec-Fetch-Site")
		p = p.Click(webtest.SourceID(webtest.Oosterwal)).Click("provider-go").Follow().Click("sim-approve")
		b.Header.Set("Sec-Fetch-Site", "cross-site")
		p = p.Follow()
		b.Header.Del("Sec-Fetch-Site")
		back := p.Attr("return", "href")
		if p.Status != http.StatusOK || !strings.Contains(back, "success=true") ||
			p.Title() != "Oosterwal is connected." {
			t.Errorf("%d %s, back by %q", p.Status, p.Text(), back)
		}
	})
	t.Run("disconnected by the application", func(t *testing.T) {
		clinic.Disconnect(token, clinic.ConnectionTo(token, webtest.Oosterwal.ID))
		if accounts := clinic.Connections(token); len(accounts) != 2 {
			t.Errorf("accounts %+v", accounts)
		}
	})
	t.Run("cancel", func(t *testing.T) {
		p := b.Get(clinic.OnboardURL(onboardPath, token))
		if q := p.Click("cancel").Callback().Query(); q.Get("errorCode") != "USER_CANCEL" {
			t.Errorf("callback: %v", q)
		}
	})
	t.Run("to collect", func(t *testing.T) {
		p := b.Get(clinic.OnboardURL("/apps/saas/onboard?sourceType=pull", token))
		if q := p.Callback().Query(); q.Get("errorCode") != "ONBOARD_ERROR" {
			t.Errorf("callback: %v", q)
		}
	})
	t.Run("a consent without a provider", func(t *testing.T) {
		// It lets the application send to the connected providers all the same.
		p := b.Get("/apps/saas/authorize?code=" + clinic.Authorize(webtest.WebCallback))
		if got := p.TextOf("consent-scope"); !strings.Contains(got, "Send data to Sint Lucas Hospital in your name.") {
			t.Errorf("consent: %s", got)
		}
	})
}

func TestOnboardWithoutProviders(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	b, token := w.Allows(webtest.Anna, clinic)
	q := b.Get(clinic.OnboardURL("/apps/saas/onboard?sourceType=push", token)).Callback().Query()
	if q.Get("success") != "false" || q.Get("errorCode") != "ONBOARD_ERROR" {
		t.Errorf("callback: %v", q)
	}
}

// A request that names a source which cannot be connected here does not end as if it were: neither its page nor its
// form asks for consent, and the way back tells the application.
func TestAttackUnknownSource(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	monitor := w.Register("Home Monitor", webtest.Reads(library.Scope{Raw: true}))
	b, token := w.Allows(webtest.Anna, clinic)
	plain := func(app *webtest.App) string {
		return "/apps/saas/authorize?code=" + app.Authorize(webtest.WebCallback)
	}
	refused := func(address, query string) {
		t.Helper()
		p := b.Get(address + query)
		if back := p.Attr("return", "href"); p.Status != http.StatusNotFound || p.Has("allow") ||
			!strings.Contains(back, "success=false") || !strings.Contains(back, "errorCode=ONBOARD_ERROR") {
			t.Errorf("%s: %d %s, link back %q", query, p.Status, p.Text(), back)
		}
		// The form of the same request without the source, sent to the address with it.
		if form := b.Get(address); form.Has("allow") {
			_, fields := form.Form("allow")
			if p := b.Post(address+query, fields); p.Status != http.StatusNotFound {
				t.Errorf("%s, sent: %d, %q", query, p.Status, p.Header.Get("Location"))
			}
		}
	}
	lucas := "&service=" + strconv.Itoa(webtest.Lucas.ID)
	for _, query := range []string{
		"&sourceType=pull&service=12", "&service=999999999", "&sourceType=pull&service=900101&sampleDataSet=unknown",
		"&sourceType=pull&sampleDataSet=unknown", "&sourceType=push&service=12", "&sourceType=push&service=900101",
		"&sourceType=push&sampleDataSet=default", "&sourceType=pull" + lucas,
	} {
		refused(plain(clinic), query)
		refused(plain(monitor), query)
		refused(clinic.OnboardURL("/apps/saas/onboard?lng=en", token), query)
	}
	for query, want := range map[string]string{
		"&service=900101&sampleDataSet=unknown": "Demo Clinic asked for sample data that is not here",
		"&sampleDataSet=unknown":                "Demo Clinic asked for sample data that is not here",
		"&service=12&sampleDataSet=unknown":     "Demo Clinic asked for a source that is not here",
		"&service=12":                           "Demo Clinic asked for a source that is not here",
	} {
		if p := b.Get(plain(clinic) + "&lng=en&sourceType=pull" + query); p.Title() != want {
			t.Errorf("%s: %q, want %q", query, p.Title(), want)
		}
	}
	if !strings.Contains(w.Log.String(), "address names a sampleDataSet that the source does not have") {
		t.Error("the log does not say that the set is not there")
	}
	w.Provider.Lists(webtest.Lucas)
	refused(plain(clinic), "&sourceType=pull"+lucas)
	refused(plain(clinic), "&sourceType=push&sampleDataSet=default"+lucas)
	refused(plain(monitor), "&sourceType=push"+lucas)
	// Where the person chooses, they are told, and choose another.
	p := b.Get(plain(clinic) + "&sourceType=push&service=12")
	if !p.Has(webtest.SourceID(webtest.Lucas)) || !strings.Contains(p.Text(), "You cannot choose") {
		t.Errorf("a provider that is not there: %s", p.Text())
	}
	for _, query := range []string{
		"", "&sourceType=pull&service=900101", "&service=900101&sampleDataSet=test", "&sampleDataSet=default",
	} {
		if p := b.Get(plain(clinic) + query); !p.Has("allow") {
			t.Errorf("%s: %d %s", query, p.Status, p.Text())
		}
	}
}

// A reauthorize request connects an account again.
func TestReauthorize(t *testing.T) {
	t.Parallel()
	w, clinic := newProviders(t)
	b, token := w.Connects(webtest.Anna, clinic, webtest.Lucas)
	account := clinic.ConnectionTo(token, webtest.Lucas.ID)
	path := "/apps/saas/reauthorize?accountRef=" + clinic.AccountHandle(token, account)
	p := b.Get(clinic.OnboardURL(path, token))
	if p.Title() != "Connect Sint Lucas Hospital again" || p.Has("provider-other") {
		t.Fatalf("page: %s", p.Text())
	}
	p = p.DenyAtProvider()
	if p.Attr("provider-result", "data-state") != "refused" {
		t.Fatalf("refused: %s", p.Text())
	}
	p = p.Click("provider-again").Follow().Click("sim-approve").Follow()
	if q := p.Callback().Query(); q.Get("success") != "true" {
		t.Errorf("callback: %v", q)
	}
	accounts := clinic.Connections(token)
	if len(accounts) != 1 || !slices.ContainsFunc(accounts, func(a wire.Account) bool { return a.ID == account }) {
		t.Errorf("accounts afterwards %+v", accounts)
	}
	bob := w.NewPerson(webtest.Bob)
	if p = bob.Get(clinic.OnboardURL(path, token)); p.Title() != "This link belongs to another library" {
		t.Errorf("Bob sees %q", p.Title())
	}
}

// A source of sample data can ask to be connected again. The person goes nowhere for that, and then it gives the rest.
func TestReauthorizeSample(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	app := w.Register("Health", readsServices)
	b := w.NewPerson(webtest.Anna)
	p := b.Get(pullURL(app, "&service=900101&sampleDataSet=reauthorize"))
	token := app.Exchange(p.Click("allow").Callback())
	authorized := func() bool { return app.Connections(token)[0].AccessTokenStatus.Authorized }
	newest := func() fetch.Fetch {
		t.Helper()
		fetched(t, w, app, token)
		return carreltest.Must(w.Store.ListFetches(t.Context(), app.LibraryOf(token).ID))(t)[0]
	}
	if !authorized() {
		t.Error("not authorised before it is fetched from")
	}
	for range 2 { // asked once more, it still asks for the same
		one := newest()
		if one.State != fetch.Partial || one.Problem == nil || !one.Problem.Reauthorize ||
			one.Problem.StatusCode != 511 {
			t.Errorf("fetch %+v", one)
		}
		if authorized() {
			t.Error("authorised, though the source asks for it again")
		}
		if err := w.Fetches.Request(t.Context(), app.Bearer(token).Grant, wire.SessionOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	account := app.ConnectionTo(token, 900101)
	path := "/apps/saas/reauthorize?lng=en&accountRef=" + app.AccountHandle(token, account)
	address := app.OnboardURL(path, token)
	p = b.Get(address)
	text := p.Text()
	if p.Title() != "Connect Sample care provider again" || p.TextOf("provider-go") != "Allow again" ||
		!strings.Contains(text, "This is sample data. It is invented and about nobody.") ||
		strings.Contains(text, "DigiD") || p.Has("provider-other") {
		t.Errorf("page: %s", text)
	}
	reference := app.Connections(token)[0].Reference
	for _, p := range []*webtest.Page{p.Click("provider-go"), b.Get(address)} { // and loaded again
		q := p.Callback().Query()
		if q.Get("success") != "true" || q.Get("accountReference") != reference {
			t.Errorf("callback %v, want %s", q, reference)
		}
	}
	if one := newest(); one.State != fetch.Completed || one.Problem != nil || one.Files == 0 || !authorized() {
		t.Errorf("afterwards %+v, authorised %t", one, authorized())
	}
	if list := app.Connections(token); len(list) != 1 || list[0].ID != account {
		t.Errorf("accounts %+v", list)
	}
}

func TestReauthorizeWithoutProvider(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	b, token := w.Allows(webtest.Anna, clinic)
	p := b.Get(clinic.OnboardURL("/apps/saas/reauthorize?accountRef=unknown", token))
	if p.Status != http.StatusForbidden || p.Title() != "This account is not in your library" {
		t.Errorf("unknown account: %d %q", p.Status, p.Title())
	}
	// The account that stands for the person needs nothing.
	ref := clinic.AccountHandle(token, clinic.UserAccount(token))
	q := b.Get(clinic.OnboardURL("/apps/saas/reauthorize?accountRef="+ref, token)).Callback().Query()
	if q.Get("success") != "true" || q.Get("state") != "the state" {
		t.Errorf("callback: %v", q)
	}
}
