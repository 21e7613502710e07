package store

import (
	"context"
	"errors"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// addCollection records that a fetch has stored a file. The transaction has locked the library.
func addCollection(
	ctx context.Context, q *query.Queries, c library.CollectedFile, fetchedAt query.Number,
) error {
	from := c.File.Collected
	add := query.AddCollectionParams{
		LibraryID:     c.File.Library,
		ApplicationID: c.File.Application,
		FetchedAt:     fetchedAt,
		AccountID:     from.Account,
		ObjectType:    query.Number(from.ObjectType),
		Provider:      validText(c.Provider),
		GroupID:       query.Number(from.Group),
		ServiceID:     query.Number(from.Service),
		FromAt:        query.Number(from.From),
		ToAt:          query.Number(from.To),
	}
	if add.ToAt == 0 {
		add.ToAt = maxMillis
	}
	return q.AddCollection(ctx, add)
}

// ListCollections implements [library.CollectedStore].
func (db *DB) ListCollections(
	ctx context.Context, id library.ID, application wire.ApplicationID, after library.CollectionCursor,
	until time.Time, limit int,
) ([]library.Collection, error) {
	from := query.ListCollectionsParams{
		LibraryID:     id,
		ApplicationID: application,
		FetchedAt:     toMillis(after.At),
		AccountID:     string(after.Account),
		ObjectType:    query.Number(after.ObjectType),
		Until:         maxMillis,
		Lim:           clamp(limit),
	}
	if !until.IsZero() {
		from.Until = query.Number(until.UnixMilli())
	}
	rows, err := db.reader.ListCollections(ctx, from)
	if err != nil && !errors.Is(libraryError(err), library.ErrNotFound) { // an id that no row can have
		return nil, wrap("list collections", err)
	}
	return convert(rows, toCollection), nil
}

func toCollection(row query.Collection) library.Collection {
	c := library.Collection{
		Account:    row.AccountID,
		At:         fromMillis(row.FetchedAt),
		Provider:   row.Provider,
		Group:      int(row.GroupID),
		Service:    int(row.ServiceID),
		ObjectType: int(row.ObjectType),
		From:       wire.Millis(row.FromAt),
		To:         wire.Millis(row.ToAt),
		Files:      int(row.Files),
	}
	if row.ToAt == maxMillis {
		c.To = 0
	}
	return c
}
