package pages

import (
	"errors"
	"net/http"

	"github.com/carrelhq/carrel/internal/catalogue"
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
	target library.Target
	// provider is its name.
	provider string
	// gone says that what the address names cannot be connected now.
	gone bool
}

// errandOf finds what there is left to connect; nil if nothing is, or none is asked
// for. It puts the account that has been connected on the way into the request.
func (s *site) errandOf(r *http.Request, in *library.SignedIn, way way) (*errand, error) {
	request := way.request
	if err := s.accounts.Connected(r.Context(), in, request); err != nil {
		return nil, err
	}
	switch {
	case request.Connected != nil || request.Link.Kind == library.LinkUserReauth:
		return nil, nil
	case request.Link.Kind == library.LinkReauthorize:
		return s.againErrand(r, in, way)
	}
	if asks, err := s.asksProvider(way); err != nil || !asks {
		return nil, err
	}
	return s.newErrand(r, in, way)
}

// asksProvider reports whether an application asks for a provider. Where the site has
// none at all, the question is the one without.
func (s *site) asksProvider(way way) (bool, error) {
	if !way.asked.push || way.request.Client.Contract.Access != library.Write {
		return false, nil
	}
	_, total, err := s.catalogue.ListConnectable(catalogue.ConnectQuery{Push: true, Limit: 1})
	if errors.Is(err, catalogue.ErrListUnavailable) {
		return true, nil
	}
	return total > 0, err
}

// againErrand connects an account once more; the one that stands for the person needs
// nothing.
func (s *site) againErrand(r *http.Request, in *library.SignedIn, way way) (*errand, error) {
	account, err := s.accounts.Referred(r.Context(), in, way.request, way.asked.accountRef)
	switch {
	case errors.Is(err, library.ErrNotFound):
		return nil, faultAccount.because(err).of(way.request)
	case err != nil || account == nil:
		return nil, err
	}
	return &errand{target: library.Target{Account: account.ID}, provider: quote(account.Source.Name)}, nil
}

func (s *site) newErrand(r *http.Request, in *library.SignedIn, way way) (*errand, error) {
	if way.asked.service == 0 {
		return &errand{}, nil
	}
	target := library.Target{Source: way.asked.service}
	source, err := s.accounts.Find(r.Context(), in, way.request, target)
	switch {
	case errors.Is(err, library.ErrNotFound), errors.Is(err, catalogue.ErrListUnavailable):
		return &errand{gone: true}, nil
	case err != nil:
		return nil, err
	}
	return &errand{target: target, provider: quote(source.Name)}, nil
}

// showErrand shows how far the errand is.
func (s *site) showErrand(w http.ResponseWriter, r *http.Request, in *library.SignedIn, way way, e *errand) error {
	step := r.URL.Query().Get("step")
	if e.target == (library.Target{}) || step == stepGone && e.target.Account == "" {
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
