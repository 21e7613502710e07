package onboarding

import (
	"errors"
	"net/http"
	"slices"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// A request may need an account at a provider before it can be answered: if the application asks to send
// (sourceType=push) under a contract that writes, or to connect an account again. The person then goes through these
// states:
//
//	no provider chosen      ──> choose one: the address then has it, as service
//	it cannot be connected  ──> choose another
//	chosen                  ──> "you are going to …" ──POST──> the provider
//	back, confirmed         ──> connected
//	back, not confirmed     ──> what happened; try again, or choose another
//	back by the back button ──> not finished; try again, or choose another
//
// How it ended stands in the address as a step, so that the page can be loaded again.

// connectStep is an account that still has to be connected.
type connectStep struct {
	// target is what to connect; zero if it has yet to be chosen.
	target library.Target
	// provider is its name.
	provider string
	// unavailable reports that the provider in the address cannot be connected now.
	unavailable bool
}

func (s *connectStep) chosen() bool { return s.target != library.Target{} }

// again reports whether an account is to be connected again.
func (s *connectStep) again() bool { return s.target.Account != "" }

// connect shows the pages for connecting an account.
type connect struct {
	connections *connections
	choose      *chooseProvider
	redirect    *ProviderRedirect
}

// Show shows the page of the state that connecting is in.
func (c *connect) Show(w http.ResponseWriter, r *http.Request, in *library.SignedIn, f *flow, s *connectStep) error {
	step := r.URL.Query().Get("step")
	if !s.chosen() || step == stepUnavailable && !s.again() {
		s.unavailable = s.unavailable || step == stepUnavailable
		return c.choose.Show(w, r, in, f, s)
	}
	switch {
	case step == stepRefused, step == stepFailed, step == stepPending:
		return c.redirect.Show(w, r, f, s, step)
	case c.redirect.isAtProvider(r, f.url()):
		return c.redirect.Show(w, r, f, s, stepPending)
	}
	return c.redirect.Show(w, r, f, s, "")
}

// connections are the accounts at providers, as far as a request is about them.
type connections struct {
	stored    *library.Connections
	catalogue *catalogue.Catalogue
}

// next finds the account that still has to be connected; nil if none has to be. It puts the account that the person
// has connected for the request into the request.
func (c *connections) next(r *http.Request, in *library.SignedIn, f *flow) (*connectStep, error) {
	request := f.request
	if err := c.stored.LoadConnection(r.Context(), in, request); err != nil {
		return nil, err
	}
	switch {
	case request.Connection != nil || request.Kind == library.UserReauthRequest:
		return nil, nil
	case request.Kind == library.ReauthorizeRequest:
		return c.reconnect(r, in, f)
	}
	if asks, err := c.asksProvider(f); err != nil || !asks {
		return nil, err
	}
	return c.connectNew(r, in, f)
}

// asksProvider reports whether an application asks for a provider. Where the site has none at all, the request is
// treated like one that asks for none.
func (c *connections) asksProvider(f *flow) (bool, error) {
	if !f.query.push || f.request.Client.Contract.Access != library.Write {
		return false, nil
	}
	_, total, err := c.catalogue.Choose(catalogue.Choice{Push: true, Limit: 1})
	if errors.Is(err, catalogue.ErrUnlisted) {
		return true, nil
	}
	return total > 0, err
}

// reconnect connects an account again. The account that stands for the person needs nothing.
func (c *connections) reconnect(r *http.Request, in *library.SignedIn, f *flow) (*connectStep, error) {
	account, err := c.stored.FindByReference(r.Context(), in, f.request, f.query.accountRef)
	switch {
	case errors.Is(err, library.ErrNotFound):
		return nil, ui.PageUnknownAccount.Wrap(err).For(f.request)
	case err != nil || account == nil:
		return nil, err
	}
	target := library.Target{Account: account.ID}
	return &connectStep{target: target, provider: ui.CleanText(account.Source.Name)}, nil
}

func (c *connections) connectNew(r *http.Request, in *library.SignedIn, f *flow) (*connectStep, error) {
	if f.query.service == 0 {
		return &connectStep{}, nil
	}
	target := library.Target{Source: f.query.service}
	source, err := c.stored.FindSource(r.Context(), in, f.request, target)
	switch {
	case errors.Is(err, library.ErrNotFound), errors.Is(err, catalogue.ErrUnlisted):
		return &connectStep{unavailable: true}, nil
	case err != nil:
		return nil, err
	}
	return &connectStep{target: target, provider: ui.CleanText(source.Name)}, nil
}

// ofApplication returns the accounts that a person has connected for the request's application.
func (c *connections) ofApplication(
	r *http.Request, in *library.SignedIn, request *library.PendingRequest,
) ([]library.Connection, error) {
	all, err := c.stored.List(r.Context(), in)
	if err != nil {
		return nil, err
	}
	application := request.Client.Application.ID
	return slices.DeleteFunc(all, func(a library.Connection) bool { return a.Application != application }), nil
}

// connectedAccount is the account that the person has connected for the request; empty if there is none.
func connectedAccount(request *library.PendingRequest) wire.AccountID {
	if request.Connection == nil {
		return ""
	}
	return request.Connection.ID
}
