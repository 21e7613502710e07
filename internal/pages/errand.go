package pages

import (
	"errors"
	"net/http"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// An errand is what a person still has to do before a link of theirs can be answered:
// connect a provider. It begins where an application asks to send (sourceType=push)
// under a contract that writes, or to connect an account again:
//
//	no provider yet     ──> choose one: the link's address then has it, as service
//	it cannot be chosen ──> choose another
//	chosen              ──> "you are going to …" ──POST──> the provider
//	back, said yes      ──> no errand any more
//	back, said no       ──> what happened; try again, or choose another
//	back, by the button ──> not finished: try again, or choose another
//
// How it ended stands in the address as a step, so that the page may be loaded again.
type errand struct {
	// target is what to connect; zero if it has yet to be chosen.
	target delivery.Target
	// provider is its name.
	provider string
	// gone says that what the address names cannot be connected now.
	gone bool
}

// errandOf finds what there is left to connect: nil if nothing is, or none is asked for.
// connected is the account that has been connected on the way; nil if none has.
func (s *site) errandOf(r *http.Request, in *library.SignedIn, way way) (e *errand, connected *delivery.Connection, err error) {
	step, err := s.accounts.ConnectionStep(r.Context(), in, way.request, way.connectionQuery())
	switch {
	case errors.Is(err, library.ErrNotFound) && way.request.Kind == library.ReauthorizeRequest:
		return nil, nil, faultAccount.because(err).of(way.request)
	case err != nil || !step.Required:
		return nil, step.Connected, err
	}
	return &errand{target: step.Target, provider: quote(step.Provider), gone: step.Unavailable}, nil, nil
}

// connectionQuery is what the link's address asks to connect.
func (w way) connectionQuery() delivery.ConnectionQuery {
	return delivery.ConnectionQuery{Push: w.asked.push, Source: w.asked.service, AccountReference: w.asked.accountRef}
}

// showErrand shows how far the errand is.
func (s *site) showErrand(w http.ResponseWriter, r *http.Request, in *library.SignedIn, way way, e *errand) error {
	step := r.URL.Query().Get("step")
	if e.target == (delivery.Target{}) || step == stepGone && e.target.Account == "" {
		e.gone = e.gone || step == stepGone
		return s.showChoose(w, r, in, way, e)
	}
	switch {
	case step == stepRefused, step == stepFailed, step == stepPending:
		return s.showTrip(w, r, in, way, e, step)
	case s.hasLeft(r, way.next()):
		return s.showTrip(w, r, in, way, e, stepPending)
	}
	return s.showTrip(w, r, in, way, e, "")
}
