package store

import (
	"context"
	"time"

	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// sweepPortion bounds how many rows one transaction forgets, so that what waits
// behind it does not wait long.
const sweepPortion = 1000

// Sweep forgets what has expired.
func (db *DB) Sweep(ctx context.Context, now time.Time, keepTokens time.Duration) error {
	type sweep = func(q *query.Queries, ctx context.Context, before int64, portion int32) (int64, error)
	for _, s := range []struct {
		doing  string
		sweep  sweep
		before time.Time
	}{
		{"sweep nonces", (*query.Queries).SweepNonces, now},
		{"sweep links", (*query.Queries).SweepLinks, now},
		{"sweep codes", (*query.Queries).SweepCodes, now},
		{"sweep sessions", (*query.Queries).SweepSessions, now},
		{"sweep logins", (*query.Queries).SweepLogins, now},
		{"sweep references", (*query.Queries).SweepReferences, now},
		{"sweep seals of tokens", (*query.Queries).SweepTokenSeals, now},
		{"sweep tokens", (*query.Queries).SweepTokens, now.Add(-keepTokens)},
		{"sweep deleted tokens", (*query.Queries).SweepDeletedTokens, now},
	} {
		for rows := int64(sweepPortion); rows == sweepPortion; {
			err := db.write(ctx, s.doing, func(ctx context.Context, q *query.Queries) (err error) {
				rows, err = s.sweep(q, ctx, millis(s.before), sweepPortion)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
