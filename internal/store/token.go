package store

import (
	"context"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// GetTokenInfo implements [library.TokenStore].
func (db *DB) GetTokenInfo(ctx context.Context, h seal.Hash, use library.TokenUse) (library.TokenInfo, error) {
	const doing = "get token"
	row, err := db.reader.GetTokenInfo(ctx, h, use)
	if err != nil {
		return library.TokenInfo{}, wrap(doing, err)
	}
	l, err := toLibrary(row.Library)
	if err != nil {
		return library.TokenInfo{}, wrap(doing, err)
	}
	return library.TokenInfo{
		Token: library.Token{
			Hash:      row.Token.Hash,
			Use:       row.Token.Use,
			Grant:     row.Token.GrantID,
			Seal:      row.Token.Seal,
			ExpiresAt: fromMillis(row.Token.ExpiresAt),
			Binding:   row.Token.Binding,
		},
		Grant:   toGrant(row.Grant),
		Library: l,
	}, nil
}

// AddToken implements [library.TokenStore].
func (db *DB) AddToken(ctx context.Context, t library.Token) error {
	return db.add(ctx, "add token", func(ctx context.Context, q *query.Queries) error {
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
		ExpiresAt: toMillis(t.ExpiresAt),
		Binding:   t.Binding,
	})
}
