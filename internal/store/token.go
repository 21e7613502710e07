package store

import (
	"context"
	"database/sql"
	"errors"

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
			Code:      toHash(row.Token.CodeHash),
		},
		Grant:   toGrant(row.Grant),
		Library: l,
	}, nil
}

// AddToken implements [library.TokenStore].
func (db *DB) AddToken(ctx context.Context, t library.Token) error {
	return db.addBounded(ctx, "add token", func(ctx context.Context, q *query.Queries) (int64, error) {
		if err := lockGrant(ctx, q, t.Grant); err != nil {
			return 0, err
		}
		if err := checkTokensOf(ctx, q, t.Code); err != nil {
			return 0, err
		}
		return db.addTokens(ctx, q, t)
	})
}

// checkTokensOf returns ErrNotFound if the tokens that came of a code have ended. The grant is locked, so that they do
// not end meanwhile.
func checkTokensOf(ctx context.Context, q *query.Queries, code seal.Hash) error {
	if code == (seal.Hash{}) {
		return nil
	}
	row, err := q.GetAuthCode(ctx, code)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // it is too old to be used again
	}
	if err == nil && row.Reuse == reuseRevoked {
		return library.ErrNotFound
	}
	return err
}

// addTokens adds tokens of one grant. It returns how many it has deleted, of the oldest.
func (db *DB) addTokens(ctx context.Context, q *query.Queries, tokens ...library.Token) (deleted int64, err error) {
	for _, t := range tokens {
		if err := addToken(ctx, q, t); err != nil {
			return 0, err
		}
		n, err := q.DeleteOldestTokens(ctx, t.Grant, t.Use, clamp(db.limits.Tokens))
		if err != nil {
			return 0, err
		}
		deleted += n
	}
	return deleted, nil
}

func addToken(ctx context.Context, q *query.Queries, t library.Token) error {
	var code []byte
	if t.Code != (seal.Hash{}) {
		code = t.Code[:]
	}
	return q.AddToken(ctx, query.AddTokenParams{
		Hash:      t.Hash,
		Use:       t.Use,
		GrantID:   t.Grant,
		Seal:      t.Seal,
		ExpiresAt: toMillis(t.ExpiresAt),
		Binding:   t.Binding,
		CodeHash:  code,
	})
}
