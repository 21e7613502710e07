package store

import (
	"context"
	"crypto/sha256"

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
	rows, err := q.UseNonce(ctx, nonceHash(n), millis(n.ForgetAt))
	if err == nil && rows == 0 {
		return library.ErrReplayed
	}
	return err
}

// nonceHash is what a nonce is kept as: half of a SHA-256. Whoever found two that
// are the same would gain that one of them is refused.
func nonceHash(n library.Nonce) []byte {
	sum := sha256.Sum256([]byte(n.Client.String() + " " + n.Value)) // no space in an id
	return sum[:16]
}
