package store

import (
	"context"
	"database/sql"
	"errors"
	"math"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// AddEvent implements [library.EventStore].
func (db *DB) AddEvent(ctx context.Context, e library.Event) error {
	return db.add(ctx, "add event", func(ctx context.Context, q *query.Queries) error {
		return db.addEvent(ctx, q, e)
	})
}

// SpendEventTime implements [library.EventStore]. It makes the statements of AddEvent, in a transaction that is as
// durable, with a nonce of nobody in place of the event. The nonce may be forgotten at once.
func (db *DB) SpendEventTime(ctx context.Context, e library.Event) error {
	nobody := library.Nonce{Value: seal.RandomID(26), At: e.At}
	return db.add(ctx, "spend the time of an event", func(ctx context.Context, q *query.Queries) error {
		if _, err := q.CountEvent(ctx, ""); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err := db.useNonce(ctx, q, nobody); err != nil {
			return err
		}
		return q.SetChainEnd(ctx, "", nil, forgedEnd)
	})
}

// ListEvents implements [library.EventStore].
func (db *DB) ListEvents(ctx context.Context, id library.ID, before int64, limit int) ([]library.Event, error) {
	const doing = "list events"
	if before <= 0 {
		before = math.MaxInt64
	}
	rows, err := db.reader.ListEvents(ctx, id, query.Number(before), clamp(limit))
	if err != nil {
		return nil, wrap(doing, err)
	}
	return convert(rows, toEvent), nil
}

// addEvent adds e to its library's chain. It returns ErrNotFound if there is no such library. It
// locks the library until the transaction ends. An op that adds an event does so first, or locks
// the library first, so that ops cannot deadlock.
//
// If somebody else has changed the end of the chain, the event is added nevertheless, since nobody
// may keep a person from revoking. But the end then has no MAC any more, so that the fault stays.
func (db *DB) addEvent(ctx context.Context, q *query.Queries, e library.Event) error {
	if db.binder == nil {
		return ErrNoBinder
	}
	row, err := countEvent(ctx, q, e.Library)
	if err != nil {
		return err
	}
	before := library.ChainEnd{Library: e.Library, Seq: int64(row.Events) - 1, Hash: row.Hash, MAC: row.Mac}
	e.Seq = int64(row.Events)
	e.Chain(row.Hash)
	mac := forgedEnd
	if db.binder.IsChainEndBound(before) {
		mac = db.binder.BindChainEnd(e.End())
	}
	if err := insertEvent(ctx, q, e); err != nil {
		return err
	}
	return q.SetChainEnd(ctx, e.Library, e.Hash, mac)
}

// countEvent counts an event of a library, and locks the library. Nobody can keep a person from revoking by removing
// the row that counts: another takes its place, whose end never verifies.
func countEvent(ctx context.Context, q *query.Queries, id library.ID) (query.CountEventRow, error) {
	row, err := q.CountEvent(ctx, id)
	if !errors.Is(err, sql.ErrNoRows) {
		return row, err
	}
	if err := affected(q.RepairChain(ctx, id, forgedEnd)); err != nil {
		return row, err
	}
	return q.CountEvent(ctx, id)
}

// lockLibrary locks a library until the transaction ends. It returns ErrNotFound if there is no such library.
func lockLibrary(ctx context.Context, q *query.Queries, id library.ID) error {
	err := affected(q.LockLibrary(ctx, id))
	if errors.Is(err, library.ErrNotFound) {
		err = affected(q.RepairChain(ctx, id, forgedEnd)) // somebody has removed the row
	}
	return err
}

// forgedEnd stands in place of the MAC of an end that follows a forged one. It never verifies.
var forgedEnd = []byte{0}

// addFirstEvent begins the chain of a new library with e. The end of a chain without events never
// has a MAC, so that nobody can put that back.
func (db *DB) addFirstEvent(ctx context.Context, q *query.Queries, e library.Event) error {
	if db.binder == nil {
		return ErrNoBinder
	}
	e.Seq = 1
	e.Chain(nil)
	if err := q.AddChain(ctx, e.Library, e.Hash, db.binder.BindChainEnd(e.End())); err != nil {
		return err
	}
	return insertEvent(ctx, q, e)
}

// addUnboundEvent adds an event after the keyring was lost: the next start adopts the end.
func addUnboundEvent(ctx context.Context, q *query.Queries, e library.Event) error {
	row, err := countEvent(ctx, q, e.Library)
	if err != nil {
		return err
	}
	e.Seq = int64(row.Events)
	e.Chain(row.Hash)
	if err := insertEvent(ctx, q, e); err != nil {
		return err
	}
	return q.SetChainEnd(ctx, e.Library, e.Hash, row.Mac)
}

func insertEvent(ctx context.Context, q *query.Queries, e library.Event) error {
	e.EncodeDetails()
	return q.AddEvent(ctx, query.AddEventParams{
		LibraryID: e.Library,
		Seq:       query.Number(e.Seq),
		At:        query.Number(e.At.UnixMilli()),
		Kind:      e.Kind,
		Details:   e.DetailsJSON,
		Previous:  e.Previous,
		Hash:      e.Hash,
	})
}

// toEvent returns the event of a row. Details that do not decode stay empty: whoever verifies the
// chain sees by their text that somebody has changed them, and the person sees the rest.
func toEvent(row query.Event) library.Event {
	return library.Event{
		Library:     row.LibraryID,
		Seq:         int64(row.Seq),
		At:          fromMillis(row.At),
		Kind:        row.Kind,
		Details:     decoded[library.EventDetails](row.Details),
		DetailsJSON: row.Details,
		Previous:    row.Previous,
		Hash:        row.Hash,
	}
}

// clamp returns a limit as the databases take it.
func clamp(limit int) int32 {
	return int32(min(max(limit, 0), math.MaxInt32))
}
