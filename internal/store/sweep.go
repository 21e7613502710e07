package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// sweepBatch is how many rows one transaction deletes, so that ops that wait for it do not wait
// long.
const sweepBatch = 1000

// keepPending is how long a pending account at a provider is kept that belongs to no request any
// more: its person may connect it again.
const keepPending = 24 * time.Hour

// keepRevocations is how long the tokens of an account that has ended are kept for the provider that
// has not answered: then they are forgotten.
const keepRevocations = 24 * time.Hour

// keepUsedCodes is how long a code that was used is kept after it has expired: whoever presents it then shows that it
// has leaked.
const keepUsedCodes = 24 * time.Hour

// A sweep deletes up to batch rows that expired at or before a time.
type sweep = func(q *query.Queries, ctx context.Context, before query.Number, batch int32) (int64, error)

// Sweep implements [library.Sweeper].
func (db *DB) Sweep(ctx context.Context, now time.Time, keepTokens time.Duration) error {
	// Nonces say nothing, so nothing is erased when they go.
	if _, err := db.inBatches(ctx, "sweep nonces", now, db.sweepNonces); err != nil {
		return err
	}
	for _, step := range []struct {
		doing  string
		sweep  sweep
		before time.Time
	}{
		{"sweep requests", (*query.Queries).SweepAuthRequests, now},
		{"sweep codes", (*query.Queries).SweepAuthCodes, now},
		{"sweep used codes", (*query.Queries).SweepUsedAuthCodes, now.Add(-keepUsedCodes)},
		{"sweep sessions", (*query.Queries).SweepSessions, now},
		{"sweep logins", (*query.Queries).SweepLogins, now},
		{"sweep references", (*query.Queries).SweepAccountHandles, now},
		{"sweep authorizations", (*query.Queries).SweepAuthorizations, now},
		{"sweep pending accounts", db.sweepPendingConnections, now.Add(-keepPending)},
		{"sweep seals of tokens", (*query.Queries).SweepTokenSeals, now},
		{"sweep tokens", (*query.Queries).SweepTokens, now.Add(-keepTokens)},
		{"sweep deleted tokens", (*query.Queries).SweepDeletedTokens, now},
		{"sweep token revocations", (*query.Queries).SweepTokenRevocations, now.Add(-keepRevocations)},
	} {
		if err := db.sweep(ctx, step.doing, step.before, step.sweep); err != nil {
			return err
		}
	}
	return nil
}

// sweep sweeps in batches. [DB.Erase] erases what was swept.
func (db *DB) sweep(ctx context.Context, doing string, before time.Time, s sweep) error {
	swept, err := db.inBatches(ctx, doing, before, s)
	if swept {
		db.writer.removedSome()
	}
	return err
}

// inBatches sweeps, a batch at a time, until nothing is left. It reports whether there was something.
func (db *DB) inBatches(ctx context.Context, doing string, before time.Time, s sweep) (swept bool, err error) {
	for rows := int64(sweepBatch); rows == sweepBatch; {
		err := db.add(ctx, doing, func(ctx context.Context, q *query.Queries) (err error) {
			rows, err = s(q, ctx, toMillis(before), sweepBatch)
			return err
		})
		if err != nil {
			return swept, err
		}
		swept = swept || rows > 0
	}
	return swept, nil
}

// sweepPendingConnections deletes accounts at providers that are pending and belong to no request, and adds an event
// for each.
func (db *DB) sweepPendingConnections(
	q *query.Queries, ctx context.Context, before query.Number, batch int32,
) (int64, error) {
	ids, err := q.ListLostConnections(ctx, before, batch)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		lost, err := q.GetConnection(ctx, id)
		if err == nil {
			err = lockLibrary(ctx, q, lost.LibraryID)
		}
		var row query.Connection
		if err == nil {
			row, err = q.DeleteLostConnection(ctx, id, before)
		}
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return 0, err
		}
		at := fromMillis(before).Add(keepPending)
		if err := addTokenRevocation(ctx, q, row, at); err != nil {
			return 0, err
		}
		if err := db.addEndEvent(ctx, q, row, at); err != nil {
			return 0, err
		}
	}
	return int64(len(ids)), nil
}
