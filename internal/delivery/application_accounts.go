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
func (a *Connections) ListForBearer(ctx context.Context, b *library.Bearer) ([]wire.Account, error) {
	list, err := a.consents.ListAccounts(ctx, b)
	if err != nil {
		return nil, err
	}
	connected, err := a.store.ListConnections(ctx, b.Library.ID, b.Client.Application.ID)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	for _, c := range connected {
		list = append(list, a.onWire(c))
	}
	return list, nil
}

// onWire returns an account as the wire has it.
func (a *Connections) onWire(c Connection) wire.Account {
	s := c.Source
	status := &wire.AccessTokenStatus{Authorized: !c.NeedsReconnect(a.now())}
	if status.Authorized && !c.AccessUntil.IsZero() {
		status.ExpiresAt = wire.MillisOf(c.AccessUntil)
	}
	return wire.Account{
		ID: c.ID, Reference: string(c.Reference), Type: wire.AccountTypePush,
		CreatedDate: wire.MillisOf(c.CreatedAt), UpdatedDate: wire.MillisOf(c.UpdatedAt),
		ServiceGroupID: s.GroupID, ServiceGroupName: s.GroupName,
		ServiceTypeID: s.ServiceID, ServiceTypeName: s.ServiceName, ServiceTypeReference: s.ServiceReference,
		SourceID: s.ID, ServiceProviderID: s.ID, ServiceProviderName: s.Name, ServiceProviderReference: s.Reference,
		AccessTokenStatus: status, ProviderLogo: s.Logo, ProviderFavIcon: s.Logo,
	}
}

// DeleteForBearer disconnects an account for its application. An account that is unknown or not
// the bearer's is no error, so that the call can be repeated and tells nothing about accounts.
// The account that stands for the person is hidden from the application until the person's next
// consent; only the person can end their grants.
func (a *Connections) DeleteForBearer(ctx context.Context, b *library.Bearer, id wire.AccountID) error {
	if hidden, err := a.consents.HideUserAccount(ctx, b, id); hidden || err != nil {
		return err
	}
	account, err := a.getAtApplication(ctx, b.Library.ID, b.Client.Application.ID, id)
	if errors.Is(err, library.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	details := b.Client.EventDetails()
	details.Grant = b.Grant.ID
	return a.disconnect(ctx, account, details, "the application disconnected the account")
}

// List lists the accounts that a person has connected, at all applications.
func (a *Connections) List(ctx context.Context, s *library.SignedIn) ([]Connection, error) {
	list, err := a.store.ListConnections(ctx, s.Library.ID, "")
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return list, nil
}

// Get returns one of the person's accounts. It returns ErrNotFound for somebody else's.
func (a *Connections) Get(ctx context.Context, s *library.SignedIn, id wire.AccountID) (Connection, error) {
	account, err := a.store.GetConnection(ctx, s.Library.ID, id, true)
	if err != nil {
		return Connection{}, fmt.Errorf("get account: %w", err)
	}
	return account, nil
}

// Disconnect ends an account at once, and the deliveries that wait for it. It returns ErrNotFound
// for somebody else's account.
func (a *Connections) Disconnect(ctx context.Context, s *library.SignedIn, id wire.AccountID) error {
	account, err := a.Get(ctx, s, id)
	if err != nil {
		return err
	}
	return a.disconnect(
		ctx,
		account,
		library.EventDetails{Application: account.Application},
		"the person disconnected the account",
	)
}

func (a *Connections) disconnect(
	ctx context.Context,
	account Connection,
	details library.EventDetails,
	reason string,
) error {
	details.Account, details.Provider = account.ID, account.Source.Name
	now := a.now()
	err := a.store.Disconnect(ctx, account.Library, account.Application, account.ID, now, reason,
		library.Event{Library: account.Library, At: now, Kind: library.EventDisconnected, Details: details})
	if err != nil && !errors.Is(err, library.ErrNotFound) {
		return fmt.Errorf("disconnect account: %w", err)
	}
	return nil
}

// getAtApplication returns an account that a person has connected at an application. It returns
// ErrNotFound for another person's or application's account, and for a pending one.
func (a *Connections) getAtApplication(
	ctx context.Context,
	owner library.ID,
	application wire.ApplicationID,
	id wire.AccountID,
) (Connection, error) {
	account, err := a.store.GetConnection(ctx, owner, id, true)
	if err != nil {
		return Connection{}, fmt.Errorf("get account: %w", err)
	}
	if account.Application != application {
		return Connection{}, fmt.Errorf("account is of another application: %w", library.ErrNotFound)
	}
	return account, nil
}
