package delivery

import (
	"context"
	"errors"
	"fmt"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// ConnectionQuery is what the address of an authorization request asks to connect.
type ConnectionQuery struct {
	// Push asks for a provider to send to. It counts under a contract that writes. Otherwise the request is to collect
	// from a source, which counts under a contract that reads from sources.
	Push bool
	// Source is the source that the person has chosen, or that the application names; 0 before one is chosen.
	Source int
	// Sample is the set of sample data to connect the source with; empty if the request names none.
	Sample string
	// OnlySamples lets the person choose a source, too, that has nothing but sample data.
	OnlySamples bool
	// Scope narrows the sources to collect from.
	Scope library.SourcesScope
	// AccountHandle names the account that a request of kind reauthorize is to connect
	// again.
	AccountHandle string
}

// SampleQuery selects the sources that a person can connect with sample data for a request, under its contract.
func (q ConnectionQuery) SampleQuery(r *library.PendingRequest) SampleQuery {
	return SampleQuery{Set: q.Sample, OnlySamples: q.OnlySamples, Scope: q.Scope,
		Services: r.Client.Contract.Scope.ServiceGroups}
}

// ConnectionStep is what remains to be connected before a request can be answered.
type ConnectionStep struct {
	// Connected is the account that the person has connected for the request; nil if there
	// is none.
	Connected *Connection
	// Required says that an account still has to be connected.
	Required bool
	// Target is what to connect; zero if the person has yet to choose a provider.
	Target Target
	// Source is the target's source.
	Source Source
	// Unavailable says that the chosen source cannot be connected now.
	Unavailable bool
	// Sample says that the source is connected with sample data, for which the person goes nowhere.
	Sample bool
}

// Target is what a person wants to connect: a source, or an account once more.
type Target struct {
	Source  int
	Account wire.AccountID
}

// ConnectionStep finds what remains to be connected before a person can answer a request:
//
//	user-reauth         nothing
//	reauthorize         the account that the reference names; nothing if that is the account
//	                    that stands for the person
//	authorize, onboard  a provider, if the query asks for one, the contract writes, and there
//	                    is any provider to choose; otherwise a source to collect from, if the
//	                    contract reads from sources, and there is any to choose. A request for
//	                    consent connects sample data with the person's yes, onboard before that
//
// and nothing once an account has been connected for the request. Sample data that a yes has connected, which then was
// refused because the question had changed, is not: the next yes connects it, or another. It changes nothing. It
// returns ErrNotFound if the reference names no account of the person's at the application.
func (c *Connections) ConnectionStep(
	ctx context.Context,
	s *library.SignedIn,
	r *library.PendingRequest,
	q ConnectionQuery,
) (ConnectionStep, error) {
	connected, err := c.connectedFor(ctx, s, r)
	switch {
	case err != nil:
		return ConnectionStep{}, err
	case connected != nil && !(r.Kind == library.AuthorizeRequest && connected.Pending && connected.Source.IsPull()):
		return ConnectionStep{Connected: connected}, nil
	}
	switch r.Kind {
	case library.ReauthorizeRequest:
		return c.reconnectStep(ctx, s, r, q)
	case library.AuthorizeRequest, library.OnboardRequest:
		if q.Push {
			return c.connectStep(r, q)
		}
		return c.pullStep(r, q)
	}
	return ConnectionStep{}, nil
}

// AsksForSource reports whether a request asks the person for a provider to send to, or for a
// source to collect from. Where there is none at all, it does not.
func (c *Connections) AsksForSource(r *library.PendingRequest, q ConnectionQuery) (bool, error) {
	if samples, ok := c.samplesFor(r, q); ok {
		return samples.HasSampleSources(q.SampleQuery(r))
	}
	if !q.Push || r.Client.Contract.Access != library.Write {
		return false, nil
	}
	return c.catalogue.HasPushSources()
}

func (c *Connections) reconnectStep(
	ctx context.Context,
	s *library.SignedIn,
	r *library.PendingRequest,
	q ConnectionQuery,
) (ConnectionStep, error) {
	id, err := c.consents.ResolveAccountHandle(ctx, r, q.AccountHandle)
	if err != nil {
		return ConnectionStep{}, err
	}
	application := r.Client.Application.ID
	err = c.consents.CheckUserAccount(ctx, s.Library.ID, application, id)
	if err == nil || !errors.Is(err, library.ErrNotFound) {
		return ConnectionStep{}, err
	}
	connection, err := c.getAtApplication(ctx, s.Library.ID, application, id)
	if err != nil {
		return ConnectionStep{}, err
	}
	return ConnectionStep{Required: true, Target: Target{Account: connection.ID}, Source: connection.Source,
		Sample: connection.Source.IsPull()}, nil
}

func (c *Connections) connectStep(r *library.PendingRequest, q ConnectionQuery) (ConnectionStep, error) {
	if asks, err := c.AsksForSource(r, q); err != nil || !asks {
		return ConnectionStep{}, err
	}
	if q.Source == 0 {
		return ConnectionStep{Required: true}, nil
	}
	source, err := c.findSource(q.Source)
	switch {
	case errors.Is(err, library.ErrNotFound), errors.Is(err, ErrListUnavailable):
		return ConnectionStep{Required: true, Unavailable: true}, nil
	case err != nil:
		return ConnectionStep{}, err
	}
	return ConnectionStep{Required: true, Target: Target{Source: q.Source}, Source: source}, nil
}

// connectedFor returns the account that the person has connected for a request; nil if there
// is none, or none any more.
func (c *Connections) connectedFor(
	ctx context.Context,
	s *library.SignedIn,
	r *library.PendingRequest,
) (*Connection, error) {
	if r.Account == "" {
		return nil, nil
	}
	connection, err := c.store.GetConnection(ctx, s.Library.ID, r.Account, false)
	if errors.Is(err, library.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get account: %w", err)
	}
	return &connection, nil
}

// findSource finds a source that can be connected and sent to now.
func (c *Connections) findSource(id int) (Source, error) {
	source, err := c.catalogue.Source(id)
	if err != nil {
		return Source{}, fmt.Errorf("find source %d: %w", id, err)
	}
	if !source.Push {
		return Source{}, fmt.Errorf("source %d cannot be sent to: %w", id, library.ErrNotFound)
	}
	return source, nil
}

// findTarget returns the source that a target means. It returns ErrNotFound for one that
// cannot be connected now, and for an account that is not the person's at the application.
func (c *Connections) findTarget(
	ctx context.Context,
	s *library.SignedIn,
	r *library.PendingRequest,
	target Target,
) (Source, error) {
	if target.Account != "" {
		connection, err := c.getAtApplication(ctx, s.Library.ID, r.Client.Application.ID, target.Account)
		if err != nil {
			return Source{}, err
		}
		target.Source = connection.Source.ID
	}
	return c.findSource(target.Source)
}

// Complete answers a request to connect a source, or to connect an account again, and returns
// where to send the browser. It succeeds if the person has connected an account for the
// request, or if the request is to connect the account that stands for the person, which
// needs nothing; otherwise the application is told that nothing was connected. It returns
// ErrWrongPerson, ErrUsed, and ErrNotFound as ConnectionStep does.
func (c *Connections) Complete(
	ctx context.Context,
	s *library.SignedIn,
	r *library.PendingRequest,
	q ConnectionQuery,
) (callback string, err error) {
	if err := r.CheckPerson(s); err != nil {
		return "", err
	}
	step, err := c.ConnectionStep(ctx, s, r, q)
	if err != nil {
		return "", err
	}
	if step.Connected == nil && (step.Required || r.Kind != library.ReauthorizeRequest) {
		return c.consents.Deny(ctx, r, nil, library.CallbackOnboardError)
	}
	if step.Connected != nil && step.Connected.Pending {
		// The account belongs to the contract's grant, which may have ended while the person was away.
		grant, err := c.consents.LatestGrant(ctx, s, r)
		if err != nil {
			return "", err
		}
		if grant == nil || !grant.Active(c.now()) {
			return c.consents.Deny(ctx, r, nil, library.CallbackOnboardError)
		}
	}
	callback, err = c.consents.Complete(ctx, s, r)
	if errors.Is(err, library.ErrNotFound) { // revoked a moment ago
		return c.consents.Deny(ctx, r, nil, library.CallbackOnboardError)
	}
	return callback, err
}
