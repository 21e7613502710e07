package store

import (
	"context"
	"crypto/sha256"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// UseNonce implements [library.NonceStore].
func (db *DB) UseNonce(ctx context.Context, n library.Nonce) error {
	return db.add(ctx, "use nonce", func(ctx context.Context, q *query.Queries) error {
		return useNonce(ctx, q, n)
	})
}

// useNonce inserts the nonce without a query before: of many at once, one succeeds.
func useNonce(ctx context.Context, q *query.Queries, n library.Nonce) error {
	rows, err := q.UseNonce(ctx, nonceHash(n), toMillis(n.ForgetAt))
	if err == nil && rows == 0 {
		return library.ErrReplayed
	}
	return err
}

// nonceHash returns what is stored of a nonce: half of a SHA-256 hash. Two nonces with the same
// hash would only lead to one of them being refused.
func nonceHash(n library.Nonce) []byte {
	sum := sha256.Sum256([]byte(n.Client.String() + " " + n.Value)) // no space in an id
	return sum[:16]
}
