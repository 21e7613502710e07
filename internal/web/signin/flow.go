package signin

import (
	"net/http"
	"net/url"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// Flow is how a person goes through the pages: as part of an application's request, or without one.
type Flow struct {
	// Request is the application's request; nil without one.
	Request *library.PendingRequest
	// NextURL is where the browser goes after a page.
	NextURL string
	// Steps is how many pages there are until the request is answered; zero where they are not counted.
	Steps int
	// ForOneLibrary reports that only one library can answer the request, so that a new one is of no use.
	ForOneLibrary bool
	// StepURL returns the address of a step.
	StepURL func(Step) string
}

// Step is one of the pages that a person who has not signed in can choose.
type Step string

// The steps, as they stand in addresses and forms.
const (
	StepSignIn  Step = "sign-in"
	StepCreate  Step = "create"
	StepRecover Step = "recover"
)

// ownFlow is the flow of a person who has not been sent by an application. Each step is a page of its own. The
// parameter "to" of the address is the page that comes after the last step.
func ownFlow(r *http.Request) Flow {
	to := r.URL.Query().Get("to")
	if !ui.IsLocalPath(to) {
		to = ""
	}
	flow := Flow{NextURL: "/files", StepURL: func(step Step) string { return withTarget("/"+string(step), to) }}
	if to != "" {
		flow.NextURL = to
	}
	return flow
}

// withTarget adds the parameter "to" to an address: the page that comes afterwards.
func withTarget(path, to string) string {
	if to == "" {
		return path
	}
	return path + "?" + url.Values{"to": {to}}.Encode()
}

// signOutURL is where the form for signing out is sent: in a flow to the same address, so that the person stays in it.
func (f Flow) signOutURL() string {
	if f.Request == nil {
		return "/sign-out"
	}
	return f.NextURL
}

// appName is the name of the application; empty without a request.
func (f Flow) appName() string {
	if f.Request == nil {
		return ""
	}
	return ui.ApplicationName(f.Request)
}

// Decorate shows on a page which application has sent the person, and lets the person go back to it.
func (f Flow) Decorate(w http.ResponseWriter, p *ui.Page) {
	if f.Request == nil {
		return
	}
	p.Requester, p.CanCancel = ui.NewRequester(f.Request), true
	ui.AllowFormToCallback(w, f.Request)
}

// count sets which of the flow's pages a page is.
func (f Flow) count(p *ui.Page, step int) {
	if f.Steps > 0 {
		p.Step, p.Steps = step, f.Steps
	}
}
