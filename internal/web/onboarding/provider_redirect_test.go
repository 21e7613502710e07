package onboarding_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/web/webtest"
)

// wantState wants the page of a state of connecting.
func wantState(t *testing.T, p *webtest.Page, state, title string) {
	t.Helper()
	if got := p.Attr("provider-result", "data-state"); got != state || p.Title() != title {
		t.Fatalf("%q, %q: %s", got, p.Title(), p.Text())
	}
}

func TestConnectAndAllow(t *testing.T) {
	t.Parallel()
	w, clinic := newProviders(t)
	scope := "&sourcesScope=" + url.QueryEscape(`{"dataType":["measurements-vital-signs"]}`)
	b := w.NewBrowser()
	p := b.CreateLibrary(clinic.AuthorizeURL(webtest.WebCallback)+scope, webtest.Anna)

	t.Run("choose", func(t *testing.T) {
		if p.Title() != "Choose your care provider" || !strings.Contains(p.Text(),
			"Demo Clinic wants to send measurements to your hospital, GP or other care provider.") {
			t.Fatalf("page: %s", p.Text())
		}
		if p.Has(webtest.SourceID(webtest.Oosterwal)) {
			t.Error("a provider that takes no measurements")
		}
		if got := p.TextOf(webtest.SourceID(webtest.Linde)); got != "De Linde general practice GP, Nieuwegein" {
			t.Errorf("row %q", got)
		}
	})
	t.Run("before leaving", func(t *testing.T) {
		p = p.Click(webtest.SourceID(webtest.Linde))
		if p.Title() != "You are going to De Linde general practice" {
			t.Fatalf("page: %s", p.Text())
		}
		csp := p.Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "form-action 'self' https://clinic.example https: http:;") {
			t.Errorf("policy %s", csp)
		}
	})
	t.Run("consent", func(t *testing.T) {
		p = p.ConfirmAtProvider()
		wantState(t, p, "ok", "May Demo Clinic send data to De Linde general practice for you?")
		if got := p.TextOf("provider-result"); got != "De Linde general practice is connected." {
			t.Errorf("result %q", got)
		}
		for _, want := range []string{
			"Send measurements to De Linde general practice in your name.", "Add new files to your library.",
			"Look in your library.", "Read anything back from De Linde general practice.",
		} {
			if !strings.Contains(p.TextOf("consent-scope"), want) {
				t.Errorf("no %q in %s", want, p.TextOf("consent-scope"))
			}
		}
		if !strings.Contains(p.Text(), "De Linde general practice decides what goes into your record there.") {
			t.Error("no word on who decides")
		}
		csp := p.Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "form-action 'self' https://clinic.example;") {
			t.Errorf("policy %s", csp)
		}
	})
	t.Run("allow", func(t *testing.T) {
		callback := p.Click("allow").Callback()
		accounts := clinic.Connections(clinic.Exchange(callback))
		if len(accounts) != 1 || accounts[0].Reference != callback.Query().Get("accountReference") ||
			accounts[0].SourceID != webtest.Linde.ID {
			t.Errorf("callback %s, accounts %+v", callback, accounts)
		}
		grants := b.Get("/grants")
		if got := grants.TextOf(grants.FirstTestID("grant-")); !strings.Contains(got,
			"Add files to your library Send data to De Linde general practice") {
			t.Errorf("grant %s", got)
		}
	})
}

func TestConnectWithoutSuccess(t *testing.T) {
	t.Parallel()
	w, clinic := newProviders(t)
	b, p := atChoice(w, clinic)
	request := p.URL.RequestURI()
	chosen := request + "&service=" + strconv.Itoa(webtest.Lucas.ID)

	t.Run("back by the back button", func(t *testing.T) {
		p = p.Click(webtest.SourceID(webtest.Lucas)).Click("provider-go")
		wantState(t, b.Get(chosen), "pending", "You are not finished at Sint Lucas Hospital yet")
		if got := b.Get(request); got.Title() != "Choose your care provider" {
			t.Errorf("further back: %q", got.Title())
		}
	})
	t.Run("denied at the provider", func(t *testing.T) {
		p = p.Follow().Click("sim-deny").Follow()
		wantState(t, p, "refused", "Sint Lucas Hospital is not connected")
		wantState(t, b.Get(p.URL.RequestURI()), "refused", "Sint Lucas Hospital is not connected")
		if p = b.Get(chosen); !p.Has("provider-go") {
			t.Errorf("after it has ended: %s", p.Text())
		}
	})
	t.Run("no tokens", func(t *testing.T) {
		w.Provider.RefusesTokens(http.ErrHandlerTimeout)
		p = p.ConfirmAtProvider()
		wantState(t, p, "failed", "It did not work at Sint Lucas Hospital")
	})
	t.Run("too late", func(t *testing.T) {
		p = p.Click("provider-again").Follow()
		w.Clock.Moves(29 * time.Minute)
		b.Get("/files") // meanwhile, so that the person stays signed in
		p = p.Click("sim-approve")
		w.Clock.Moves(2 * time.Minute)
		// By now the request is too old as well.
		if p = p.Follow(); p.Title() != "This link is too old" {
			t.Errorf("page: %s", p.Text())
		}
	})
}

// After connecting has not succeeded, a person can choose another provider or go back to the application.
func TestAfterRefusal(t *testing.T) {
	t.Parallel()
	w, clinic := newProviders(t)
	b := w.NewPerson(webtest.Anna)
	refused := func() *webtest.Page {
		p := b.Get(clinic.AuthorizeURL(webtest.WebCallback))
		return p.Click(webtest.SourceID(webtest.Lucas)).DenyAtProvider()
	}
	p := refused().Click("provider-other")
	if p.Title() != "Choose your care provider" {
		t.Errorf("another: %q", p.Title())
	}
	if q := p.Click("cancel").Callback().Query(); q.Get("errorCode") != "USER_CANCEL" || q.Get("success") != "false" {
		t.Errorf("cancelled at the choice: %v", q)
	}
	q := refused().Click("cancel").Callback().Query()
	if q.Get("errorCode") != "ONBOARD_ERROR" || q.Get("success") != "false" {
		t.Errorf("cancelled after the refusal: %v", q)
	}
}

// A provider that the catalogue has may be impossible to reach all the same.
func TestProviderGone(t *testing.T) {
	t.Parallel()
	w, clinic := newProviders(t)
	w.Provider.Leaves()
	_, p := atChoice(w, clinic)
	p = p.Click(webtest.SourceID(webtest.Lucas)).Click("provider-go")
	if p.Title() != "Choose your care provider" ||
		p.TextOf("error") != "You cannot choose Sint Lucas Hospital now. Choose another one." {
		t.Errorf("page: %s", p.Text())
	}
}

// An account that somebody else has connected with the same request before is not used.
func TestNotMeAfterConnecting(t *testing.T) {
	t.Parallel()
	w, clinic := newProviders(t)
	_, p := atChoice(w, clinic)
	p = p.Connect(webtest.Lucas).Click("not-me").Click("create-library").
		Click("create-library", "email", webtest.Bob, "password", webtest.Password).Click("recovery-saved")
	if p.Has("allow") || !strings.Contains(p.Title(), "Sint Lucas Hospital") {
		t.Fatalf("Bob sees %s", p.Text())
	}
	if p = p.ConfirmAtProvider(); !strings.Contains(p.Text(), webtest.Bob) {
		t.Errorf("Bob's consent: %s", p.Text())
	}
}

// Each step takes a form of a page of the site.
func TestConnectIsProtected(t *testing.T) {
	t.Parallel()
	w, clinic := newProviders(t)
	_, p := atChoice(w, clinic)
	webtest.CheckForgedForms(t, p, webtest.SourceID(webtest.Lucas), w.Provider.URL)
	webtest.CheckForgedForms(t, p.Click(webtest.SourceID(webtest.Lucas)), "provider-go", w.Provider.URL)
}
