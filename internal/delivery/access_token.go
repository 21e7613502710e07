package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// accessToken is a provider's access token for an attempt.
type accessToken struct {
	token seal.Secret
	// provider is whose token it is, and contract is the one that may send with it.
	provider    ProviderKey
	contract    wire.ContractID
	correlation string
	// version is the connection's AccessVersion. renewable says that there is a refresh token.
	version   int64
	renewable bool
}

// access returns an account's access token, refreshed if it has expired. It returns ErrNotFound
// for an account that is gone and ErrReconnect for one that the person has to connect again; any
// other error is temporary.
func (c *Connections) access(ctx context.Context, connection Connection) (accessToken, error) {
	if !connection.EndedAt.IsZero() || connection.Access == nil {
		return accessToken{}, ErrReconnect
	}
	stored, err := c.boxes.openAccess(connection)
	if err != nil {
		return accessToken{}, c.recordTampering(ctx, err, connection.Library)
	}
	if c.now().Add(accessMargin).Before(stored.Until.Time()) {
		return accessToken{
			token:       seal.SecretOf(stored.Token),
			provider:    stored.Source.Provider,
			contract:    stored.Owner.Contract,
			correlation: stored.Correlation,
			version:     connection.AccessVersion,
			renewable:   stored.Refresh != "",
		}, nil
	}
	return c.refresh(ctx, connection)
}

// refresh refreshes the account's access, or waits for the server that is refreshing it.
func (c *Connections) refresh(ctx context.Context, connection Connection) (accessToken, error) {
	for {
		now := c.now()
		until := now.Add(refreshLifetime)
		claimed, err := c.store.ClaimRefresh(ctx, connection.ID, connection.AccessVersion, now, until)
		if err == nil {
			return c.refreshClaimed(ctx, claimed)
		}
		if !errors.Is(err, library.ErrUsed) {
			return accessToken{}, fmt.Errorf("claim refresh: %w", err)
		}
		select {
		case <-ctx.Done():
			return accessToken{}, fmt.Errorf("wait for refresh: %w", ctx.Err())
		case <-time.After(refreshPause):
		}
		current, err := c.store.GetConnection(ctx, connection.Library, connection.ID, true)
		if err != nil {
			return accessToken{}, fmt.Errorf("get account: %w", err)
		}
		if current.AccessVersion != connection.AccessVersion || !current.EndedAt.IsZero() {
			return c.access(ctx, current)
		}
	}
}

func (c *Connections) refreshClaimed(ctx context.Context, connection Connection) (accessToken, error) {
	stored, err := c.boxes.openAccess(connection)
	if err != nil {
		err = c.recordTampering(ctx, err, connection.Library)
		return accessToken{}, errors.Join(err, c.store.ReleaseRefresh(ctx, connection.ID, connection.AccessVersion))
	}
	if stored.Refresh == "" {
		return c.endAccessUnlessReconnected(ctx, connection, stored.Owner.Contract)
	}
	correlation := newCorrelation()
	// The new tokens must be stored even if the caller has stopped waiting.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshLifetime)
	defer cancel()
	refresh := seal.SecretOf(stored.Refresh)
	access, err := c.providers.RefreshTokens(ctx, stored.Source.Provider, refresh, correlation)
	switch {
	case errors.Is(err, ErrReconnect):
		return c.endAccessUnlessReconnected(ctx, connection, stored.Owner.Contract)
	case err != nil:
		err = fmt.Errorf("refresh access: %w", err)
		return accessToken{}, errors.Join(err, c.store.ReleaseRefresh(ctx, connection.ID, connection.AccessVersion))
	}
	if access.Refresh.IsZero() {
		// RFC 6749, section 6: without a new refresh token the old one stays valid.
		access.Refresh = refresh
	}
	box, err := c.boxes.sealAccess(connection, stored.Owner.Contract, access, correlation)
	if err != nil {
		return accessToken{}, err
	}
	err = retryWrite(func() error {
		return c.store.StoreTokens(ctx, connection.ID, connection.AccessVersion, box, accessEnd(access), c.now())
	})
	if errors.Is(err, library.ErrNotFound) {
		// The account has ended meanwhile, and with it the tokens of before.
		connection.Access = box
		err = errors.Join(err, c.store.AddTokenRevocation(ctx, connection, c.now()))
	}
	if err != nil {
		return accessToken{}, fmt.Errorf("store tokens: %w", err)
	}
	return accessToken{
		token:       access.Access,
		provider:    stored.Source.Provider,
		contract:    stored.Owner.Contract,
		correlation: correlation,
		version:     connection.AccessVersion + 1,
		renewable:   true,
	}, nil
}

// endAccessUnlessReconnected ends the account's access, unless the person has connected the
// account again: then it returns that access.
func (c *Connections) endAccessUnlessReconnected(
	ctx context.Context, connection Connection, contract wire.ContractID,
) (accessToken, error) {
	err := c.endAccess(ctx, connection, contract)
	if !errors.Is(err, library.ErrUsed) {
		return accessToken{}, err
	}
	current, err := c.store.GetConnection(ctx, connection.Library, connection.ID, true)
	if err != nil {
		return accessToken{}, fmt.Errorf("get account: %w", err)
	}
	return c.access(ctx, current)
}

// endAccess records that the person has to connect the account again, and returns ErrReconnect.
// It returns ErrUsed if the account has other access by now. What is left of the tokens says whose the
// account is, until it is connected again.
func (c *Connections) endAccess(ctx context.Context, connection Connection, contract wire.ContractID) error {
	left, err := c.boxes.sealAccess(connection, contract, ProviderTokens{}, "")
	if err != nil {
		return err
	}
	event := library.Event{Library: connection.Library, At: c.now(), Kind: library.EventAccountEnded,
		Details: library.EventDetails{
			Application: connection.Application,
			Account:     connection.ID,
			Provider:    connection.Source.Name,
		}}
	err = c.store.EndAccess(ctx, connection.ID, connection.AccessVersion, c.now(), left, event)
	if err != nil && !errors.Is(err, library.ErrNotFound) {
		return fmt.Errorf("end access: %w", err)
	}
	return ErrReconnect
}

// accessEnd returns when access ends that cannot be refreshed; zero if it can be.
func accessEnd(t ProviderTokens) time.Time {
	if t.Refresh.IsZero() {
		return t.ExpiresAt
	}
	return time.Time{}
}
