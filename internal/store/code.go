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

// GetCode finds an authorisation code by its hash.
func (db *DB) GetCode(ctx context.Context, h seal.Hash) (library.AuthCode, error) {
	row, err := db.reader.GetCode(ctx, h)
	if err != nil {
		return library.AuthCode{}, in("get code", err)
	}
	return library.AuthCode{
		Hash:      row.Hash,
		Grant:     row.GrantID,
		Client:    wire.ClientID{Application: row.ApplicationID, Contract: row.ContractID},
		Challenge: row.Challenge,
		Seal:      row.Seal,
		ExpiresAt: moment(row.ExpiresAt),
		UsedAt:    moment(row.UsedAt),
	}, nil
}

// RedeemCode uses a code up and adds the tokens that it was exchanged for.
func (db *DB) RedeemCode(ctx context.Context, h seal.Hash, at time.Time, tokens []library.Token) error {
	return db.write(ctx, "redeem code", func(ctx context.Context, q *query.Queries) error {
		code, err := q.GetCode(ctx, h)
		if err != nil {
			return err
		}
		if err := lockGrant(ctx, q, code.GrantID); errors.Is(err, library.ErrNotFound) {
			return library.ErrUsed
		} else if err != nil {
			return err
		}
		rows, err := q.UseCode(ctx, h, millis(at))
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
	return q.AddCode(ctx, query.AddCodeParams{
		Hash:          c.Hash,
		GrantID:       c.Grant,
		ApplicationID: c.Client.Application,
		ContractID:    c.Client.Contract,
		Challenge:     text(c.Challenge),
		Seal:          c.Seal,
		ExpiresAt:     millis(c.ExpiresAt),
		UsedAt:        millis(c.UsedAt),
	})
}
