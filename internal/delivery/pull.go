package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// IsPull reports whether an account at the source is fetched from, and not sent to.
func (s Source) IsPull() bool { return s.SampleSet != "" }

// Origin says what an account at the source is fetched from, so that an account that a person connects later to the
// same is known as such. It is empty for a source that is not fetched from.
func (s Source) Origin() string {
	if !s.IsPull() {
		return ""
	}
	return fmt.Sprintf("%d sample %s %s", s.ID, s.SampleData, s.SampleSet)
}

// SampleCatalogue has the sources that can be connected with sample data.
type SampleCatalogue interface {
	// SampleSource finds a source for a set of sample data. It returns ErrNotFound if there is none in the scope of the
	// query, and ErrListUnavailable as [Catalogue] does.
	SampleSource(id int, q SampleQuery) (Source, error)
	// HasSampleSources reports whether there is any source that a person can choose by the query.
	HasSampleSources(q SampleQuery) (bool, error)
}

// SampleQuery selects sources that can be connected with sample data.
type SampleQuery struct {
	// Set is the set of sample data. If it is empty it is the one called default, of sources that have nothing but
	// sample data.
	Set string
	// OnlySamples lets people choose sources, too, that have nothing but sample data. One that the application names is
	// connected without that.
	OnlySamples bool
	// Scope narrows the sources.
	Scope library.SourcesScope
	// Services narrows the sources to those that have something that a contract with these bounds may read; empty
	// means all.
	Services []wire.ServiceGroup
}

// FindSample returns the source that a request asks to be connected with sample data. It returns ErrNotFound if the
// request asks for none, or is not under a contract that reads from sources.
func (c *Connections) FindSample(r *library.PendingRequest, q ConnectionQuery) (Source, error) {
	samples, ok := c.samplesFor(r, q)
	if !ok || q.Source == 0 {
		return Source{}, fmt.Errorf("the request asks for no sample data: %w", library.ErrNotFound)
	}
	source, err := samples.SampleSource(q.Source, q.SampleQuery(r))
	if err != nil {
		return Source{}, fmt.Errorf("find sample data: %w", err)
	}
	return source, nil
}

// samplesFor returns the catalogue of sample data; ok is false unless the request is one that collects, under a
// contract that reads from sources.
func (c *Connections) samplesFor(r *library.PendingRequest, q ConnectionQuery) (samples SampleCatalogue, ok bool) {
	contract := r.Client.Contract
	if q.Push || contract.Access != library.Read || !contract.Scope.Mapped ||
		r.Kind != library.AuthorizeRequest && r.Kind != library.OnboardRequest {
		return nil, false
	}
	samples, ok = c.catalogue.(SampleCatalogue)
	return samples, ok
}

// pullStep finds what remains to be connected before a request that collects can be answered.
func (c *Connections) pullStep(r *library.PendingRequest, q ConnectionQuery) (ConnectionStep, error) {
	source, err := c.FindSample(r, q)
	switch {
	case err == nil && r.Kind == library.AuthorizeRequest:
		return ConnectionStep{}, nil // it is connected with the person's yes
	case err == nil:
		target := Target{Source: q.Source}
		return ConnectionStep{Required: true, Sample: true, Target: target, Provider: source.Name}, nil
	case !errors.Is(err, library.ErrNotFound) && !errors.Is(err, ErrListUnavailable):
		return ConnectionStep{}, err
	}
	if asks, err := c.AsksForSource(r, q); err != nil || !asks {
		return ConnectionStep{}, err
	}
	return ConnectionStep{Required: true, Unavailable: q.Source != 0}, nil
}

// ConnectSample connects an account with sample data for a request, and returns it. It is pending until the person
// has answered the request. There are no tokens; what is sealed in their place binds the account to its owner.
func (c *Connections) ConnectSample(
	ctx context.Context, s *library.SignedIn, r *library.PendingRequest, source Source,
) (Connection, error) {
	if err := r.CheckPerson(s); err != nil {
		return Connection{}, err
	}
	now := c.now()
	connection := Connection{
		ID:        wire.AccountID(fmt.Sprintf("%d_%s", source.ServiceID, wire.RandomAlphanumeric(22))),
		Reference: library.AccountReference(wire.RandomAlphanumeric(16)),
		Library:   s.Library.ID, Application: r.Client.Application.ID, Source: source, Pending: true,
		Correlation: newCorrelation(), CreatedAt: now, UpdatedAt: now,
	}
	var err error
	connection.Access, err = c.boxes.sealAccess(connection, r.Client.Contract.ID, ProviderTokens{},
		connection.Correlation)
	if err != nil {
		return Connection{}, err
	}
	event := library.Event{Library: s.Library.ID, At: now, Kind: library.EventConnected,
		Details: r.Client.EventDetails()}
	event.Details.Provider = source.Name
	connected, err := c.store.Connect(ctx, r.Hash, "", connection, event)
	if err != nil {
		return Connection{}, fmt.Errorf("connect account: %w", c.recordTampering(ctx, err, s.Library.ID))
	}
	return connected, nil
}

// ListPull lists the accounts at an application that are fetched from.
func (c *Connections) ListPull(
	ctx context.Context, owner library.ID, application wire.ApplicationID,
) ([]Connection, error) {
	list, err := c.store.ListConnections(ctx, owner, application)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return slices.DeleteFunc(list, func(c Connection) bool { return !c.Source.IsPull() }), nil
}

// GetForFetch returns an account that may be fetched from. It returns ErrNotFound if it is gone, and a
// [*library.TamperedError] if it is not what this server has stored.
func (c *Connections) GetForFetch(ctx context.Context, owner library.ID, id wire.AccountID) (Connection, error) {
	connection, err := c.store.GetConnection(ctx, owner, id, true)
	if err != nil {
		return Connection{}, fmt.Errorf("get account: %w", err)
	}
	if !connection.Source.IsPull() {
		return Connection{}, fmt.Errorf("nothing is fetched from account %s: %w", id, library.ErrNotFound)
	}
	if _, err := c.boxes.openAccess(connection); err != nil {
		return Connection{}, c.recordTampering(ctx, err, owner)
	}
	return connection, nil
}
