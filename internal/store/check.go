package store

import (
	"context"
	"errors"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// ListLibraryIDs implements [library.CheckStore].
func (db *DB) ListLibraryIDs(ctx context.Context, after library.ID, limit int) ([]library.ID, error) {
	ids, err := db.reader.ListLibraryIDs(ctx, after, clamp(limit))
	return ids, wrap("list libraries", err)
}

// ListAdditions implements [library.CheckStore]. No migration makes a trigger, a view, a rule or a policy. Those of an
// extension are left out.
func (db *DB) ListAdditions(ctx context.Context) (list []string, err error) {
	const doing = "list triggers and views"
	rows, err := db.statements.QueryContext(ctx, db.dialect.listAdditions)
	if err != nil {
		return nil, wrap(doing, err)
	}
	defer func() { err = errors.Join(err, wrap(doing, rows.Close())) }()
	for rows.Next() {
		var kind, name, table string
		if err := rows.Scan(&kind, &name, &table); err != nil {
			return nil, wrap(doing, err)
		}
		addition := kind + " " + name
		if kind != "view" {
			addition += " on " + table
		}
		list = append(list, addition)
	}
	return list, wrap(doing, rows.Err())
}

// CountEventsBeforeFirst implements [library.CheckStore].
func (db *DB) CountEventsBeforeFirst(ctx context.Context, id library.ID) (int64, error) {
	n, err := db.reader.CountEventsBeforeFirst(ctx, id)
	return n, wrap("count events before the first", err)
}

// GetStoredFile implements [library.CheckStore].
func (db *DB) GetStoredFile(ctx context.Context, id library.ID, name wire.FileName) (library.StoredFile, error) {
	const doing = "get stored file"
	row, err := db.reader.GetStoredFile(ctx, name, id)
	if err != nil {
		return library.StoredFile{}, wrap(doing, err)
	}
	// Metadata that does not parse has another hash than what arrived.
	f := toListedFile(row.File).Decoded()
	return library.StoredFile{File: f, Format: library.ContentFormat(row.Format), Key: row.SealedKey,
		Inline: row.Data}, nil
}

// ListFileIDs implements [library.CheckStore].
func (db *DB) ListFileIDs(
	ctx context.Context, id library.ID, after wire.FileName, limit int,
) ([]wire.FileName, error) {
	ids, err := db.reader.ListFileIDs(ctx, id, after, clamp(limit))
	return ids, wrap("list files", err)
}

// ListFilesOfNoLibrary implements [library.CheckStore].
func (db *DB) ListFilesOfNoLibrary(ctx context.Context, after wire.FileName, limit int) ([]wire.FileName, error) {
	ids, err := db.reader.ListFilesOfNoLibrary(ctx, after, clamp(limit))
	return ids, wrap("list files of no library", err)
}

// ListContentsOfNoFile implements [library.CheckStore].
func (db *DB) ListContentsOfNoFile(ctx context.Context, after wire.FileName, limit int) ([]wire.FileName, error) {
	ids, err := db.reader.ListContentsOfNoFile(ctx, after, clamp(limit))
	return ids, wrap("list contents of no file", err)
}

// ListDeliveryStates implements [delivery.CheckStore].
func (db *DB) ListDeliveryStates(
	ctx context.Context, after library.DeliveryID, limit int,
) ([]delivery.StoredState, error) {
	rows, err := db.reader.ListDeliveryStates(ctx, string(after), clamp(limit))
	if err != nil {
		return nil, wrap("list states of deliveries", err)
	}
	list := make([]delivery.StoredState, 0, len(rows))
	for _, r := range rows {
		list = append(list, delivery.StoredState{ID: library.DeliveryID(r.ID), Library: r.LibraryID,
			State: delivery.State(r.State), HasPayload: r.Size > 0})
	}
	return list, nil
}
