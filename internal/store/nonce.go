package store

import (
	"context"
	"crypto/sha256"
	"time"

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
	if !db.Shared() {
		return useNonceOnce(ctx, q, n)
	}
	rows, err := q.UseNonceFor(ctx, nonceHash(n), n.KeepFor.Milliseconds(), n.Call)
	if err == nil && rows == 0 {
		return library.ErrReplayed
	}
	return err
}

// useNonceOnce is useNonce by the clock of the only server.
func useNonceOnce(ctx context.Context, q *query.Queries, n library.Nonce) error {
	rows, err := q.UseNonce(ctx, query.UseNonceParams{
		Hash: nonceHash(n), ForgetAt: toMillis(n.At.Add(n.KeepFor)), Now: toMillis(n.At), Call: n.Call,
	})
	if err == nil && rows == 0 {
		return library.ErrReplayed
	}
	return err
}

// AllowRetry implements [library.NonceStore].
func (db *DB) AllowRetry(ctx context.Context, n library.Nonce, within time.Duration) error {
	return db.add(ctx, "allow nonce again", func(ctx context.Context, q *query.Queries) error {
		if db.Shared() {
			return q.AllowRetryFor(ctx, nonceHash(n), n.Call, within.Milliseconds())
		}
		return q.AllowRetry(ctx, nonceHash(n), n.Call, toMillis(n.At.Add(within)))
	})
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
