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

// accessToken is a provider's access that is good for an attempt.
type accessToken struct {
	token       seal.Secret
	correlation string
	// version and renewable say what can be done if the provider does not take it.
	version   int64
	renewable bool
}

// access gives an account's access, renewed if it has ended. It returns ErrNotFound for
// an account that is gone and ErrReconnect for one that only the person can help; any
// other error passes.
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

// renew gets new access in place of the account's, or waits for whoever is at it, on
// this node or another.
func (a *Connections) refresh(ctx context.Context, account Connection) (accessToken, error) {
	for {
		now := a.now()
		claimed, err := a.store.ClaimRefresh(ctx, account.ID, account.AccessVersion, now, now.Add(refreshLifetime))
		if err == nil {
			return a.refreshClaimed(ctx, claimed)
		}
		if !errors.Is(err, library.ErrUsed) {
			return accessToken{}, fmt.Errorf("claim renewal: %w", err)
		}
		select {
		case <-ctx.Done():
			return accessToken{}, fmt.Errorf("wait for renewal: %w", ctx.Err())
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
	// What the provider gives must be stored even if whoever asked for it is gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshLifetime)
	defer cancel()
	access, err := a.providers.RefreshTokens(ctx, account.Source.Provider, seal.SecretOf(h.Refresh), correlation)
	switch {
	case errors.Is(err, ErrReconnect):
		return a.endAccessUnlessReconnected(ctx, account)
	case err != nil:
		err = fmt.Errorf("renew access: %w", err)
		return accessToken{}, errors.Join(err, a.store.ReleaseRefresh(ctx, account.ID, account.AccessVersion))
	}
	if access.Refresh.IsZero() {
		// RFC 6749, section 6: without a new one, the old one still counts.
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
		return accessToken{}, fmt.Errorf("store access: %w", err)
	}
	return accessToken{access.Access, correlation, account.AccessVersion + 1, true}, nil
}

// endedOr is ended, unless the person has connected the account again meanwhile: then it
// gives that access.
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

// ended notes that only the person can help, and returns ErrReconnect; ErrUsed if the
// account has other access by now.
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

// storedTokens is a provider's access as it is sealed.
type storedTokens struct {
	Token   string      `json:"token"`
	Refresh string      `json:"refresh,omitempty"`
	Until   wire.Millis `json:"until"`
	// Correlation names the run, or the renewal, that gave it (MedMij, Resource interface).
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

// accessEnd is when access ends that cannot be renewed; zero if it can be.
func accessEnd(p ProviderTokens) time.Time {
	if p.Refresh.IsZero() {
		return p.ExpiresAt
	}
	return time.Time{}
}

// purposeAccess names an account by what stays when it is connected again, also where
// its id is only known once the store has found the one that is there.
func purposeAccess(a Connection) string {
	return fmt.Sprintf("carrel provider access %s %s %d", a.Library, a.Application, a.Source.ID)
}
