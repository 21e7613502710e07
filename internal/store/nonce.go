package store

import (
	"context"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// UseNonce uses a nonce up.
func (db *DB) UseNonce(ctx context.Context, n library.Nonce) error {
	return db.write(ctx, "use nonce", func(ctx context.Context, q *query.Queries) error {
		return useNonce(ctx, q, n)
	})
}

// useNonce is one insert, with no look before it: of many at once, one wins.
func useNonce(ctx context.Context, q *query.Queries, n library.Nonce) error {
	rows, err := q.UseNonce(ctx, n.Client.String(), n.Value, millis(n.ForgetAt))
	if err == nil && rows == 0 {
		return library.ErrReplayed
	}
	return err
}
