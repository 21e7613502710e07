package web_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// TestConnectTour chooses a provider, connects it and allows an application to send there.
func TestConnectTour(t *testing.T) {
	inEachLanguage(t, func(tr *tour) {
		tr.w.Provider.Lists(webtest.ManySources(40)...)
		scope := url.QueryEscape(url.QueryEscape(`{"dataType":["measurements-vital-signs"]}`))
		tr.open(tr.register("Demo Clinic").AuthorizeURL(tr.callback) + "&sourcesScope=" + scope)
		tr.createLibrary()
		tr.Click("recovery-saved")
		tr.check("choose")
		tr.Type("service-search", "nieuwegein")
		tr.Click("service-search-go")
		tr.check("choose found")
		tr.Visit(strings.Replace(tr.Location(), "nieuwegein", "nobody", 1))
		tr.check("choose none")
		tr.Visit(strings.Replace(tr.Location(), "nobody", "", 1))
		tr.Click("next")
		tr.Click("previous")
		tr.Click(webtest.SourceID(webtest.Linde))
		tr.check("provider go")
		tr.Click("provider-go")
		if at := tr.Location(); !strings.HasPrefix(at, tr.w.Provider.URL) {
			tr.t.Fatalf("at %s, want the provider", at)
		}
		tr.Click("sim-approve")
		tr.check("consent push")
		tr.Click("allow")
		tr.wantCallback("success", "true")
	})
}

// connect has the tour's person connect Linde for an application. The browser is signed in afterwards.
func (tr *tour) connect(clinic *webtest.App) (token string) {
	tr.t.Helper()
	tr.open(clinic.AuthorizeURL(tr.callback))
	tr.createLibrary()
	tr.Click("recovery-saved")
	tr.Click(webtest.SourceID(webtest.Linde))
	tr.Click("provider-go")
	tr.Click("sim-approve")
	tr.Click("allow")
	return clinic.Exchange(tr.atCallback())
}

// TestConnectErrorsTour visits the pages after connecting has not succeeded.
func TestConnectErrorsTour(t *testing.T) {
	inEachLanguage(t, func(tr *tour) {
		tr.w.Provider.Lists(webtest.ManySources(40)...)
		clinic := tr.register("Demo Clinic")
		tr.connect(clinic)
		request := clinic.AuthorizeURL(tr.callback)
		tr.open(request)
		tr.check("choose before")
		tr.open(request + "&q=lucas")
		tr.Click(webtest.SourceID(webtest.Lucas))
		tr.Click("provider-go")
		tr.open(request + "&service=" + strconv.Itoa(webtest.Lucas.ID))
		tr.check("provider pending")
		tr.Click("provider-again")
		tr.Click("sim-deny")
		tr.check("provider refused")
		tr.w.Provider.RefusesTokens(http.ErrHandlerTimeout)
		tr.Click("provider-again")
		tr.Click("sim-approve")
		tr.check("provider failed")
		tr.Click("provider-other")
		tr.open(request + "&service=12")
		tr.check("choose gone")
		tr.w.Provider.Lists(webtest.ManySources(250)...)
		tr.open(request + "&q=x")
		tr.check("choose short")
		tr.w.Provider.FailsToList(http.ErrServerClosed)
		tr.open(request)
		tr.check("choose no list")
		tr.w.Provider.Lists(webtest.ManySources(40)...)
		tr.Click("cancel")
		tr.wantCallback("errorCode", "USER_CANCEL")
		tr.open("/providers/return/1?state=unknown&code=x")
		tr.check("error return")
	})
}

// TestSendTour connects two providers and visits the pages of what was sent to them.
func TestSendTour(t *testing.T) {
	inEachLanguage(t, func(tr *tour) {
		w := tr.w
		w.Provider.Lists(webtest.ManySources(40)...)
		clinic := tr.register("Demo Clinic")
		token := tr.connect(clinic)
		w.Provider.GivesTokensUntil(w.Clock.Now().Add(time.Hour))
		tr.open(clinic.OnboardURL("/apps/saas/onboard?sourceType=push&service="+strconv.Itoa(webtest.Lucas.ID), token))
		tr.Click("provider-go")
		tr.Click("sim-approve")
		tr.WaitFor(`document.title`, "Back at the application")
		tr.wantCallback("success", "true")
		linde, lucas := clinic.ConnectionTo(token, webtest.Linde.ID), clinic.ConnectionTo(token, webtest.Lucas.ID)
		tr.open(clinic.OnboardURL("/apps/saas/reauthorize?accountRef="+clinic.AccountHandle(token, linde), token))
		tr.check("provider again")
		tr.Click("cancel")

		tr.open("/grants")
		tr.check("grants push")
		for _, sent := range []struct {
			outcome delivery.Outcome
			types   []string
		}{
			{delivery.Outcome{Kind: delivery.OutcomeDelivered, Status: 201}, []string{"Observation"}},
			{delivery.Outcome{Kind: delivery.OutcomeRefused, Status: 422}, []string{"Observation", "Observation"}},
			{delivery.Outcome{Kind: delivery.OutcomeUnknown}, []string{"DocumentReference", "Binary"}},
			{delivery.Outcome{Kind: delivery.OutcomeNotFiled, Status: 503}, []string{"QuestionnaireResponse"}},
		} {
			w.Provider.Answers(sent.outcome)
			for _, a := range clinic.Connections(token) {
				clinic.Send(token, a.ID, sent.types...)
			}
			w.Clock.Moves(2 * time.Minute)
		}
		w.Clock.Moves(8 * time.Minute)
		tr.open("/accounts")
		tr.check("accounts")
		tr.Click("disconnect-" + string(linde))
		tr.check("disconnect")
		tr.Click("disconnect-confirm")
		for range 20 {
			clinic.Send(token, lucas, "Observation")
			w.Clock.Moves(time.Second)
		}
		tr.open("/accounts")
		tr.Click("next")
		tr.check("accounts older")
		tr.Click("nav-activity")
		tr.check("activity sent")
		tr.open("/delete")
		tr.check("delete sending")
	})
}
