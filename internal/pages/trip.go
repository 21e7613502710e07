package pages

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// ProviderReturnPath is where browsers come back to from providers, each below it at the
// id of its source.
const ProviderReturnPath = "/providers/return"

// tripPage is what a person sees before they leave for a provider, and when they have
// come back without success.
type tripPage struct {
	*view
	App, Provider string
	// State is how it ended, in the words of data-state; empty before it has begun.
	State string
	// Text says so.
	Text string
	// Again says that an account is to be connected once more.
	Again bool
	// Other is where to choose another provider; empty if there is no choice.
	Other string
}

// tripEnds are the texts for a trip that did not succeed.
var tripEnds = map[string]struct{ title, text string }{
	stepRefused: {"provider.refused_h1", "provider.refused"},
	stepFailed:  {"provider.failed_h1", "provider.failed"},
	stepPending: {"provider.pending_h1", "provider.pending"},
}

func (s *site) showTrip(w http.ResponseWriter, r *http.Request, _ *library.SignedIn, way way, e *errand, state string) error {
	t := visitOf(r).texts
	p := &tripPage{App: way.app(), Provider: e.provider, State: state, Again: e.target.Account != ""}
	title := "provider.go_h1"
	switch end, ended := tripEnds[state]; {
	case ended:
		title, p.Text = end.title, t.text(end.text)
	case p.Again:
		title = "reauth.account_h1"
	}
	if !p.Again {
		p.Other = way.choose()
	}
	p.view = s.newView(r, t.text(title, "provider", e.provider))
	p.Here = way.next()
	s.forLink(w, p.view, way.request)
	if state == stepRefused || state == stepFailed {
		p.Ended = state
	}
	s.letSignOut(p.view, way)
	s.letLeave(w, way.request)
	return s.render(w, http.StatusOK, "trip", p)
}

// letLeave lets the page's form end at a provider. Which hosts there are on the way is
// not ours to know: most providers send the browser on at once, to DigiD, and Chromium
// applies form-action to each redirect.
func (s *site) letLeave(w http.ResponseWriter, request *library.PendingRequest) {
	targets := []string{formTarget(request.RedirectURI), "https:"}
	if s.config.PublicURL.Scheme == "http" {
		targets = append(targets, "http:") // a laptop, where the provider is a simulated one
	}
	w.Header().Set("Content-Security-Policy", policy(targets...))
}

// depart sends the browser to the provider.
func (s *site) depart(w http.ResponseWriter, r *http.Request, in *library.SignedIn, way way) error {
	e, _, err := s.errandOf(r, in, way)
	if err != nil {
		return err
	}
	if e == nil || e.target == (delivery.Target{}) {
		return seeOther(w, r, way.next()) // nothing to leave for, or not yet
	}
	address, err := s.accounts.StartAuthorization(r.Context(), in, way.request, e.target, way.next())
	switch {
	case errors.Is(err, library.ErrWrongPerson):
		return answerFault(err, in, way)
	case err != nil && r.Context().Err() != nil:
		return err
	case err != nil:
		s.config.Log.WarnContext(r.Context(), "no way to the provider", "source", e.target.Source, "account", e.target.Account, "error", err)
		if e.target.Account == "" && (errors.Is(err, library.ErrNotFound) || errors.Is(err, delivery.ErrProviderGone)) {
			return seeOther(w, r, way.step(stepGone))
		}
		return seeOther(w, r, way.step(stepFailed))
	}
	s.cookies.set(w, cookieLeft, leftMark(way.next()), leftLasts)
	return seeOther(w, r, address)
}

// arrive takes a browser back that comes from a provider. Where it goes on is what it
// left behind here, never what it brings.
func (s *site) arrive(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	if len(query["state"]) != 1 || len(query["code"]) > 1 || len(query["error"]) > 1 {
		return faultLinkBad.because(errors.New("way back from a provider has no state, or something twice"))
	}
	source, err := strconv.Atoi(r.PathValue("source"))
	if err != nil {
		return faultLinkBad.because(errors.New("way back from no provider"))
	}
	state := seal.SecretOf(query.Get("state"))
	in, err := s.signedIn(r)
	if err != nil {
		return err
	}
	if in == nil {
		return s.resume(w, r, state, faultLinkBad.because(errors.New("nobody is signed in")))
	}
	back, err := s.accounts.HandleCallback(r.Context(), in, delivery.CallbackParams{
		Source: source, State: state, Code: seal.SecretOf(query.Get("code")), Error: query.Get("error")})
	switch {
	case errors.Is(err, library.ErrWrongPerson):
		return s.resume(w, r, state, wrongPerson(nil, in, err))
	case errors.Is(err, library.ErrNotFound):
		return faultLinkBad.because(err)
	case errors.Is(err, library.ErrUsed):
		return faultReturned.because(err)
	case err != nil:
		return err
	}
	if back.Cause != nil {
		s.config.Log.WarnContext(r.Context(), "provider not connected", "source", back.Source.ID, "end", back.Result, "error", back.Cause)
	}
	s.cookies.clear(w, cookieLeft)
	return seeOther(w, r, atStep(back.Return, endSteps[back.Result]))
}

// endSteps are the steps that a link is at when a trip has ended.
var endSteps = map[delivery.AuthorizationResult]string{
	delivery.AuthorizationRefused:  stepRefused,
	delivery.AuthorizationFailed:   stepFailed,
	delivery.AuthorizationTimedOut: stepPending,
}

// resume leads who is no longer signed in as they were back to the link that this
// browser has left. Any other browser learns nothing: the state alone, which the
// provider knows too, is worth no link.
func (s *site) resume(w http.ResponseWriter, r *http.Request, state seal.Secret, otherwise error) error {
	to, err := s.accounts.ReturnPage(r.Context(), state)
	switch {
	case errors.Is(err, library.ErrNotFound), err == nil && !s.hasLeft(r, to):
		return otherwise
	case err != nil:
		return err
	}
	return seeOther(w, r, atStep(to, stepPending))
}

// atStep is the address of a link at a step.
func atStep(link, step string) string {
	u, err := url.Parse(link)
	if err != nil || step == "" {
		return link
	}
	query := u.Query()
	query.Set("step", step)
	u.RawQuery = query.Encode()
	return u.RequestURI()
}

// A browser that has left for a provider keeps a mark of the link: it tells the person
// who comes back by the button that they are not finished, and it is how a browser is
// known again whose person has been signed out meanwhile.

// leftLasts is a little longer than a trip may take.
const leftLasts = 40 * time.Minute

// leftMark is what a link, at a provider, is known by. The language may change.
func leftMark(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	query := u.Query()
	sum := sha256.Sum256([]byte("carrel left\x00" + u.Path + "\x00" + query.Get("code") + "\x00" + query.Get("service")))
	return hex.EncodeToString(sum[:16])
}

// hasLeft reports whether the browser left that link for a provider last.
func (s *site) hasLeft(r *http.Request, link string) bool {
	mark := s.cookies.get(r, cookieLeft)
	return mark != "" && mark == leftMark(link)
}
