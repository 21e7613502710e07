package onboarding_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// readsServices is a contract that reads from services.
var readsServices = webtest.Reads(library.Scope{Raw: true, Mapped: true})

// pullURL is the address of a request to collect from a source.
func pullURL(app *webtest.App, query string) string {
	return "/apps/saas/authorize?sourceType=pull&lng=en" + query + "&code=" + app.Authorize(webtest.WebCallback)
}

const withSamples = "&includeSampleDataOnlySources=true"

// A person chooses the source that an application collects from. It has only sample data, says so, and loads its
// default set unasked.
func TestChooseSource(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	app := w.Register("Music", readsServices)
	b := w.NewBrowser()
	create := b.Get(pullURL(app, withSamples))
	if !strings.Contains(create.Text(), "Step 1 of 4") {
		t.Errorf("before: %s", create.Text())
	}
	p := create.Click("create-library", "email", webtest.Anna, "password", webtest.Password).Click("recovery-saved")
	if p.Title() != "Where is your data now?" || !strings.Contains(p.Text(), "You can say no later.") {
		t.Fatalf("page: %s", p.Text())
	}
	if n := strings.Count(p.Text(), "Invented data, to try things out. It is not about you."); n != 5 {
		t.Errorf("%d sources say that their data is invented: %s", n, p.Text())
	}
	found := search(p, "spotify")
	if !found.Has("service-16") || found.Has("service-900101") ||
		found.TextOf("service-count") != "1 found for “spotify”" {
		t.Errorf("search: %s", found.Text())
	}
	p = found.Click("service-16")
	if said := "Add the data of Sample Spotify to your library. It is invented and about nobody."; !p.Has("allow") ||
		!strings.Contains(p.Text(), said) {
		t.Fatalf("consent: %s", p.Text())
	}
	if other := p.Click("provider-other"); other.Title() != "Where is your data now?" {
		t.Errorf("another: %q", other.Title())
	}
	back := p.Click("allow").Callback()
	token := app.Exchange(back)
	account := app.ConnectionTo(token, 16)
	connection := carreltest.Must(w.Store.GetConnection(t.Context(), app.LibraryOf(token).ID, account, true))(t)
	if connection.Source.SampleSet != "default" ||
		string(connection.Reference) != back.Query().Get("accountReference") {
		t.Errorf("connected %+v, callback %v", connection, back)
	}
	if fetched(t, w, app, token) == 0 {
		t.Error("nothing was fetched")
	}
	// The next time it stands first.
	again := b.Get(pullURL(app, withSamples))
	if text := again.TextOf("services-before"); !strings.HasPrefix(text, "Sample Spotify") ||
		strings.Contains(again.TextOf("services"), "Spotify") {
		t.Errorf("used before: %q; others: %q", text, again.TextOf("services"))
	}
}

// fetched fetches what is due, and returns how many files came.
func fetched(t *testing.T, w *webtest.World, app *webtest.App, token string) (files int) {
	t.Helper()
	if err := w.Fetches.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, one := range carreltest.Must(w.Store.ListFetches(t.Context(), app.LibraryOf(token).ID))(t) {
		files += one.Files
	}
	return files
}

// What the address says decides which sources can be chosen, and whether there is a choice at all.
func TestSourcesOfAddress(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	app, raw := w.Register("Music", readsServices), w.Register("Files", webtest.Reads(library.Scope{Raw: true}))
	writer := w.Register("Writer")
	b := w.NewPerson(webtest.Anna)
	scope := func(text string) string { return "&sourcesScope=" + url.QueryEscape(url.QueryEscape(text)) }
	gp := scope(`{"organizationType":"general-practitioner"}`)
	for name, tt := range map[string]struct {
		app   *webtest.App
		query string
		want  string // the sources that can be chosen; empty if there is no choice
	}{
		"only real sources":           {app, "", ""},
		"no samples":                  {app, "&includeSampleDataOnlySources=false", ""},
		"samples":                     {app, withSamples, "16 900101 900102 900103 900104"},
		"a set":                       {app, "&sampleDataSet=test", "16 900101 900102 900103 900104"},
		"a set, of real sources":      {app, "&sampleDataSet=test&includeSampleDataOnlySources=false", ""},
		"data types":                  {app, withSamples + scope(`{"dataType":["gp-data","vaccinations"]}`), "900101"},
		"an organisation":             {app, withSamples + gp, "900101"},
		"another organisation":        {app, withSamples + scope(`{"organizationType":"dentist"}`), ""},
		"to send":                     {app, withSamples + "&sourceType=push", ""},
		"a contract for pushed files": {raw, withSamples, ""},
		"a contract that writes":      {writer, withSamples, ""},
	} {
		t.Run(name, func(t *testing.T) {
			address := pullURL(tt.app, tt.query)
			if strings.Contains(tt.query, "sourceType=push") {
				address = strings.Replace(address, "sourceType=pull&", "", 1)
			}
			p := b.Get(address)
			var got []string
			for _, id := range []string{"16", "900101", "900102", "900103", "900104"} {
				if p.Has("service-" + id) {
					got = append(got, id)
				}
			}
			if strings.Join(got, " ") != tt.want || p.Has("allow") != (tt.want == "") {
				t.Errorf("%d, choice of %v: %s", p.Status, got, p.Text())
			}
		})
	}
}

// A source that the address names is not asked for, unless it cannot be connected.
func TestSourceInAddress(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	app := w.Register("Music", readsServices)
	b := w.NewPerson(webtest.Anna)
	if p := b.Get(pullURL(app, withSamples+"&service=900101")); !p.Has("allow") {
		t.Errorf("named: %s", p.Text())
	}
	dentist := url.QueryEscape(`{"organizationType":"dentist"}`)
	gp := url.QueryEscape(`{"organizationType":"general-practitioner"}`)
	for query, name := range map[string]string{
		"&service=12":                        "this one",
		"&service=900102&sourcesScope=" + gp: "Sample social network",
		"&service=900102&sampleDataSet=test&sourcesScope=" + gp: "Sample social network",
	} {
		p := b.Get(pullURL(app, withSamples+query))
		if want := "You cannot choose " + name + " now. Choose another one."; p.TextOf("error") != want {
			t.Errorf("%s: %d %s", query, p.Status, p.Text())
		} else if p = p.Click("service-900101"); !p.Has("allow") {
			t.Errorf("%s: then %s", query, p.Text())
		}
	}
	// Without a choice it leads back: the application would be told that it is connected.
	for _, query := range []string{
		"&service=12", "&service=900102&sourcesScope=" + gp,
		"&service=900101" + withSamples + "&sourcesScope=" + dentist,
	} {
		p := b.Get(pullURL(app, query))
		if p.Status != http.StatusNotFound || !strings.Contains(p.Attr("return", "href"), "errorCode=ONBOARD_ERROR") {
			t.Errorf("%s: %d %s", query, p.Status, p.Text())
		}
	}
}

// A search finds what the list shows of a source: also of which kind it is, in the language of the page.
func TestSearchKindOfSource(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	app := w.Register("Music", readsServices)
	b := w.NewPerson(webtest.Anna)
	for search, found := range map[string]bool{
		"&lng=nl&q=huisarts": true, "&lng=nl&q=huisarts+voorbeeld": true, "&lng=en&q=gp": true,
		"&lng=en&q=huisarts": false, "&lng=nl&q=huisarts+bank": false, "&lng=nl&q=tandarts": false,
	} {
		p := b.Get(strings.Replace(pullURL(app, withSamples), "&lng=en", "", 1) + search)
		if p.Has("service-900101") != found || p.Has("service-900103") {
			t.Errorf("%s: %s", search, p.Text())
		}
	}
}

// Under a contract that is bound to some services, a source of which it could read nothing is neither offered nor
// connected: the application would learn of the account, and the person would collect for nobody.
func TestSourcesOfContract(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	music := w.Register("Music", webtest.Reads(library.Scope{Mapped: true, ServiceGroups: []wire.ServiceGroup{
		{ID: 5, ServiceTypes: []wire.ServiceType{{ID: 19, ServiceObjectTypes: []wire.ServiceObjectType{{ID: 406}}}}},
	}}))
	none := w.Register("Videos", webtest.Reads(library.Scope{Mapped: true, ServiceGroups: []wire.ServiceGroup{
		{ID: 5, ServiceTypes: []wire.ServiceType{{ID: 19, ServiceObjectTypes: []wire.ServiceObjectType{{ID: 999}}}}},
	}}), webtest.Sandbox)
	b := w.NewPerson(webtest.Anna)
	onlyMusic := func(p *webtest.Page) {
		t.Helper()
		if !p.Has("service-16") || strings.Contains(p.Body, "service-900") {
			t.Errorf("choice: %s", p.Text())
		}
	}
	onlyMusic(b.Get(pullURL(music, withSamples)))
	onlyMusic(b.Get(pullURL(music, withSamples+"&sampleDataSet=test")))
	p := b.Get(pullURL(music, withSamples+"&service=900103"))
	if want := "You cannot choose Sample bank now. Choose another one."; p.TextOf("error") != want {
		t.Errorf("named, with a choice: %s", p.Text())
	}
	onlyMusic(p)
	token := music.Exchange(b.Get(pullURL(music, "")).Click("allow").Callback())
	onboard := music.OnboardURL("/apps/saas/onboard?sourceType=pull"+withSamples, token)
	onlyMusic(b.Get(onboard))
	onlyMusic(b.Get(onboard).Submit(onboard, url.Values{"step": {"choose"}, "service": {"900103"},
		"token": {b.Get(onboard).CSRFToken()}}))
	for name, address := range map[string]string{
		"named":              pullURL(music, "&service=900103"),
		"named with a set":   pullURL(music, "&service=900103&sampleDataSet=test&includeSampleDataOnlySources=false"),
		"named to add":       music.OnboardURL("/apps/saas/onboard?sourceType=pull&service=900103", token),
		"of no type":         pullURL(none, withSamples+"&service=16"),
		"of no type, no set": pullURL(none, "&service=16"),
	} {
		if p := b.Get(address); p.Status != http.StatusNotFound ||
			!strings.Contains(p.Attr("return", "href"), "errorCode=ONBOARD_ERROR") {
			t.Errorf("%s: %d %s", name, p.Status, p.Text())
		}
	}
	if list := music.Connections(token); len(list) != 0 {
		t.Errorf("connected %v", list)
	}
	if p := b.Get(pullURL(none, withSamples)); p.Has("services") || !p.Has("allow") {
		t.Errorf("without a source of the contract's: %s", p.Text())
	}
	sandbox := pullURL(none, "&sampleDataAutoOnboard=true&service=16")
	if p := w.NewBrowser().Get(sandbox); p.Status != http.StatusNotFound {
		t.Errorf("in a sandbox: %d %s", p.Status, p.Text())
	}
}

// A request to add a source offers the same choice, and says once more what is connected.
func TestChooseSourceToAdd(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	app := w.Register("Music", readsServices)
	b := w.NewPerson(webtest.Anna)
	token := app.Exchange(b.Get(pullURL(app, "")).Click("allow").Callback())
	p := b.Get(app.OnboardURL("/apps/saas/onboard?sourceType=pull&lng=en"+withSamples, token))
	if p.Title() != "Where is your data now?" {
		t.Fatalf("page: %s", p.Text())
	}
	p = p.Click("service-900102")
	if p.Title() != "Connect Sample social network?" || !p.Has("provider-other") ||
		!strings.Contains(p.Text(), "It is added to your library. Music may read it, as you have allowed.") {
		t.Fatalf("chosen: %s", p.Text())
	}
	q := p.Click("provider-go").Callback().Query()
	list := app.Connections(token)
	if len(list) != 1 || q.Get("success") != "true" || q.Get("accountReference") != list[0].Reference ||
		q.Get("code") != "" {
		t.Errorf("callback %v, accounts %+v", q, list)
	}
	if app.ConnectionTo(token, 900102) == "" || fetched(t, w, app, token) == 0 {
		t.Error("nothing was connected, or fetched")
	}
	if q := b.Get(app.OnboardURL("/apps/saas/onboard?sourceType=pull"+withSamples, token)).Click("cancel").
		Callback().Query(); q.Get("errorCode") != "USER_CANCEL" {
		t.Errorf("canceled: %v", q)
	}
}

// With triggerQuery=false the source is connected, and nothing is fetched before a session asks for it.
func TestChosenSourceIsNotFetched(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	app := w.Register("Music", readsServices)
	b := w.NewPerson(webtest.Anna)
	p := b.Get(pullURL(app, withSamples+"&triggerQuery=false")).Click("service-16")
	token := app.Exchange(p.Click("allow").Callback())
	if n := fetched(t, w, app, token); n != 0 || app.ConnectionTo(token, 16) == "" {
		t.Errorf("%d files were fetched", n)
	}
}

// What the choice was narrowed to narrows nothing else, and is not stored: which accounts a session fetches from, it
// says itself.
func TestSourcesScopeIsNotStored(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	app := w.Register("GP Viewer", readsServices)
	b := w.NewPerson(webtest.Anna)
	scope := "&sourcesScope=" + url.QueryEscape(`{"dataType":["gp-data"],"organizationType":"general-practitioner"}`)
	p := b.Get(pullURL(app, withSamples+scope)).Click("service-900101")
	const want = `{"dataType":["gp-data"],"organizationType":"general-practitioner"}`
	token := app.Exchange(p.Click("allow").Callback())
	if tables := w.Mentions(want); len(tables) != 0 {
		t.Errorf("stored in %v", tables)
	}
	if n := fetched(t, w, app, token); n == 0 {
		t.Error("nothing was fetched")
	}
}

// The page of the apps says what is collected, and not that something is sent.
func TestGrantSaysWhatIsCollected(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	app := w.Register("Music", readsServices)
	b := w.NewPerson(webtest.Anna)
	b.Get(pullURL(app, withSamples+"&service=900102")).Click("allow").Callback()
	text := b.Get("/grants?lng=en").Text()
	if !strings.Contains(text, "Collect data from Sample social network") || strings.Contains(text, "Send data") {
		t.Errorf("apps: %s", text)
	}
}
