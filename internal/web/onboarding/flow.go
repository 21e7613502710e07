package onboarding

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// requestFlow is an application's request on its way through the pages.
type requestFlow struct {
	request *library.PendingRequest
	// query is what the application has written into the address.
	query authorizeQuery
	// address is the request's, without a step.
	address *url.URL
	// isForOwner reports that the request is about the storage of one person, so that nobody else can answer it.
	isForOwner bool
}

// The steps that an address can name. Without one, the page depends on what the person has done so far.
const (
	stepTerms   = "terms"
	stepPrivacy = "privacy"
	// How connecting a provider ended.
	stepUnavailable = "gone"
	stepRefused     = "refused"
	stepFailed      = "failed"
	stepPending     = "pending"
)

// The steps of forms, besides those for signing in.
const (
	formCodeSaved      = "saved"
	formUndoDeletion   = "reopen"
	formAnswer         = "answer"
	formSignOut        = "sign-out"
	formCancel         = "stop"
	formChooseProvider = "choose"
	formGoToProvider   = "depart"
)

// requestErrors are the error pages for requests that can no longer be answered.
var requestErrors = map[library.RequestProblem]ui.ErrorPage{
	library.RequestExpired:     ui.PageLinkExpired,
	library.RequestAnswered:    ui.PageLinkUsed,
	library.RequestClientEnded: ui.PageContractEnded,
}

// openFlow finds the request that an address names by its code. If the request cannot be answered, or the address is
// malformed, the error page leads back to the application.
func openFlow(r *http.Request, consents *library.Consents, kind library.RequestKind) (*requestFlow, error) {
	query := r.URL.Query()
	if len(query["code"]) != 1 {
		return nil, ui.PageLinkUnknown.Wrap(errors.New("address has no code, or several"))
	}
	request, err := consents.FindRequest(r.Context(), kind, query.Get("code"))
	var ended *library.RequestError
	if errors.As(err, &ended) {
		ended.Request.ReturnTo(query.Get("callback"))
	}
	switch {
	case errors.Is(err, library.ErrNotFound):
		return nil, ui.PageLinkUnknown.Wrap(err)
	case errors.As(err, &ended):
		return nil, requestErrors[ended.Problem].Wrap(err).For(ended.Request)
	case err != nil:
		return nil, err
	}
	request.ReturnTo(query.Get("callback"))
	parsed, err := parseAuthorizeQuery(query)
	if err != nil {
		return nil, ui.PageBadRequest.Wrap(err).For(request)
	}
	for _, name := range []string{"step", "q", "page"} { // parameters of a page, not of the request
		query.Del(name)
	}
	address := &url.URL{Path: r.URL.Path, RawQuery: query.Encode()}
	return &requestFlow{request: request, query: parsed, address: address}, nil
}

// url is the address of the request, without a step.
func (f *requestFlow) url() string { return f.address.RequestURI() }

// stepURL is the address of a step.
func (f *requestFlow) stepURL(step string) string {
	query := f.address.Query()
	query.Set("step", step)
	return f.address.Path + "?" + query.Encode()
}

// queryWithoutProvider is the query of the address, without a provider or source that has been chosen.
func (f *requestFlow) queryWithoutProvider() url.Values {
	query := f.address.Query()
	query.Del("service")
	return query
}

// chooseURL is the address of the page for choosing a provider.
func (f *requestFlow) chooseURL() string {
	return f.address.Path + "?" + f.queryWithoutProvider().Encode()
}

// chosenURL is the address of the request with the chosen provider.
func (f *requestFlow) chosenURL(source int) string {
	query := f.queryWithoutProvider()
	query.Set("service", strconv.Itoa(source))
	return f.address.Path + "?" + query.Encode()
}

// appName is the name of the application.
func (f *requestFlow) appName() string { return ui.ApplicationName(f.request) }

// asksConsent reports whether the request asks for consent, and not only for an account.
func (f *requestFlow) asksConsent() bool {
	return f.request.Kind == library.AuthorizeRequest || f.request.Kind == library.UserReauthRequest
}

// decorate shows on a page which application has sent the person, and lets the person cancel and go back to it.
func (f *requestFlow) decorate(w http.ResponseWriter, p *ui.Page) {
	p.Requester, p.CanCancel = ui.NewRequester(f.request), true
	p.SignOutURL = f.url()
	ui.AllowFormToCallback(w, f.request)
}

// decorateQuestion shows at the top of a page that the application asks a question. Both answers lead back to the
// application, so there is no separate way to cancel.
func (f *requestFlow) decorateQuestion(w http.ResponseWriter, p *ui.Page) {
	p.Requester = ui.NewRequester(f.request)
	p.Requester.Asks = true
	p.SignOutURL = f.url()
	ui.AllowFormToCallback(w, f.request)
}

// withStep adds a step to the address of a request.
func withStep(address, step string) string {
	u, err := url.Parse(address)
	if err != nil || step == "" {
		return address
	}
	query := u.Query()
	query.Set("step", step)
	u.RawQuery = query.Encode()
	return u.RequestURI()
}
