package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// IsPull reports whether an account at the source is fetched from, and not sent to.
func (s Source) IsPull() bool { return s.SampleSet != "" }

// StaysReadable reports whether the application can go on reading what was collected from the account when that is
// disconnected: it reads by its grant, and what was collected stays in the library. Grants are those of the library.
func (c Connection) StaysReadable(grants []library.GrantWithClient, now time.Time) bool {
	return c.Source.IsPull() && slices.ContainsFunc(grants, func(g library.GrantWithClient) bool {
		return g.Grant.ID == c.Grant && g.Standing(now) == library.GrantCounts
	})
}

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
		return ConnectionStep{Required: true, Sample: true, Target: target, Source: source}, nil
	case !errors.Is(err, library.ErrNotFound) && !errors.Is(err, ErrListUnavailable):
		return ConnectionStep{}, err
	}
	if asks, err := c.AsksForSource(r, q); err != nil || !asks {
		return ConnectionStep{}, err
	}
	return ConnectionStep{Required: true, Unavailable: q.Source != 0}, nil
}

// ConnectSample connects an account with sample data for a request, and returns it. It is pending until the person
// has answered the request. If the same was connected for the request before, it returns that account. It returns
// ErrUsed if the request was answered.
func (c *Connections) ConnectSample(
	ctx context.Context, s *library.SignedIn, r *library.PendingRequest, source Source,
) (Connection, error) {
	return c.connectSample(ctx, s, r, source, "")
}

// ReconnectSample connects an account with sample data again for a request. It returns ErrNotFound for an account that
// is not the person's at the application, or is at a provider.
func (c *Connections) ReconnectSample(
	ctx context.Context, s *library.SignedIn, r *library.PendingRequest, id wire.AccountID,
) (Connection, error) {
	connection, err := c.getAtApplication(ctx, s.Library.ID, r.Client.Application.ID, id)
	if err != nil {
		return Connection{}, err
	}
	if !connection.Source.IsPull() {
		return Connection{}, fmt.Errorf("account %s has no sample data: %w", id, library.ErrNotFound)
	}
	source := connection.Source
	source.SampleReauthorized = true
	return c.connectSample(ctx, s, r, source, id)
}

// connectSample connects an account with sample data, or the account again that is named. There are no tokens; what is
// sealed in their place binds the account to its owner.
func (c *Connections) connectSample(
	ctx context.Context, s *library.SignedIn, r *library.PendingRequest, source Source, again wire.AccountID,
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
	connected, err := c.store.Connect(ctx, r.Hash, again, connection, event)
	if errors.Is(err, library.ErrNotFound) { // since the request was found
		return Connection{}, fmt.Errorf("connect account: %w: %w", library.ErrUsed, err)
	}
	if err != nil {
		return Connection{}, fmt.Errorf("connect account: %w", c.recordTampering(ctx, err, s.Library.ID))
	}
	return connected, nil
}

// Reconnect connects an account with sample data again that its source has ended, without a request of an application.
// It returns ErrNotFound for somebody else's account, and for one at a provider, for which the person has to go there.
// To an account that has not ended it does nothing.
func (c *Connections) Reconnect(ctx context.Context, s *library.SignedIn, id wire.AccountID) error {
	connection, err := c.Get(ctx, s, id)
	if err != nil {
		return err
	}
	if !connection.Source.IsPull() {
		return fmt.Errorf("account %s has no sample data: %w", id, library.ErrNotFound)
	}
	if !connection.NeedsReconnect(c.now()) {
		return nil
	}
	before, err := c.boxes.openAccess(connection)
	if err != nil {
		return c.recordTampering(ctx, err, s.Library.ID)
	}
	connection.Source.SampleReauthorized = true
	connection.Correlation, connection.UpdatedAt, connection.AccessUntil = newCorrelation(), c.now(), time.Time{}
	connection.Access, err = c.boxes.sealAccess(connection, before.Owner.Contract, ProviderTokens{},
		connection.Correlation)
	if err != nil {
		return err
	}
	err = c.store.Reauthorize(ctx, connection, library.Event{Library: s.Library.ID, At: c.now(),
		Kind: library.EventConnected, Details: library.EventDetails{Application: connection.Application,
			Account: connection.ID, Provider: connection.Source.Name}})
	if err != nil && !errors.Is(err, library.ErrUsed) { // the button was pressed twice
		return fmt.Errorf("connect account again: %w", err)
	}
	return nil
}

// EndPull records that the source of an account that is fetched from asks the person to connect it again. It does
// nothing if the person has done that meanwhile.
func (c *Connections) EndPull(ctx context.Context, connection Connection) error {
	stored, err := c.boxes.openAccess(connection)
	if err != nil {
		return c.recordTampering(ctx, err, connection.Library)
	}
	err = c.endAccess(ctx, connection, stored.Owner.Contract)
	if errors.Is(err, ErrReconnect) || errors.Is(err, library.ErrUsed) {
		return nil
	}
	return err
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
