package store

import (
	"context"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// GetChainHead implements [library.ChainStore].
func (db *DB) GetChainHead(ctx context.Context, id library.ID) (library.ChainHead, error) {
	row, err := db.reader.GetChainHead(ctx, id)
	if err != nil {
		return library.ChainHead{}, wrap("get head of events", err)
	}
	return library.ChainHead{
		Newest:     int64(row.Newest),
		NewestHash: row.NewestHash,
		End:        library.ChainEnd{Library: id, Seq: int64(row.Events), Hash: row.Hash, MAC: row.Mac},
	}, nil
}

// ListEventsAfter implements [library.ChainStore].
func (db *DB) ListEventsAfter(ctx context.Context, id library.ID, after int64, limit int) ([]library.Event, error) {
	const doing = "list events"
	rows, err := db.reader.ListEventsAfter(ctx, id, query.Number(after), clamp(limit))
	if err != nil {
		return nil, wrap(doing, err)
	}
	return convert(rows, toEvent), nil
}

// AddEventCheckpoints implements [library.ChainStore].
func (db *DB) AddEventCheckpoints(ctx context.Context, checkpoints []library.EventCheckpoint) error {
	return db.write(ctx, "add checkpoints", func(ctx context.Context, q *query.Queries) error {
		for _, c := range checkpoints {
			err := q.AddEventCheckpoint(ctx, query.AddEventCheckpointParams{
				LibraryID: c.Library,
				Seq:       query.Number(c.Seq),
				Hash:      c.Hash,
				Mac:       c.MAC,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// GetNewestEventCheckpoint implements [library.ChainStore].
func (db *DB) GetNewestEventCheckpoint(ctx context.Context, id library.ID) (library.EventCheckpoint, error) {
	row, err := db.reader.GetNewestEventCheckpoint(ctx, id)
	return toEventCheckpoint(row), wrap("get checkpoint", err)
}

// GetEventCheckpointFrom implements [library.ChainStore].
func (db *DB) GetEventCheckpointFrom(
	ctx context.Context, id library.ID, seq int64,
) (library.EventCheckpoint, error) {
	row, err := db.reader.GetEventCheckpointFrom(ctx, id, query.Number(seq))
	return toEventCheckpoint(row), wrap("get checkpoint", err)
}

// ListEventCheckpoints implements [library.ChainStore].
func (db *DB) ListEventCheckpoints(
	ctx context.Context, id library.ID, after int64, limit int,
) ([]library.EventCheckpoint, error) {
	rows, err := db.reader.ListEventCheckpoints(ctx, id, query.Number(after), clamp(limit))
	if err != nil {
		return nil, wrap("list checkpoints", err)
	}
	return convert(rows, toEventCheckpoint), nil
}

func toEventCheckpoint(row query.EventCheckpoint) library.EventCheckpoint {
	return library.EventCheckpoint{Library: row.LibraryID, Seq: int64(row.Seq), Hash: row.Hash, MAC: row.Mac}
}
