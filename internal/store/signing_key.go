package store

import (
	"context"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// AddFirstSigningKey implements [library.SigningKeyStore].
func (db *DB) AddFirstSigningKey(ctx context.Context, k library.SigningKey) ([]library.SigningKey, error) {
	err := db.add(ctx, "add first signing key", func(ctx context.Context, q *query.Queries) error {
		return q.AddFirstSigningKey(ctx, query.AddFirstSigningKeyParams{
			ID:        k.ID,
			PublicKey: k.PublicKey,
			Private:   k.Private,
			CreatedAt: toMillis(k.CreatedAt),
		})
	})
	if err != nil {
		return nil, err
	}
	return db.ListSigningKeys(ctx)
}

// ListSigningKeys implements [library.SigningKeyStore].
func (db *DB) ListSigningKeys(ctx context.Context) ([]library.SigningKey, error) {
	list, err := signingKeys(ctx, db.reader)
	return list, wrap("list signing keys", err)
}

func signingKeys(ctx context.Context, q *query.Queries) ([]library.SigningKey, error) {
	rows, err := q.ListSigningKeys(ctx)
	if err != nil {
		return nil, err
	}
	var list []library.SigningKey
	for _, row := range rows {
		list = append(list, library.SigningKey{
			ID:        row.ID,
			PublicKey: row.PublicKey,
			Private:   row.Private,
			CreatedAt: fromMillis(row.CreatedAt),
		})
	}
	return list, nil
}
