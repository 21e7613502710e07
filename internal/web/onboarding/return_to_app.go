package onboarding

import (
	"html/template"
	"net/http"
	"net/url"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// outcome is how a request ended, as a value of data-state.
type outcome string

// The outcomes.
const (
	outcomeAllowed outcome = "allowed"
	outcomeDenied  outcome = "denied"
	// outcomeNone is that of a request that asked for no consent.
	outcomeNone outcome = "none"
	// outcomeRevoked is that of a request to revoke something that the person has confirmed.
	outcomeRevoked outcome = "revoked"
)

// appReturn sends browsers back to applications.
type appReturn struct {
	ui       *ui.UI
	consents *library.Consents
}

// appReturnPage has a link back to the application. A phone opens an application more reliably from a link that the
// person taps than from a redirect.
type appReturnPage struct {
	*ui.Page
	Return  *ui.ReturnLink
	Outcome outcome
	Text    string
}

// redirect sends the browser back to the application.
func (a *appReturn) redirect(
	w http.ResponseWriter, r *http.Request, request *library.PendingRequest, callback string, result outcome,
) error {
	t, app := ui.BrowserOf(r).Texts, ui.ApplicationName(request)
	title, text := t.Text("done.return", "app", app), ""
	switch {
	case result == outcomeAllowed:
		title, text = t.Text("done.allowed_h1", "app", app), t.Text("done.allowed")
	case result == outcomeDenied && request.Kind == library.RevokeRequest:
		title = t.Text("done.denied")
	case result == outcomeDenied && request.Kind == library.UserReauthRequest:
		title, text = t.Text("done.denied_h1", "app", app), t.Text("done.not_renewed", "app", app)
	case result == outcomeDenied:
		title, text = t.Text("done.denied_h1", "app", app), t.Text("done.denied")
	}
	page := &appReturnPage{Page: a.ui.NewPage(r, title), Outcome: result, Text: text}
	return a.redirectOrShow(w, r, request, callback, page)
}

// cancel denies the request and sends the browser back to the application. If a provider could not be connected, the
// form has the field "ended", and the application gets another code.
func (a *appReturn) cancel(w http.ResponseWriter, r *http.Request, in *library.SignedIn, flow *requestFlow) error {
	code, o := cancelCode(r), outcomeDenied
	if isCanceledRenewal(r, flow.request) {
		in, o = nil, outcomeNone // the person has not answered whether the consent goes on, so it does
	}
	callback, err := a.consents.Deny(r.Context(), flow.request, in, code)
	if err != nil {
		return answerError(err, in, flow)
	}
	return a.redirect(w, r, flow.request, callback, o)
}

// cancelCode is the code of a form that cancels.
func cancelCode(r *http.Request) library.CallbackCode {
	if r.PostForm.Get("ended") != "" {
		return library.CallbackOnboardError
	}
	return library.CallbackUserCancel
}

// showAnswered says what the person has answered before, with a link back to the application that says the same.
func (a *appReturn) showAnswered(
	w http.ResponseWriter, r *http.Request, request *library.PendingRequest, before library.Answered,
) error {
	t, app := ui.BrowserOf(r).Texts, ui.ApplicationName(request)
	page := &appReturnPage{Outcome: outcomeDenied, Text: t.Text("done.before")}
	title := t.Text("done.denied_h1", "app", app)
	switch {
	case before.Outcome == library.Allowed:
		page.Outcome, title = outcomeAllowed, t.Text("done.allowed_h1", "app", app)
		page.Text += " " + t.Text("done.allowed")
	case before.Outcome == library.Revoked, before.Outcome == library.Completed:
		page.Outcome, title = outcomeNone, t.Text("error.link_used.h1")
	case request.Kind == library.RevokeRequest:
		title = t.Text("done.denied")
	}
	page.Page = a.ui.NewPage(r, title)
	page.Requester = ui.NewRequester(request)
	if before.Callback != "" {
		page.Return = ui.NewReturnLink(request, before.Callback)
	}
	return a.ui.Render(w, http.StatusOK, "return-to-app", page)
}

// redirectOrShow redirects to a callback of the web. For any other it shows the page.
func (a *appReturn) redirectOrShow(
	w http.ResponseWriter, r *http.Request, request *library.PendingRequest, callback string, page *appReturnPage,
) error {
	if u, err := url.Parse(callback); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
		return ui.SeeOther(w, r, callback)
	}
	return a.show(w, request, callback, page)
}

// redirectFromProvider sends a browser that comes from a provider back to the application. It does so with a page that
// redirects, and not with an HTTP redirect: the browser's way here began with a form of the provider's, and Chromium
// applies the form-action of the form's page, which allows this site only, to each redirect that follows.
func (a *appReturn) redirectFromProvider(
	w http.ResponseWriter, r *http.Request, request *library.PendingRequest, connected *delivery.Connection,
	callback string,
) error {
	t := ui.BrowserOf(r).Texts
	provider := a.ui.SourceName(t, connected.Source.ID, connected.Source.Name)
	title := t.Text("provider.ok", "provider", provider)
	return a.show(w, request, callback, &appReturnPage{Page: a.ui.NewPage(r, title), Outcome: outcomeNone})
}

// isFromElsewhere reports whether another site has sent the browser here. A browser that does not say so does not
// apply form-action to redirects either.
func isFromElsewhere(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "cross-site" || site == "same-site"
}

func (a *appReturn) show(
	w http.ResponseWriter, request *library.PendingRequest, callback string, page *appReturnPage,
) error {
	page.Requester, page.Return = ui.NewRequester(request), ui.NewReturnLink(request, callback)
	page.RedirectURL = template.URL(callback)
	return a.ui.Render(w, http.StatusOK, "return-to-app", page)
}
