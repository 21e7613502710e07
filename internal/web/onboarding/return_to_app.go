package onboarding

import (
	"html/template"
	"net/http"
	"net/url"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// outcome is how a request ended, in the words of data-state.
type outcome string

// The outcomes.
const (
	outcomeAllowed outcome = "allowed"
	outcomeDenied  outcome = "denied"
	// outcomeNone is that of a request that asked for no consent.
	outcomeNone outcome = "none"
	// outcomeRevoked is that of a request to revoke something, answered with yes.
	outcomeRevoked outcome = "revoked"
)

// appReturn sends browsers back to applications.
type appReturn struct {
	ui       *ui.UI
	consents *library.Consents
}

// appReturnPage leads back to an application on a phone, which a link that the person taps opens more reliably than a
// redirect.
type appReturnPage struct {
	*ui.Page
	Return  *ui.ReturnLink
	Outcome outcome
	Text    string
}

// redirect sends the browser back to the application.
func (a *appReturn) redirect(
	w http.ResponseWriter, r *http.Request, request *library.PendingRequest, callback string, o outcome,
) error {
	t, app := ui.BrowserOf(r).Texts, ui.ApplicationName(request)
	title, text := t.Text("done.return", "app", app), ""
	switch {
	case o == outcomeAllowed:
		title, text = t.Text("done.allowed_h1", "app", app), t.Text("done.allowed")
	case o == outcomeDenied && request.Kind == library.RevokeRequest:
		title = t.Text("done.denied")
	case o == outcomeDenied:
		title, text = t.Text("done.denied_h1", "app", app), t.Text("done.denied")
	}
	p := &appReturnPage{Page: a.ui.NewPage(r, title), Outcome: o, Text: text}
	return a.redirectOrShow(w, r, request, callback, p)
}

// cancel goes back to the application and denies the request. The form says whether the person did so themselves, or
// after a provider could not be connected.
func (a *appReturn) cancel(w http.ResponseWriter, r *http.Request, in *library.SignedIn, f *flow) error {
	code := library.CallbackUserCancel
	if r.PostForm.Get("ended") != "" {
		code = library.CallbackOnboardError
	}
	callback, err := a.consents.Deny(r.Context(), f.request, in, code)
	if err != nil {
		return answerError(err, in, f)
	}
	return a.redirect(w, r, f.request, callback, outcomeDenied)
}

// redirectOrShow redirects to a callback of the web. For any other it shows the page.
func (a *appReturn) redirectOrShow(
	w http.ResponseWriter, r *http.Request, request *library.PendingRequest, callback string, p *appReturnPage,
) error {
	if u, err := url.Parse(callback); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
		return ui.SeeOther(w, r, callback)
	}
	return a.show(w, request, callback, p)
}

// redirectFromProvider sends a browser back to the application that a provider has just redirected here. The redirects
// began with a form of the provider's, and Chromium applies the form-action of that page to each of them: it allows
// this site and no other. So they end with a page, from which the browser goes on by itself.
func (a *appReturn) redirectFromProvider(
	w http.ResponseWriter, r *http.Request, request *library.PendingRequest, connected *delivery.Connection,
	callback string,
) error {
	provider := ui.CleanText(connected.Source.Name)
	title := ui.BrowserOf(r).Texts.Text("provider.ok", "provider", provider)
	return a.show(w, request, callback, &appReturnPage{Page: a.ui.NewPage(r, title), Outcome: outcomeNone})
}

// isFromElsewhere reports whether another site has sent the browser here. A browser that does not say so does not
// apply form-action to redirects either.
func isFromElsewhere(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "cross-site" || site == "same-site"
}

func (a *appReturn) show(
	w http.ResponseWriter, request *library.PendingRequest, callback string, p *appReturnPage,
) error {
	p.Requester, p.Return = ui.NewRequester(request), ui.NewReturnLink(request, callback)
	p.RedirectURL = template.URL(callback)
	return a.ui.Render(w, http.StatusOK, "return-to-app", p)
}
