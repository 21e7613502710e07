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
		for _, t := range tokens {
			if err := addToken(ctx, q, t); err != nil {
				return err
			}
		}
		return nil
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
