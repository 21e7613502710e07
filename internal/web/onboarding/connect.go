package onboarding

import (
	"errors"
	"net/http"
	"slices"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// A request may need an account before it can be answered: if the application asks to send (sourceType=push) under a
// contract that writes, or to collect (sourceType=pull) under one that reads from sources, or to connect an account
// again. The person then goes through these states:
//
//	no source chosen        ──> choose one: the address then has it, as service
//	chosen, to collect from ──> the consent, or "connect?": there is only sample data yet, for which nobody goes away
//	it cannot be connected  ──> choose another
//	chosen                  ──> "you are going to …" ──POST──> the provider
//	back, confirmed         ──> connected
//	back, not confirmed     ──> what happened; try again, or choose another
//	back by the back button ──> not finished; try again, or choose another
//
// How it ended stands in the address as a step, so that the page can be loaded again.

// connect shows the pages for connecting an account.
type connect struct {
	choose   *chooseProvider
	redirect *ProviderRedirect
}

// Show shows the page of the state that connecting is in.
func (c *connect) Show(
	w http.ResponseWriter, r *http.Request, in *library.SignedIn, flow *requestFlow, step delivery.ConnectionStep,
) error {
	state := r.URL.Query().Get("step")
	if !isChosen(step) || state == stepUnavailable && !isReconnect(step) {
		step.Unavailable = step.Unavailable || state == stepUnavailable
		return c.choose.Show(w, r, in, flow, step)
	}
	switch {
	case state == stepRefused, state == stepFailed, state == stepPending:
		return c.redirect.Show(w, r, flow, step, state)
	case c.redirect.isAtProvider(r, flow.url()):
		return c.redirect.Show(w, r, flow, step, stepPending)
	}
	return c.redirect.Show(w, r, flow, step, "")
}

// connectionStep finds what remains to be connected before the request can be answered.
func connectionStep(
	r *http.Request, connections *delivery.Connections, in *library.SignedIn, flow *requestFlow,
) (delivery.ConnectionStep, error) {
	step, err := connections.ConnectionStep(r.Context(), in, flow.request, flow.query.connectionQuery())
	if errors.Is(err, library.ErrNotFound) && flow.request.Kind == library.ReauthorizeRequest {
		return step, ui.PageUnknownAccount.Wrap(err).For(flow.request)
	}
	return step, err
}

// isChosen reports whether it is known what to connect.
func isChosen(s delivery.ConnectionStep) bool { return s.Target != delivery.Target{} }

// isReconnect reports whether an account is to be connected again.
func isReconnect(s delivery.ConnectionStep) bool { return s.Target.Account != "" }

// otherSourceURL is where to choose another source to collect from; empty if there is no choice.
func otherSourceURL(connections *delivery.Connections, flow *requestFlow) string {
	query := flow.query.connectionQuery()
	query.Source = 0
	if asks, err := connections.AsksForSource(flow.request, query); err != nil || !asks {
		return ""
	}
	return flow.chooseURL()
}

// connectionsOf returns the accounts that a person has connected for the request's application.
func connectionsOf(
	r *http.Request, connections *delivery.Connections, in *library.SignedIn, request *library.PendingRequest,
) ([]delivery.Connection, error) {
	all, err := connections.List(r.Context(), in)
	if err != nil {
		return nil, err
	}
	application := request.Client.Application.ID
	return slices.DeleteFunc(all, func(c delivery.Connection) bool { return c.Application != application }), nil
}
