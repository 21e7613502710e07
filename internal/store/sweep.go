package store

import (
	"context"
	"time"

	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// sweepPortion bounds how many rows one transaction forgets, so that what waits
// behind it does not wait long.
const sweepPortion = 1000

// keepPending is how long an account at a provider is kept that is in no link any
// more and was never allowed to be used: its person may still come back to it.
const keepPending = 24 * time.Hour

// A sweep forgets up to portion rows of what ended at, or before, a time.
type sweep = func(q *query.Queries, ctx context.Context, before int64, portion int32) (int64, error)

// Sweep forgets what has expired.
func (db *DB) Sweep(ctx context.Context, now time.Time, keepTokens time.Duration) error {
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
		{"sweep trips", (*query.Queries).SweepTrips, now},
		{"sweep pending accounts", (*query.Queries).SweepPendingAccounts, now.Add(-keepPending)},
		{"sweep seals of tokens", (*query.Queries).SweepTokenSeals, now},
		{"sweep tokens", (*query.Queries).SweepTokens, now.Add(-keepTokens)},
		{"sweep deleted tokens", (*query.Queries).SweepDeletedTokens, now},
	} {
		if err := db.inPortions(ctx, s.doing, s.before, s.sweep); err != nil {
			return err
		}
	}
	return nil
}

// inPortions sweeps until nothing is left.
func (db *DB) inPortions(ctx context.Context, doing string, before time.Time, s sweep) error {
	for rows := int64(sweepPortion); rows == sweepPortion; {
		err := db.write(ctx, doing, func(ctx context.Context, q *query.Queries) (err error) {
			rows, err = s(q, ctx, millis(before), sweepPortion)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
