package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// When an account at a provider ends, its tokens are of no use to us any more, and the provider is
// told so, if it has an endpoint for that (RFC 7009). The transaction that ends the account keeps
// its tokens, sealed as they were, as something to revoke. That is tried for a day at most: the
// tokens are forgotten then.

// RevocationStore stores tokens of accounts that have ended, until they are revoked. Whatever removes
// an account that has tokens adds them here in the same transaction.
type RevocationStore interface {
	// AddTokenRevocation adds the tokens of an account that is not stored any more, or never was.
	AddTokenRevocation(ctx context.Context, c Connection, at time.Time) error
	// ClaimTokenRevocations returns up to limit accounts whose tokens are to be revoked now, with ID,
	// Library, Application, Source and Access, and UpdatedAt as the time at which they ended. Nobody
	// gets them again before next.
	ClaimTokenRevocations(ctx context.Context, now, next time.Time, limit int) ([]Connection, error)
	// DeleteTokenRevocation forgets the tokens. It is no error if there are none.
	DeleteTokenRevocation(ctx context.Context, account wire.AccountID) error
}

const (
	// revocationPage is how many accounts' tokens are revoked at a time.
	revocationPage = 10
	// revocationPause is how long to wait before a second try.
	revocationPause = 10 * time.Minute
	// revocationTimeout is how long one try may take.
	revocationTimeout = 20 * time.Second
)

// RevokeTokens revokes at their providers the tokens of accounts that have ended. What fails is tried
// again later.
func (c *Connections) RevokeTokens(ctx context.Context, log *slog.Logger) error {
	for {
		now := c.now()
		ended, err := c.store.ClaimTokenRevocations(ctx, now, now.Add(revocationPause), revocationPage)
		if err != nil {
			return fmt.Errorf("claim token revocations: %w", err)
		}
		for _, connection := range ended {
			if err := c.revokeTokens(ctx, connection); err != nil {
				level := slog.LevelWarn
				if tampered := new(library.TamperedError); errors.As(err, &tampered) {
					level = slog.LevelError
				}
				log.LogAttrs(ctx, level, "tokens not revoked",
					slog.Int("source", connection.Source.ID), slog.String("error", err.Error()))
				continue
			}
			if err := c.store.DeleteTokenRevocation(ctx, connection.ID); err != nil {
				return fmt.Errorf("delete token revocation: %w", err)
			}
		}
		if len(ended) < revocationPage {
			return nil
		}
	}
}

func (c *Connections) revokeTokens(ctx context.Context, connection Connection) error {
	stored, err := c.boxes.openEndedAccess(connection)
	if err != nil {
		return c.recordTampering(ctx, err, connection.Library)
	}
	if stored.Source.IsPull() {
		return nil // sample data has no tokens
	}
	ctx, cancel := context.WithTimeout(ctx, revocationTimeout)
	defer cancel()
	err = c.providers.RevokeTokens(ctx, stored.Source.Provider, ProviderTokens{
		Access:  seal.SecretOf(stored.Token),
		Refresh: seal.SecretOf(stored.Refresh),
	}, newCorrelation())
	if errors.Is(err, ErrProviderGone) {
		return nil // there is nobody to tell
	}
	return err
}

// EndUngranted ends the accounts whose grant has expired. A revoked grant takes its accounts with it.
func (c *Connections) EndUngranted(ctx context.Context) error {
	const page = 100
	for {
		now := c.now()
		list, err := c.store.ListUngranted(ctx, now, page)
		if err != nil {
			return fmt.Errorf("list accounts without a grant: %w", err)
		}
		for _, connection := range list {
			event := library.Event{Library: connection.Library, At: now, Kind: library.EventAccountEnded,
				Details: library.EventDetails{
					Application: connection.Application,
					Account:     connection.ID,
					Provider:    connection.Source.Name,
				}}
			err := c.store.Disconnect(ctx, connection.Library, connection.Application, connection.ID, now,
				"the consent is over", event)
			if err != nil && !errors.Is(err, library.ErrNotFound) {
				return fmt.Errorf("end account whose grant has expired: %w", err)
			}
		}
		if len(list) < page {
			return nil
		}
	}
}
