package store

import (
	"context"
	"math"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// AddEvent implements [library.EventStore].
func (db *DB) AddEvent(ctx context.Context, e library.Event) error {
	return db.add(ctx, "add event", func(ctx context.Context, q *query.Queries) error {
		return addEvent(ctx, q, e)
	})
}

// ListEvents implements [library.EventStore].
func (db *DB) ListEvents(ctx context.Context, id library.ID, before int64, limit int) ([]library.Event, error) {
	const doing = "list events"
	if before <= 0 {
		before = math.MaxInt64
	}
	rows, err := db.reader.ListEvents(ctx, id, before, clamp(limit))
	if err != nil {
		return nil, wrap(doing, err)
	}
	list, err := convert(rows, toEvent)
	return list, wrap(doing, err)
}

// addEvent adds e to its library's chain. It returns ErrNotFound if there is no such library. It
// locks the library until the transaction ends. An op that adds an event does so first, or locks
// the library first, so that ops cannot deadlock.
func addEvent(ctx context.Context, q *query.Queries, e library.Event) error {
	if err := affected(q.CountEvent(ctx, e.Library)); err != nil {
		return err
	}
	end, err := q.GetChainEnd(ctx, e.Library)
	if err != nil {
		return err
	}
	e.Seq = end.Seq
	e.Chain(end.Previous)
	return q.AddEvent(ctx, query.AddEventParams{
		LibraryID: e.Library,
		Seq:       e.Seq,
		At:        e.At.UnixMilli(),
		Kind:      e.Kind,
		Details:   string(e.Details.Marshal()),
		Previous:  e.Previous,
		Hash:      e.Hash,
	})
}

// toEvent returns the event of a row. Details that do not decode stay empty: whoever verifies the
// chain sees by their text that somebody has changed them, and the person sees the rest.
func toEvent(row query.Event) (library.Event, error) {
	e := library.Event{
		Library:     row.LibraryID,
		Seq:         row.Seq,
		At:          fromMillis(row.At),
		Kind:        row.Kind,
		DetailsJSON: row.Details,
		Previous:    row.Previous,
		Hash:        row.Hash,
	}
	if err := decode(row.Details, &e.Details); err != nil {
		e.Details = library.EventDetails{}
	}
	return e, nil
}

// clamp returns a limit as the databases take it.
func clamp(limit int) int32 {
	return int32(min(max(limit, 0), math.MaxInt32))
}
