package library

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/internal/seal"
)

// usableAccess is a provider's access that is good for an attempt.
type usableAccess struct {
	token       seal.Secret
	correlation string
	// version and renewable say what can be done if the provider does not take it.
	version   int64
	renewable bool
}

// access gives an account's access, renewed if it has ended. It returns ErrNotFound for
// an account that is gone and ErrReconnect for one that only the person can help; any
// other error passes.
func (a *Accounts) access(ctx context.Context, account ConnectedAccount) (usableAccess, error) {
	if !account.EndedAt.IsZero() || account.Access == nil {
		return usableAccess{}, ErrReconnect
	}
	var h heldAccess
	if err := a.opened(purposeAccess(account), account.Access, &h); err != nil {
		return usableAccess{}, err
	}
	if a.now().Add(accessMargin).Before(h.Until.Time()) {
		return usableAccess{seal.SecretOf(h.Token), h.Correlation, account.AccessVersion, h.Refresh != ""}, nil
	}
	return a.renew(ctx, account)
}

// renew gets new access in place of the account's, or waits for whoever is at it, on
// this node or another.
func (a *Accounts) renew(ctx context.Context, account ConnectedAccount) (usableAccess, error) {
	for {
		now := a.now()
		claimed, err := a.store.ClaimRenewal(ctx, account.ID, account.AccessVersion, now, now.Add(renewalLifetime))
		if err == nil {
			return a.renewClaimed(ctx, claimed)
		}
		if !errors.Is(err, ErrUsed) {
			return usableAccess{}, fmt.Errorf("claim renewal: %w", err)
		}
		select {
		case <-ctx.Done():
			return usableAccess{}, fmt.Errorf("wait for renewal: %w", ctx.Err())
		case <-time.After(renewalPause):
		}
		current, err := a.store.GetAccount(ctx, account.Library, account.ID, true)
		if err != nil {
			return usableAccess{}, fmt.Errorf("get account: %w", err)
		}
		if current.AccessVersion != account.AccessVersion || !current.EndedAt.IsZero() {
			return a.access(ctx, current)
		}
	}
}

func (a *Accounts) renewClaimed(ctx context.Context, account ConnectedAccount) (usableAccess, error) {
	var h heldAccess
	if err := a.opened(purposeAccess(account), account.Access, &h); err != nil {
		return usableAccess{}, errors.Join(err, a.store.GiveBackRenewal(ctx, account.ID, account.AccessVersion))
	}
	if h.Refresh == "" {
		return a.endedOr(ctx, account)
	}
	correlation := newCorrelation()
	// What the provider gives must be stored even if whoever asked for it is gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), renewalLifetime)
	defer cancel()
	access, err := a.providers.Renew(ctx, account.Source.Provider, seal.SecretOf(h.Refresh), correlation)
	switch {
	case errors.Is(err, ErrReconnect):
		return a.endedOr(ctx, account)
	case err != nil:
		err = fmt.Errorf("renew access: %w", err)
		return usableAccess{}, errors.Join(err, a.store.GiveBackRenewal(ctx, account.ID, account.AccessVersion))
	}
	if access.Refresh.IsZero() {
		// RFC 6749, section 6: without a new one, the old one still counts.
		access.Refresh = seal.SecretOf(h.Refresh)
	}
	box, err := a.sealed(purposeAccess(account), held(access, correlation))
	if err != nil {
		return usableAccess{}, err
	}
	err = persist(func() error {
		return a.store.StoreAccess(ctx, account.ID, account.AccessVersion, box, endOf(access), a.now())
	})
	if err != nil {
		return usableAccess{}, fmt.Errorf("store access: %w", err)
	}
	return usableAccess{access.Token, correlation, account.AccessVersion + 1, true}, nil
}

// endedOr is ended, unless the person has connected the account again meanwhile: then it
// gives that access.
func (a *Accounts) endedOr(ctx context.Context, account ConnectedAccount) (usableAccess, error) {
	err := a.ended(ctx, account)
	if !errors.Is(err, ErrUsed) {
		return usableAccess{}, err
	}
	current, err := a.store.GetAccount(ctx, account.Library, account.ID, true)
	if err != nil {
		return usableAccess{}, fmt.Errorf("get account: %w", err)
	}
	return a.access(ctx, current)
}

// ended notes that only the person can help, and returns ErrReconnect; ErrUsed if the
// account has other access by now.
func (a *Accounts) ended(ctx context.Context, account ConnectedAccount) error {
	event := Event{Library: account.Library, At: a.now(), Kind: EventAccountEnded,
		Details: EventDetails{Application: account.Application, Account: account.ID, Provider: account.Source.Name}}
	err := a.store.EndAccess(ctx, account.ID, account.AccessVersion, a.now(), event)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("end access: %w", err)
	}
	return ErrReconnect
}
