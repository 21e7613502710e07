package web_test

import (
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// pullURL is the address of a request to collect, from sources of sample data too.
func (tr *tour) pullURL(app *webtest.App) string {
	return "/apps/saas/authorize?sourceType=pull&includeSampleDataOnlySources=true&code=" + app.Authorize(tr.callback)
}

// boundServices is a contract that reads some data of services, of some time.
func boundServices() webtest.Option {
	return webtest.Reads(library.Scope{
		Raw: true, Mapped: true,
		ServiceGroups: []wire.ServiceGroup{
			{ID: 5, ServiceTypes: []wire.ServiceType{
				{ID: 19, ServiceObjectTypes: []wire.ServiceObjectType{{ID: 406}, {ID: 403}}},
			}},
			{ID: 1}, {ID: 2}, {ID: 3},
		},
		TimeRanges: []wire.TimeRange{{Last: "1y"}, {From: 1262304000, To: 1420070399}},
	})
}

// TestSourceTour chooses a source to collect from, and visits the pages that follow.
func TestSourceTour(t *testing.T) {
	inEachLanguage(t, func(tr *tour) {
		app := tr.register("Music", boundServices())
		request := tr.pullURL(app)
		tr.open(request)
		tr.createLibrary()
		tr.Click("recovery-saved")
		tr.check("choose source")
		tr.Type("service-search", "spotify")
		tr.Click("service-search-go")
		tr.check("choose source found")
		tr.Visit(strings.Replace(tr.Location(), "spotify", "nobody", 1))
		tr.check("choose source none")
		tr.open(request + "&service=12")
		tr.check("choose source gone")
		tr.Click("service-16")
		tr.check("consent source")
		tr.Click("provider-other")
		tr.Click("service-900102")
		tr.Click("allow")
		token := app.Exchange(tr.atCallback())
		tr.open("/grants")
		tr.check("grants with services")

		tr.open(tr.pullURL(app))
		tr.check("choose source before")
		tr.open(app.OnboardURL("/apps/saas/onboard?sourceType=pull&includeSampleDataOnlySources=true", token))
		tr.Click("service-900103")
		tr.check("connect source")
		tr.Click("provider-go")
		tr.WaitFor(`document.title`, "Back at the application")
		tr.wantCallback("success", "true")

		tr.fetch()
		tr.open("/accounts")
		tr.check("accounts with services")
		tr.open("/files")
		tr.check("files from services")
		tr.open(app.Another(webtest.CallsBack(tr.callback), boundServices()).AuthorizeURL(tr.callback))
		tr.check("consent beside others")
		tr.open(tr.pullURL(app) + "&sampleDataSet=none")
		tr.check("unknown sample data")

		scope := url.QueryEscape(url.QueryEscape(`{"organizationType":"general-practitioner"}`))
		tr.open(tr.pullURL(app) + "&sourcesScope=" + scope)
		tr.check("choose source of a kind")
		tr.Click("cancel")
		tr.wantCallback("errorCode", "USER_CANCEL")
	})
}

// fetch fetches what is due.
func (tr *tour) fetch() {
	tr.t.Helper()
	if err := tr.w.Fetches.RunDue(tr.t.Context()); err != nil {
		tr.t.Fatal(err)
	}
}

// TestReconnectTour connects a source again that asks for it, for the application and on the page of accounts.
func TestReconnectTour(t *testing.T) {
	inEachLanguage(t, func(tr *tour) {
		app := tr.register("Health", boundServices())
		tr.open(tr.pullURL(app) + "&service=900101&sampleDataSet=reauthorize")
		tr.createLibrary()
		tr.Click("recovery-saved")
		tr.Click("allow")
		token := app.Exchange(tr.atCallback())
		account := app.ConnectionTo(token, 900101)
		tr.fetch()
		tr.open("/accounts")
		tr.check("accounts asking again")
		tr.open(app.OnboardURL("/apps/saas/reauthorize?accountRef="+app.AccountHandle(token, account), token))
		tr.check("connect sample again")
		tr.Click("provider-go")
		tr.wantCallback("success", "true")

		tr.open(tr.pullURL(app) + "&service=900101&sampleDataSet=reauthorize") // as at the beginning
		tr.Click("allow")
		tr.atCallback()
		tr.fetch()
		tr.open("/accounts")
		tr.Click("reconnect-" + string(account))
		tr.check("accounts connected again")
	})
}

// TestSandboxTour goes straight back, and to the page for too many.
func TestSandboxTour(t *testing.T) {
	inEachLanguage(t, func(tr *tour) {
		app := tr.register("Trial", webtest.Sandbox)
		open := func() {
			tr.open("/apps/saas/authorize?sampleDataAutoOnboard=true&code=" + app.Authorize(tr.callback))
		}
		open()
		tr.wantCallback("success", "true")
		address := tr.w.NewBrowser()
		for range 99 {
			address.Get("/apps/saas/authorize?sampleDataAutoOnboard=true&code=" + app.Authorize(tr.callback))
		}
		open()
		tr.check("too many sandboxes")
		tr.Click("return")
		tr.wantCallback("errorCode", "SERVER_ERROR")
	})
}

// TestSourceKeyboard chooses a source and consents by the keyboard alone, with the script and without.
func TestSourceKeyboard(t *testing.T) {
	t.Parallel()
	for _, script := range []bool{true, false} {
		t.Run("script "+strconv.FormatBool(script), func(t *testing.T) {
			t.Parallel()
			tr := newTour(t, "en")
			tr.DisableScripts(!script)
			tr.open(tr.pullURL(tr.register("Music", boundServices())))
			tr.TabTo("email")
			tr.Press(webtest.Anna)
			tr.TabTo("password")
			tr.Submit(webtest.Password + "\r")
			tr.TabTo("recovery-saved")
			tr.Submit("\r")
			tr.TabTo("service-search")
			tr.Submit("bank\r")
			for _, id := range []string{"service-900103", "allow"} {
				tr.TabTo(id)
				tr.Submit("\r")
			}
			if q := tr.atCallback().Query(); q.Get("success") != "true" || q.Get("accountReference") == "" {
				t.Errorf("callback %v", q)
			}
		})
	}
}
