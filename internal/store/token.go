package store

import (
	"context"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// GetTokenInfo finds a token with its grant and library.
func (db *DB) GetTokenInfo(ctx context.Context, h seal.Hash, use library.TokenUse) (library.TokenInfo, error) {
	const doing = "get holding"
	row, err := db.reader.GetHolding(ctx, h, use)
	if err != nil {
		return library.TokenInfo{}, in(doing, err)
	}
	l, err := toLibrary(row.Library)
	if err != nil {
		return library.TokenInfo{}, in(doing, err)
	}
	return library.TokenInfo{
		Token: library.Token{
			Hash:      row.Token.Hash,
			Use:       row.Token.Use,
			Grant:     row.Token.GrantID,
			Seal:      row.Token.Seal,
			ExpiresAt: moment(row.Token.ExpiresAt),
		},
		Grant:   grant(row.Grant),
		Library: l,
	}, nil
}

// AddToken adds an access token to a grant that stands.
func (db *DB) AddToken(ctx context.Context, t library.Token) error {
	return db.write(ctx, "add token", func(ctx context.Context, q *query.Queries) error {
		if err := lockGrant(ctx, q, t.Grant); err != nil {
			return err
		}
		return addToken(ctx, q, t)
	})
}

func addToken(ctx context.Context, q *query.Queries, t library.Token) error {
	return q.AddToken(ctx, query.AddTokenParams{
		Hash:      t.Hash,
		Use:       t.Use,
		GrantID:   t.Grant,
		Seal:      t.Seal,
		ExpiresAt: millis(t.ExpiresAt),
	})
}
