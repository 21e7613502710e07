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
		return db.useNonce(ctx, q, n)
	})
}

// useNonce inserts the nonce without a query before: of many at once, one succeeds.
//
// The clocks of servers that share a database differ. So all of them go by the database's: one whose clock is ahead
// must not forget what another, whose clock is behind, would accept again.
func (db *DB) useNonce(ctx context.Context, q *query.Queries, n library.Nonce) error {
	var rows int64
	var err error
	if db.Shared() {
		rows, err = q.UseNonceFor(ctx, nonceHash(n), n.KeepFor.Milliseconds())
	} else {
		rows, err = q.UseNonce(ctx, nonceHash(n), toMillis(n.At.Add(n.KeepFor)))
	}
	if err == nil && rows == 0 {
		return library.ErrReplayed
	}
	return err
}

// sweepNonces deletes the nonces that are to be forgotten at the given time, or now if the database has a clock.
func (db *DB) sweepNonces(q *query.Queries, ctx context.Context, now query.Number, batch int32) (int64, error) {
	if db.Shared() {
		var err error
		if now, err = q.GetClock(ctx); err != nil {
			return 0, err
		}
	}
	return q.SweepNonces(ctx, now, batch)
}

// nonceHash returns what is stored of a nonce: half of a SHA-256 hash. Two nonces with the same
// hash would only lead to one of them being refused.
func nonceHash(n library.Nonce) []byte {
	sum := sha256.Sum256([]byte(n.Client.String() + " " + n.Value)) // no space in an id
	return sum[:16]
}
