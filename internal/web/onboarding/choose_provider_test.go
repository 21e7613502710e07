package onboarding_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/onboarding"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// search sends the search form of a page.
func search(p *webtest.Page, text string) *webtest.Page {
	action, fields := p.Form("service-search")
	fields.Set("q", text)
	action, _, _ = strings.Cut(action, "?")
	return p.Browser.Get(action + "?" + fields.Encode())
}

func TestSearchProviders(t *testing.T) {
	t.Parallel()
	w, clinic := newProviders(t)
	b, p := atChoice(w, clinic)
	if p.TextOf("service-count") != "" || !strings.Contains(p.TextOf("services"), "Oosterwal") {
		t.Errorf("before a search: %s", p.Text())
	}
	found := search(p, "ZEIST")
	if found.TextOf("service-count") != "1 found for “ZEIST”" || found.Has(webtest.SourceID(webtest.Lucas)) ||
		!found.Has(webtest.SourceID(webtest.Oosterwal)) {
		t.Errorf("by place: %s", found.Text())
	}
	none := search(p, "<nothing>")
	const nothing = "Nothing found for “<nothing>”. Check the spelling, or try only the place."
	if got := none.TextOf("service-count"); got != nothing {
		t.Errorf("nothing: %q", got)
	}
	if none.Attr("service-search", "value") != "<nothing>" {
		t.Error("the page forgets what was typed")
	}
	for _, query := range []string{
		"&page=-1", "&page=99999", "&page=x", "&q=%FF%00", "&q=" + strings.Repeat("x", 5000), "&step=gone",
	} {
		if got := b.Get(p.URL.RequestURI() + query); got.Status != http.StatusOK {
			t.Errorf("%s: %d", query, got.Status)
		}
	}
}

func TestSearchLongList(t *testing.T) {
	t.Parallel()
	w, clinic := newProviders(t)
	w.Provider.Lists(webtest.ManySources(250)...)
	_, p := atChoice(w, clinic)
	if p.Has("services") || p.Status != http.StatusOK {
		t.Errorf("before a search: %s", p.Text())
	}
	short := search(p, "x")
	if short.Status != http.StatusUnprocessableEntity ||
		!strings.Contains(short.TextOf("error"), "Type at least 2 letters") {
		t.Errorf("one letter: %d %s", short.Status, short.Text())
	}
	found := search(p, "practice 1")
	if !strings.Contains(found.Text(), "1 to 20 of") || found.Has("previous") {
		t.Fatalf("many: %s", found.Text())
	}
	next := found.Click("next")
	if !strings.Contains(next.Text(), "21 to 40 of") || next.TextOf("service-count") != found.TextOf("service-count") {
		t.Errorf("next: %s", next.Text())
	}
	if previous := next.Click("previous"); previous.TextOf("services") != found.TextOf("services") {
		t.Error("the page before is another")
	}
	if chosen := next.Click(next.FirstTestID("service-1")); !chosen.Has("provider-go") {
		t.Errorf("chosen: %s", chosen.Text())
	}
}

func TestNoList(t *testing.T) {
	t.Parallel()
	w, clinic := newProviders(t)
	b := w.NewPerson(webtest.Anna)
	w.Provider.FailsToList(http.ErrServerClosed)
	p := b.Get(clinic.AuthorizeURL(webtest.WebCallback) + "&lng=nl")
	if p.Status != http.StatusServiceUnavailable ||
		!strings.HasPrefix(p.TextOf("error"), "We kunnen de lijst nu niet laden.") || !p.Has("try-again") {
		t.Errorf("%d %s", p.Status, p.Text())
	}
	if q := p.Click("cancel").Callback().Query(); q.Get("errorCode") != "USER_CANCEL" {
		t.Errorf("callback %v", q)
	}
}

// The scope of sources narrows the list to what the application has to send, and to whom.
func TestScopeNarrowsTheList(t *testing.T) {
	t.Parallel()
	w, clinic := newProviders(t)
	b := w.NewPerson(webtest.Anna)
	open := func(scope string) *webtest.Page {
		return b.Get(clinic.AuthorizeURL(webtest.WebCallback) + "&sourcesScope=" + scope)
	}
	for _, tt := range []struct{ scope, what, services string }{
		{`{"dataType":["documents"]}`, "documents", "Oosterwal"},
		{`{"organizationType":"hospital"}`, "data", "Sint Lucas Hospital"},
		{
			`{"dataType":["documents","questionnaire-response"]}`,
			"documents and answers to a questionnaire", "Oosterwal",
		},
		{
			`{"dataType":["measurements-vital-signs","vaccinations"],"organizationType":"general-practitioner"}`,
			"measurements and other data", "De Linde",
		},
	} {
		p := open(url.QueryEscape(url.QueryEscape(tt.scope)))
		if got := p.TextOf("services"); !strings.HasPrefix(got, tt.services) || strings.Count(got, ",") != 1 {
			t.Errorf("%s: %s", tt.scope, got)
		}
		if !strings.Contains(p.Text(), "wants to send "+tt.what+" to your hospital") {
			t.Errorf("%s: %s", tt.scope, p.Text())
		}
	}
	p := open(url.QueryEscape(`{"organizationType":"dentist"}`))
	want := "Demo Clinic cannot send this to any care provider on our list."
	if got := p.TextOf("service-count"); !strings.HasPrefix(got, want) {
		t.Errorf("no provider: %s", p.Text())
	}
}

// A provider that the address names is chosen already, unless it cannot be connected.
func TestProviderInAddress(t *testing.T) {
	t.Parallel()
	w, clinic := newProviders(t)
	b := w.NewPerson(webtest.Anna)
	with := func(service string) *webtest.Page {
		return b.Get(clinic.AuthorizeURL(webtest.WebCallback) + "&service=" + service)
	}
	if p := with(strconv.Itoa(webtest.Lucas.ID)); p.Title() != "You are going to Sint Lucas Hospital" {
		t.Errorf("known: %q", p.Title())
	}
	for name, service := range map[string]string{"unknown": "12", "not to send to": "900101"} {
		p := with(service)
		if p.Title() != "Choose your care provider" ||
			p.TextOf("error") != "You cannot choose this one now. Choose another one." {
			t.Errorf("%s: %s", name, p.Text())
		}
		if p = p.Click(webtest.SourceID(webtest.Lucas)); p.Title() != "You are going to Sint Lucas Hospital" {
			t.Errorf("%s: then %q", name, p.Title())
		}
	}
	blocked := webtest.Oosterwal
	blocked.Status = wire.Blocked
	w.Provider.Lists(webtest.Lucas, blocked)
	p := with(strconv.Itoa(blocked.ID))
	if p.TextOf("error") != "You cannot choose Oosterwal now. Choose another one." {
		t.Errorf("blocked: %s", p.Text())
	}
}

// Where a site has no provider, or an application asks for none, the consent is without one.
func TestNoProvider(t *testing.T) {
	t.Parallel()
	const withoutProvider = "May Demo Clinic add files to your library?"
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	b, p := atChoice(w, clinic)
	if p.Title() != withoutProvider {
		t.Errorf("none on the site: %q", p.Title())
	}
	w.Provider.Lists(webtest.Lucas)
	for _, source := range []string{"", "&sourceType=pull", "&sourceType=pull&service=900101"} {
		p = b.Get("/apps/saas/authorize?code=" + clinic.Authorize(webtest.WebCallback) + source)
		if p.Title() != withoutProvider {
			t.Errorf("%q: page %q", source, p.Title())
		}
	}
	reader := w.Register("Home Monitor", webtest.Reads(library.Scope{Raw: true}))
	p = b.Get(reader.AuthorizeURL(webtest.WebCallback))
	if p.Title() != "May Home Monitor read files from your library?" {
		t.Errorf("reading: page %q", p.Title())
	}
}

func TestMalformedChoice(t *testing.T) {
	t.Parallel()
	w, clinic := newProviders(t)
	b, p := atChoice(w, clinic)
	action, fields := p.Form(webtest.SourceID(webtest.Lucas))
	for _, service := range []string{"", "x", "-1", "9999999999999999999999"} {
		fields.Set("service", service)
		if p = b.Post(action, fields); p.Status != http.StatusBadRequest {
			t.Errorf("choice %q: %d", service, p.Status)
		}
	}
}

func TestOrganizationsHaveTexts(t *testing.T) {
	t.Parallel()
	for _, kind := range catalogue.OrganizationTypes {
		if onboarding.OrganizationKeys[kind] == "" {
			t.Errorf("no text for an organisation that is %s", kind)
		}
	}
}

// newProviders returns a site with some providers, and an application that sends to them.
func newProviders(t *testing.T) (*webtest.World, *webtest.App) {
	t.Helper()
	w := webtest.New(t)
	w.Provider.Lists(webtest.Lucas, webtest.Linde, webtest.Oosterwal)
	return w, w.Register("Demo Clinic")
}

// atChoice returns the browser of a person with a new library who has to choose a provider.
func atChoice(w *webtest.World, app *webtest.App) (*webtest.Browser, *webtest.Page) {
	w.T.Helper()
	b := w.NewBrowser()
	return b, b.CreateLibrary(app.AuthorizeURL(webtest.WebCallback), webtest.Anna)
}
