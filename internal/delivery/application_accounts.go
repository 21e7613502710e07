package delivery

import (
	"context"
	"errors"
	"fmt"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// ListForBearer lists the accounts that the bearer's application may know of: the one that stands
// for the person, and those that the person has connected there.
func (c *Connections) ListForBearer(ctx context.Context, b *library.Bearer) ([]wire.Account, error) {
	list, err := c.consents.ListAccounts(ctx, b)
	if err != nil {
		return nil, err
	}
	connected, err := c.store.ListConnections(ctx, b.Library.ID, b.Client.Application.ID)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	for _, connection := range connected {
		list = append(list, c.onWire(connection))
	}
	return list, nil
}

// onWire returns an account as the wire has it.
func (c *Connections) onWire(connection Connection) wire.Account {
	source := connection.Source
	status := &wire.AccessTokenStatus{Authorized: !connection.NeedsReconnect(c.now())}
	if status.Authorized && !connection.AccessUntil.IsZero() {
		status.ExpiresAt = wire.MillisOf(connection.AccessUntil)
	}
	kind := wire.AccountTypePush
	if source.IsPull() {
		kind = wire.AccountTypeUser
	}
	return wire.Account{
		ID:                       connection.ID,
		Reference:                string(connection.Reference),
		Type:                     kind,
		Sample:                   source.SampleSet != "",
		CreatedDate:              wire.MillisOf(connection.CreatedAt),
		UpdatedDate:              wire.MillisOf(connection.UpdatedAt),
		ServiceGroupID:           source.GroupID,
		ServiceGroupName:         source.GroupName,
		ServiceTypeID:            source.ServiceID,
		ServiceTypeName:          source.ServiceName,
		ServiceTypeReference:     source.ServiceReference,
		SourceID:                 source.ID,
		ServiceProviderID:        source.ID,
		ServiceProviderName:      source.Name,
		ServiceProviderReference: source.Reference,
		AccessTokenStatus:        status,
		ProviderLogo:             source.Logo,
		ProviderFavIcon:          source.Logo,
	}
}

// DeleteForBearer disconnects an account for its application. An account that is unknown or not
// the bearer's is no error, so that the call can be repeated and tells nothing about accounts.
// The account that stands for the person is hidden from the application until the person's next
// consent; only the person can end their grants.
func (c *Connections) DeleteForBearer(ctx context.Context, b *library.Bearer, id wire.AccountID) error {
	if hidden, err := c.consents.HideUserAccount(ctx, b, id); hidden || err != nil {
		return err
	}
	connection, err := c.getAtApplication(ctx, b.Library.ID, b.Client.Application.ID, id)
	if errors.Is(err, library.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	details := b.Client.EventDetails()
	details.Grant = b.Grant.ID
	return c.disconnect(ctx, connection, details, "the application disconnected the account")
}

// List lists the accounts that a person has connected, at all applications.
func (c *Connections) List(ctx context.Context, s *library.SignedIn) ([]Connection, error) {
	list, err := c.store.ListConnections(ctx, s.Library.ID, "")
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return list, nil
}

// Get returns one of the person's accounts. It returns ErrNotFound for somebody else's.
func (c *Connections) Get(ctx context.Context, s *library.SignedIn, id wire.AccountID) (Connection, error) {
	connection, err := c.store.GetConnection(ctx, s.Library.ID, id, true)
	if err != nil {
		return Connection{}, fmt.Errorf("get account: %w", err)
	}
	return connection, nil
}

// Disconnect ends an account at once, and the deliveries that wait for it. It returns ErrNotFound
// for somebody else's account.
func (c *Connections) Disconnect(ctx context.Context, s *library.SignedIn, id wire.AccountID) error {
	connection, err := c.Get(ctx, s, id)
	if err != nil {
		return err
	}
	return c.disconnect(
		ctx,
		connection,
		library.EventDetails{Application: connection.Application},
		"the person disconnected the account",
	)
}

func (c *Connections) disconnect(
	ctx context.Context,
	connection Connection,
	details library.EventDetails,
	reason string,
) error {
	details.Account, details.Provider = connection.ID, connection.Source.Name
	now := c.now()
	err := c.store.Disconnect(ctx, connection.Library, connection.Application, connection.ID, now, reason,
		library.Event{Library: connection.Library, At: now, Kind: library.EventDisconnected, Details: details})
	if err != nil && !errors.Is(err, library.ErrNotFound) {
		return fmt.Errorf("disconnect account: %w", err)
	}
	return nil
}

// getAtApplication returns an account that a person has connected at an application. It returns
// ErrNotFound for another person's or application's account, and for a pending one.
func (c *Connections) getAtApplication(
	ctx context.Context,
	owner library.ID,
	application wire.ApplicationID,
	id wire.AccountID,
) (Connection, error) {
	connection, err := c.store.GetConnection(ctx, owner, id, true)
	if err != nil {
		return Connection{}, fmt.Errorf("get account: %w", err)
	}
	if connection.Application != application {
		return Connection{}, fmt.Errorf("account is of another application: %w", library.ErrNotFound)
	}
	return connection, nil
}
