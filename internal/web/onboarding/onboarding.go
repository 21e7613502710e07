package onboarding

import (
	"embed"
	"errors"
	"net/http"
	"time"

	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fetch"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/signin"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// Templates are the templates of the package's pages.
//
//go:embed templates/*.html
var Templates embed.FS

// Pages are the pages of an application's request.
type Pages struct {
	people      *library.People
	consents    *library.Consents
	connections *delivery.Connections
	catalogue   *catalogue.Catalogue
	signin      *signin.Pages

	connect *connect
	consent *consent
	revoke  *revoke
	terms   *terms
	app     *appReturn
	fetches *fetches
	again   *answered

	// ProviderRedirect has the address to which browsers come back from providers.
	ProviderRedirect *ProviderRedirect
}

// Services are the parts of the domain that the pages use.
type Services struct {
	People      *library.People
	Consents    *library.Consents
	Connections *delivery.Connections
	Fetches     *fetch.Fetcher
	Catalogue   *catalogue.Catalogue
	// DeleteWait is how long the deletion of a library can be undone; zero means not at all.
	DeleteWait time.Duration
}

// New returns the pages of an application's request.
func New(u *ui.UI, signIn *signin.Pages, services Services) *Pages {
	app := &appReturn{ui: u, consents: services.Consents}
	redirect := &ProviderRedirect{ui: u, logins: signIn.Logins, connections: services.Connections}
	fetching := &fetches{ui: u, consents: services.Consents, fetcher: services.Fetches}
	choose := &chooseProvider{ui: u, connections: services.Connections, catalogue: services.Catalogue}
	return &Pages{
		people: services.People, consents: services.Consents, connections: services.Connections,
		catalogue: services.Catalogue,
		signin:    signIn,
		connect:   &connect{choose: choose, redirect: redirect},
		consent: &consent{
			ui: u, consents: services.Consents, connections: services.Connections, catalogue: services.Catalogue,
			app: app, fetches: fetching, deleteWait: services.DeleteWait,
		},
		revoke:           &revoke{ui: u, consents: services.Consents, connections: services.Connections, app: app},
		terms:            &terms{ui: u},
		app:              app,
		fetches:          fetching,
		again:            &answered{consents: services.Consents, logins: signIn.Logins, app: app},
		ProviderRedirect: redirect,
	}
}

// Show shows the page that a request has come to.
func (p *Pages) Show(kind library.RequestKind) ui.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		return p.handle(w, r, kind, p.show)
	}
}

// handle finds the request of an address for a handler. It answers by itself if the request was answered before, or if
// another form of the same page has answered it in between.
func (p *Pages) handle(
	w http.ResponseWriter, r *http.Request, kind library.RequestKind,
	handler func(http.ResponseWriter, *http.Request, *requestFlow) error,
) error {
	for first := true; ; first = false {
		flow, err := openFlow(r, p.consents, kind)
		if request := answeredRequest(err); request != nil {
			return p.again.handle(w, r, request)
		}
		if err != nil {
			return err
		}
		if err = p.checkSource(flow); err == nil {
			err = p.checkStorage(r, flow)
		}
		if err != nil {
			return ui.WithRequest(err, flow.request)
		}
		err = ui.WithRequest(handler(w, r, flow), flow.request)
		if !first || !errors.Is(err, library.ErrUsed) {
			return err
		}
	}
}

func (p *Pages) show(w http.ResponseWriter, r *http.Request, flow *requestFlow) error {
	if step := r.URL.Query().Get("step"); step == stepTerms || step == stepPrivacy {
		return p.terms.Show(w, r, flow, step)
	}
	in, err := p.signin.Logins.Get(r)
	if err != nil {
		return err
	}
	if in == nil {
		return p.showNobody(w, r, flow)
	}
	if flow.request.IsForAnother(in) {
		return wrongPerson(flow.request, in, library.ErrWrongPerson)
	}
	if in.Library.Shut() {
		return p.signin.PendingDeletion.Show(w, r, in, p.signinFlow(flow))
	}
	code, pending, err := p.signin.RecoveryCode.Pending(r, in)
	if err != nil {
		return err
	}
	if pending {
		return p.signin.RecoveryCode.Show(w, r, in, p.signinFlow(flow), code)
	}
	if !in.Library.CodeSaved { // a code is pending in another browser only
		return p.signin.RecoveryCode.ShowReplaced(w, r, in, p.signinFlow(flow))
	}
	if flow.request.Kind == library.RevokeRequest {
		return p.revoke.Show(w, r, in, flow)
	}
	step, err := connectionStep(r, p.connections, in, flow)
	switch {
	case err != nil:
		return err
	case step.Required:
		return p.connect.Show(w, r, in, flow, step)
	case !flow.asksConsent():
		return p.complete(w, r, in, flow, step.Connected)
	}
	return p.consent.Show(w, r, in, flow, step.Connected)
}

// showNobody answers a request that skips the pages, while nobody is signed in. For any other it shows a page.
func (p *Pages) showNobody(w http.ResponseWriter, r *http.Request, flow *requestFlow) error {
	answer, err := p.skipsPages(r, flow)
	switch {
	case err != nil:
		return err
	case answer != nil:
		return p.answerInSandbox(w, r, flow, answer)
	}
	return p.showSignedOut(w, r, flow)
}

// showSignedOut shows the page that the person has chosen: sign in, create or recover. Without a choice it is the page
// for signing in if the person probably has a library, and otherwise the page for creating one.
func (p *Pages) showSignedOut(w http.ResponseWriter, r *http.Request, flow *requestFlow) error {
	inFlow := p.signinFlow(flow)
	switch signin.Step(r.URL.Query().Get("step")) {
	case signin.StepSignIn:
		return p.signin.SignIn.Show(w, r, inFlow)
	case signin.StepCreate:
		return p.signin.Create.Show(w, r, inFlow)
	case signin.StepRecover:
		return p.signin.Recover.Show(w, r, inFlow)
	}
	// A request for a certain library can be answered only by its owner, who need not create one.
	if ui.BrowserOf(r).Known || inFlow.ForOneLibrary || !p.people.MakesLibraries() {
		return p.signin.SignIn.Show(w, r, inFlow)
	}
	return p.signin.Create.Show(w, r, inFlow)
}

// flowSteps are the pages of a request for a person who creates a library: create, recovery code, consent. To choose a
// provider is one more.
const flowSteps = 3

// signinFlow is the flow as the pages for signing in need it.
func (p *Pages) signinFlow(flow *requestFlow) signin.Flow {
	steps := 0
	if flow.request.Kind != library.RevokeRequest {
		steps = flowSteps
		query := flow.query.connectionQuery()
		asks, err := p.connections.AsksForSource(flow.request, query)
		if _, notFound := p.connections.FindSample(flow.request, query); err != nil || asks && notFound != nil {
			steps++
		}
	}
	return signin.Flow{
		Request: flow.request, NextURL: flow.url(), Steps: steps,
		ForOneLibrary: flow.request.Library != "" || flow.isForOwner,
		StepURL:       func(step signin.Step) string { return flow.stepURL(string(step)) },
	}
}

// Post handles the form of one of a request's pages.
func (p *Pages) Post(kind library.RequestKind) ui.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.PostForm.Get("step") == formSignOut {
			return p.signOut(w, r, kind)
		}
		return p.handle(w, r, kind, p.post)
	}
}

// signOut signs out, whatever has become of the request. The next page is for signing in to answer it, if it still can
// be answered.
func (p *Pages) signOut(w http.ResponseWriter, r *http.Request, kind library.RequestKind) error {
	if err := p.signin.Logins.End(w, r); err != nil {
		return err
	}
	flow, err := openFlow(r, p.consents, kind)
	if err != nil {
		return ui.SeeOther(w, r, "/sign-in")
	}
	return ui.SeeOther(w, r, flow.stepURL(string(signin.StepSignIn)))
}

func (p *Pages) post(w http.ResponseWriter, r *http.Request, flow *requestFlow) error {
	step := r.PostForm.Get("step")
	switch signin.Step(step) {
	case signin.StepSignIn:
		return p.signin.SignIn.Post(w, r, p.signinFlow(flow))
	case signin.StepCreate:
		return p.signin.Create.Post(w, r, p.signinFlow(flow))
	case signin.StepRecover:
		return p.signin.Recover.Post(w, r, p.signinFlow(flow))
	}
	in, err := p.signin.Logins.Get(r)
	if err != nil {
		return err
	}
	switch {
	case step == formCancel:
		return p.app.cancel(w, r, in, flow)
	case in == nil:
		return ui.SeeOther(w, r, flow.url()) // the login has expired: sign in, and back to the same page
	}
	return p.postSignedIn(w, r, in, flow)
}

// postSignedIn handles the forms that are shown only to a person who has signed in.
func (p *Pages) postSignedIn(w http.ResponseWriter, r *http.Request, in *library.SignedIn, flow *requestFlow) error {
	switch r.PostForm.Get("step") {
	case formCodeSaved:
		return p.signin.RecoveryCode.Post(w, r, in, p.signinFlow(flow))
	case formUndoDeletion:
		if err := p.signin.PendingDeletion.Undo(r, in); err != nil {
			return err
		}
	case formChooseProvider, formGoToProvider, formAnswer:
		return p.postReady(w, r, in, flow)
	default:
		return ui.BadForm("form of no step")
	}
	return ui.SeeOther(w, r, flow.url())
}

// postReady handles the forms that are shown only to a person who has saved their recovery code.
func (p *Pages) postReady(w http.ResponseWriter, r *http.Request, in *library.SignedIn, flow *requestFlow) error {
	_, pending, err := p.signin.RecoveryCode.Pending(r, in)
	if err != nil {
		return err
	}
	if pending || !in.Library.CodeSaved || in.Library.Shut() {
		return ui.SeeOther(w, r, flow.url()) // that page comes first
	}
	step := r.PostForm.Get("step")
	switch {
	case flow.request.Kind == library.RevokeRequest:
		return p.revoke.Post(w, r, in, flow)
	case step == formChooseProvider:
		return p.connect.choose.Post(w, r, flow)
	case step == formGoToProvider:
		return p.ProviderRedirect.Post(w, r, in, flow)
	}
	return p.consent.Post(w, r, in, flow)
}

// complete answers a request that does not ask for consent, after its account has been connected or could not be.
func (p *Pages) complete(
	w http.ResponseWriter, r *http.Request, in *library.SignedIn, flow *requestFlow, connected *delivery.Connection,
) error {
	callback, err := p.connections.Complete(r.Context(), in, flow.request, flow.query.connectionQuery())
	if err != nil {
		return answerError(err, in, flow)
	}
	if connected != nil && connected.Source.IsPull() {
		p.fetches.start(r, in, flow, connected.Source.ID)
	}
	if connected != nil && isFromElsewhere(r) {
		return p.app.redirectFromProvider(w, r, flow.request, connected, callback)
	}
	return p.app.redirect(w, r, flow.request, callback, outcomeNone)
}

// answerError is the error page for an answer that was not taken: the library has refused it, or the storage does not
// take part.
func answerError(err error, in *library.SignedIn, flow *requestFlow) error {
	switch {
	case errors.Is(err, library.ErrUsed):
		return ui.PageLinkUsed.Wrap(err).For(flow.request)
	case errors.Is(err, library.ErrWrongPerson):
		return wrongPerson(flow.request, in, err)
	case errors.Is(err, library.ErrStorageGone):
		return ui.PageUnknownStorage.Wrap(err).For(flow.request)
	}
	return ui.WithRequest(err, flow.request)
}

// wrongPerson is the error page for a request, or a return from a provider, of another person.
func wrongPerson(request *library.PendingRequest, in *library.SignedIn, cause error) error {
	return ui.PageWrongPerson.Wrap(cause).For(request).SignedInAs(in)
}
