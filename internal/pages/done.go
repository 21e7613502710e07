package pages

import (
	"html/template"
	"net/http"
	"net/url"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// outcome is how a link ended, in the words of data-state.
type outcome string

// The outcomes.
const (
	outcomeAllowed outcome = "allowed"
	outcomeDenied  outcome = "denied"
	// outcomeNone is that of a link that asked for no consent.
	outcomeNone outcome = "none"
	// outcomeRevoked is that of a yes to a link that asked whether to end something.
	outcomeRevoked outcome = "revoked"
)

// donePage leads back to an application on a phone, which opens more surely by a
// link that is tapped than by a redirect.
type donePage struct {
	*view
	Back    *back
	Outcome outcome
	Text    string
}

// leave sends the browser back to the application.
func (s *site) leave(w http.ResponseWriter, r *http.Request, request *library.PendingRequest, callback string, o outcome) error {
	t, app := visitOf(r).texts, appName(request)
	title, text := t.text("done.return", "app", app), ""
	switch {
	case o == outcomeAllowed:
		title, text = t.text("done.allowed_h1", "app", app), t.text("done.allowed")
	case o == outcomeDenied && request.Kind == library.RevokeRequest:
		title = t.text("done.denied")
	case o == outcomeDenied:
		title, text = t.text("done.denied_h1", "app", app), t.text("done.denied")
	}
	return s.leaveSaying(w, r, request, callback, &donePage{view: s.newView(r, title), Outcome: o, Text: text})
}

// leaveSaying is leave with a page that says how the link ended.
func (s *site) leaveSaying(w http.ResponseWriter, r *http.Request, request *library.PendingRequest, callback string, p *donePage) error {
	if u, err := url.Parse(callback); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
		return seeOther(w, r, callback)
	}
	return s.forward(w, p, request, callback)
}

// leaveAnew sends a browser back to the application that the redirects from a provider
// have brought here. They began with a form of the provider's, whose form-action
// Chromium applies to each of them: it lets the browser come here and no further. So
// they end with a page, from which the browser goes on by itself.
func (s *site) leaveAnew(w http.ResponseWriter, r *http.Request, request *library.PendingRequest, connected *delivery.Connection, callback string) error {
	p := &donePage{Outcome: outcomeNone}
	p.view = s.newView(r, visitOf(r).texts.text("provider.ok", "provider", quote(connected.Source.Name)))
	return s.forward(w, p, request, callback)
}

// fromElsewhere reports whether another site has sent the browser here. What says
// nothing of it knows no form-action either.
func fromElsewhere(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "cross-site" || site == "same-site"
}

func (s *site) forward(w http.ResponseWriter, p *donePage, request *library.PendingRequest, callback string) error {
	p.From, p.Back = senderOf(request), backTo(request, callback)
	p.Forward = template.URL(callback)
	return s.render(w, http.StatusOK, "done", p)
}
