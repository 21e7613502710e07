package store

import (
	"context"
	"errors"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// GetAuthCode implements [library.AuthCodeStore].
func (db *DB) GetAuthCode(ctx context.Context, h seal.Hash) (library.AuthCode, error) {
	row, err := db.reader.GetAuthCode(ctx, h)
	if err != nil {
		return library.AuthCode{}, wrap("get code", err)
	}
	return library.AuthCode{
		Hash:      row.Hash,
		Grant:     row.GrantID,
		Client:    wire.ClientID{Application: row.ApplicationID, Contract: row.ContractID},
		Challenge: row.Challenge,
		Seal:      row.Seal,
		ExpiresAt: fromMillis(row.ExpiresAt),
		UsedAt:    fromMillis(row.UsedAt),
		Binding:   row.Binding,
	}, nil
}

// RedeemAuthCode implements [library.AuthCodeStore].
func (db *DB) RedeemAuthCode(ctx context.Context, h seal.Hash, at time.Time, tokens []library.Token) error {
	return db.write(ctx, "redeem code", func(ctx context.Context, q *query.Queries) error {
		code, err := q.GetAuthCode(ctx, h)
		if err != nil {
			return err
		}
		if err := lockGrant(ctx, q, code.GrantID); errors.Is(err, library.ErrNotFound) {
			return library.ErrUsed
		} else if err != nil {
			return err
		}
		rows, err := q.UseAuthCode(ctx, h, toMillis(at))
		if err != nil {
			return err
		}
		if rows == 0 {
			return library.ErrUsed
		}
		_, err = db.addTokens(ctx, q, tokens...)
		return err
	})
}

// What has come of a second use of a code, as it is stored.
const (
	reuseRecorded query.Number = 1
	reuseRevoked  query.Number = 2
)

// RecordAuthCodeReuse implements [library.AuthCodeStore].
func (db *DB) RecordAuthCodeReuse(ctx context.Context, h seal.Hash, revoke bool, e library.Event) error {
	return db.write(ctx, "record second use of code", func(ctx context.Context, q *query.Queries) error {
		if err := lockLibrary(ctx, q, e.Library); err != nil {
			return err
		}
		code, err := q.GetAuthCode(ctx, h)
		if err != nil {
			return err
		}
		reuse := reuseRecorded
		if revoke {
			reuse = reuseRevoked
		}
		if code.UsedAt == 0 || code.Reuse >= reuse {
			return nil
		}
		// No refresh adds a token meanwhile.
		if err := lockGrant(ctx, q, code.GrantID); err != nil && !errors.Is(err, library.ErrNotFound) {
			return err
		}
		if err := q.SetAuthCodeReuse(ctx, h, reuse); err != nil {
			return err
		}
		if revoke {
			if err := q.DeleteTokensOfCode(ctx, h[:]); err != nil {
				return err
			}
			if err := q.DeleteSessionsOfGrant(ctx, code.GrantID); err != nil {
				return err
			}
		}
		return db.addEvent(ctx, q, e)
	})
}

func addCode(ctx context.Context, q *query.Queries, c library.AuthCode) error {
	return q.AddAuthCode(ctx, query.AddAuthCodeParams{
		Hash:          c.Hash,
		GrantID:       c.Grant,
		ApplicationID: c.Client.Application,
		ContractID:    c.Client.Contract,
		Challenge:     validText(c.Challenge),
		Seal:          c.Seal,
		ExpiresAt:     toMillis(c.ExpiresAt),
		UsedAt:        toMillis(c.UsedAt),
		Binding:       c.Binding,
	})
}
