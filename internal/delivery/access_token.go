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
	token       seal.Secret
	correlation string
	// version is the connection's AccessVersion. renewable says that there is a refresh token.
	version   int64
	renewable bool
}

// access returns an account's access token, refreshed if it has expired. It returns ErrNotFound
// for an account that is gone and ErrReconnect for one that the person has to connect again; any
// other error is temporary.
func (a *Connections) access(ctx context.Context, account Connection) (accessToken, error) {
	if !account.EndedAt.IsZero() || account.Access == nil {
		return accessToken{}, ErrReconnect
	}
	var h storedTokens
	if err := a.openJSON(purposeAccess(account), account.Access, &h); err != nil {
		return accessToken{}, err
	}
	if a.now().Add(accessMargin).Before(h.Until.Time()) {
		return accessToken{seal.SecretOf(h.Token), h.Correlation, account.AccessVersion, h.Refresh != ""}, nil
	}
	return a.refresh(ctx, account)
}

// refresh refreshes the account's access, or waits for the server that is refreshing it.
func (a *Connections) refresh(ctx context.Context, account Connection) (accessToken, error) {
	for {
		now := a.now()
		claimed, err := a.store.ClaimRefresh(ctx, account.ID, account.AccessVersion, now, now.Add(refreshLifetime))
		if err == nil {
			return a.refreshClaimed(ctx, claimed)
		}
		if !errors.Is(err, library.ErrUsed) {
			return accessToken{}, fmt.Errorf("claim refresh: %w", err)
		}
		select {
		case <-ctx.Done():
			return accessToken{}, fmt.Errorf("wait for refresh: %w", ctx.Err())
		case <-time.After(refreshPause):
		}
		current, err := a.store.GetConnection(ctx, account.Library, account.ID, true)
		if err != nil {
			return accessToken{}, fmt.Errorf("get account: %w", err)
		}
		if current.AccessVersion != account.AccessVersion || !current.EndedAt.IsZero() {
			return a.access(ctx, current)
		}
	}
}

func (a *Connections) refreshClaimed(ctx context.Context, account Connection) (accessToken, error) {
	var h storedTokens
	if err := a.openJSON(purposeAccess(account), account.Access, &h); err != nil {
		return accessToken{}, errors.Join(err, a.store.ReleaseRefresh(ctx, account.ID, account.AccessVersion))
	}
	if h.Refresh == "" {
		return a.endAccessUnlessReconnected(ctx, account)
	}
	correlation := newCorrelation()
	// The new tokens must be stored even if the caller has stopped waiting.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshLifetime)
	defer cancel()
	access, err := a.providers.RefreshTokens(ctx, account.Source.Provider, seal.SecretOf(h.Refresh), correlation)
	switch {
	case errors.Is(err, ErrReconnect):
		return a.endAccessUnlessReconnected(ctx, account)
	case err != nil:
		err = fmt.Errorf("refresh access: %w", err)
		return accessToken{}, errors.Join(err, a.store.ReleaseRefresh(ctx, account.ID, account.AccessVersion))
	}
	if access.Refresh.IsZero() {
		// RFC 6749, section 6: without a new refresh token the old one stays valid.
		access.Refresh = seal.SecretOf(h.Refresh)
	}
	box, err := a.sealJSON(purposeAccess(account), newStoredTokens(access, correlation))
	if err != nil {
		return accessToken{}, err
	}
	err = retryWrite(func() error {
		return a.store.StoreTokens(ctx, account.ID, account.AccessVersion, box, accessEnd(access), a.now())
	})
	if err != nil {
		return accessToken{}, fmt.Errorf("store tokens: %w", err)
	}
	return accessToken{access.Access, correlation, account.AccessVersion + 1, true}, nil
}

// endAccessUnlessReconnected ends the account's access, unless the person has connected the
// account again: then it returns that access.
func (a *Connections) endAccessUnlessReconnected(ctx context.Context, account Connection) (accessToken, error) {
	err := a.endAccess(ctx, account)
	if !errors.Is(err, library.ErrUsed) {
		return accessToken{}, err
	}
	current, err := a.store.GetConnection(ctx, account.Library, account.ID, true)
	if err != nil {
		return accessToken{}, fmt.Errorf("get account: %w", err)
	}
	return a.access(ctx, current)
}

// endAccess records that the person has to connect the account again, and returns ErrReconnect.
// It returns ErrUsed if the account has other access by now.
func (a *Connections) endAccess(ctx context.Context, account Connection) error {
	event := library.Event{Library: account.Library, At: a.now(), Kind: library.EventAccountEnded,
		Details: library.EventDetails{
			Application: account.Application,
			Account:     account.ID,
			Provider:    account.Source.Name,
		}}
	err := a.store.EndAccess(ctx, account.ID, account.AccessVersion, a.now(), event)
	if err != nil && !errors.Is(err, library.ErrNotFound) {
		return fmt.Errorf("end access: %w", err)
	}
	return ErrReconnect
}

// storedTokens are a provider's tokens as they are sealed.
type storedTokens struct {
	Token   string      `json:"token"`
	Refresh string      `json:"refresh,omitempty"`
	Until   wire.Millis `json:"until"`
	// Correlation names the authorization, or the refresh, that gave the tokens (MedMij,
	// Resource interface).
	Correlation string `json:"correlation"`
}

func newStoredTokens(p ProviderTokens, correlation string) storedTokens {
	return storedTokens{
		Token:       p.Access.Reveal(),
		Refresh:     p.Refresh.Reveal(),
		Until:       wire.MillisOf(p.ExpiresAt),
		Correlation: correlation,
	}
}

// accessEnd returns when access ends that cannot be refreshed; zero if it can be.
func accessEnd(p ProviderTokens) time.Time {
	if p.Refresh.IsZero() {
		return p.ExpiresAt
	}
	return time.Time{}
}

// purposeAccess names an account by what stays the same when it is connected again. Its id is not
// known before the store has found whether there is one.
func purposeAccess(a Connection) string {
	return fmt.Sprintf("carrel provider access %s %s %d", a.Library, a.Application, a.Source.ID)
}
