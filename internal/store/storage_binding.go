package store

import (
	"context"
	"fmt"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/storage"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// lockBoundStorage locks a storage, as lockStorage does, and returns it. It returns a [*library.TamperedError] unless
// it is what this server has stored: whoever changes it next would bind what somebody else has written.
func (db *DB) lockBoundStorage(ctx context.Context, q *query.Queries, id storage.ID) (storage.Storage, error) {
	row, err := lockStorage(ctx, q, id)
	if err != nil {
		return storage.Storage{}, err
	}
	return db.boundStorage(row)
}

// boundStorage returns the storage of a row, or a [*library.TamperedError].
func (db *DB) boundStorage(row query.Storage) (storage.Storage, error) {
	if db.binder == nil {
		return storage.Storage{}, ErrNoBinder
	}
	s := toStorage(row)
	if !db.binder.IsRowBound(s.Binding, library.BoundStorage, s.Parts()...) {
		return storage.Storage{}, s.Tampered()
	}
	return s, nil
}

// boundStorageFile returns the file of a row of the storage, or a [*library.TamperedError]: whoever subtracts another's
// size and version from those of the storage could hide what somebody else has changed.
func (db *DB) boundStorageFile(of storage.Storage, row query.StorageFile) (storage.File, error) {
	if db.binder == nil {
		return storage.File{}, ErrNoBinder
	}
	f := toStorageFile(row)
	if f.Storage != of.ID || !db.binder.IsRowBound(f.Binding, library.BoundStorageFile, f.Parts()...) {
		return storage.File{}, of.TamperedFile(f.ID)
	}
	return f, nil
}

// subtractTree subtracts the files of a folder, and of all folders in it, from what a storage holds.
func (db *DB) subtractTree(ctx context.Context, q *query.Queries, from *storage.Storage, p storage.Path) error {
	last := query.StorageFile{}
	for more := true; more; {
		rows, err := q.ListStorageTree(ctx, query.ListStorageTreeParams{
			StorageID:   from.ID,
			Folder:      p.Folder,
			FolderEnd:   p.End(),
			AfterFolder: last.Folder,
			AfterName:   last.Name,
			Lim:         clamp(storageTreePage),
		})
		if err != nil {
			return err
		}
		for _, row := range rows {
			f, err := db.boundStorageFile(*from, row)
			if err != nil {
				return err
			}
			subtractFile(from, f)
			last = row
		}
		more = len(rows) == storageTreePage
	}
	return nil
}

// subtractFile subtracts a file from what a storage holds.
func subtractFile(from *storage.Storage, f storage.File) {
	from.Files, from.Bytes, from.VersionSum = from.Files-1, from.Bytes-f.Size, from.VersionSum-f.Version
}

// storageTreePage is how many files of a folder are read at a time.
const storageTreePage = 500

// bindStorage returns the binding of a storage.
func (db *DB) bindStorage(s storage.Storage) ([]byte, error) {
	if db.binder == nil {
		return nil, ErrNoBinder
	}
	return db.binder.BindRow(library.BoundStorage, s.Parts()...), nil
}

// bindStorageFile returns the binding of a file of a storage.
func (db *DB) bindStorageFile(f storage.File) ([]byte, error) {
	if db.binder == nil {
		return nil, ErrNoBinder
	}
	return db.binder.BindRow(library.BoundStorageFile, f.Parts()...), nil
}

// updateStorage stores what a storage holds, and binds it.
func (db *DB) updateStorage(ctx context.Context, q *query.Queries, s storage.Storage) error {
	s.Files, s.Bytes = max(s.Files, 0), max(s.Bytes, 0)
	binding, err := db.bindStorage(s)
	if err != nil {
		return err
	}
	return q.SetStorageUsage(ctx, query.SetStorageUsageParams{
		ID:         s.ID,
		Files:      query.Number(s.Files),
		Bytes:      query.Number(s.Bytes),
		ChangedAt:  toMillis(s.ChangedAt),
		Version:    query.Number(s.Version),
		VersionSum: query.Number(s.VersionSum),
		Binding:    binding,
	})
}

// unboundStorage returns a storage with the binding that it has.
func unboundStorage(row query.Storage) library.Unbound {
	return library.Unbound{Kind: library.BoundStorage, Library: row.LibraryID, ID: string(row.ID),
		Parts: toStorage(row).Parts(), Binding: row.Binding, Previous: row.Binding}
}

// unboundStorageFile returns a file of a storage with the binding that it has.
func unboundStorageFile(row query.StorageFile) library.Unbound {
	return library.Unbound{Kind: library.BoundStorageFile, ID: row.ID, Parts: toStorageFile(row).Parts(),
		Binding: row.Binding, Previous: row.Binding}
}

// unboundCollected returns a file from a source with the binding that it has.
func unboundCollected(row query.ListCollectedBindingsRow) library.Unbound {
	return library.Unbound{Kind: library.BoundCollected, ID: string(row.FileID), Binding: row.Binding,
		Previous: row.Binding}
}

// listUnboundRows lists the rows of a kind that have no binding, and for files from sources also those that have one.
func (db *DB) listUnboundRows(
	ctx context.Context, kind library.BoundKind, after string, limit int,
) ([]library.Unbound, error) {
	switch kind {
	case library.BoundStorage:
		rows, err := db.reader.ListUnboundStorages(ctx, storage.ID(after), clamp(limit))
		return convert(rows, unboundStorage), err
	case library.BoundStorageFile:
		rows, err := db.reader.ListUnboundStorageFiles(ctx, after, clamp(limit))
		return convert(rows, unboundStorageFile), err
	case library.BoundCollected:
		rows, err := db.reader.ListCollectedBindings(ctx, wire.FileName(after), clamp(limit))
		return convert(rows, unboundCollected), err
	}
	return nil, fmt.Errorf("there is no kind %q", kind)
}

// listRowsOfOlderKey lists the rows of a kind whose binding was made with another key than that of the id.
func (db *DB) listRowsOfOlderKey(
	ctx context.Context, kind library.BoundKind, key []byte, after string, limit int,
) ([]library.Unbound, error) {
	switch kind {
	case library.BoundStorage:
		rows, err := db.reader.ListStoragesOfOlderKey(ctx, key, storage.ID(after), clamp(limit))
		return convert(rows, unboundStorage), err
	case library.BoundStorageFile:
		rows, err := db.reader.ListStorageFilesOfOlderKey(ctx, key, after, clamp(limit))
		return convert(rows, unboundStorageFile), err
	case library.BoundCollected:
		rows, err := db.reader.ListCollectedOfOlderKey(ctx, key, wire.FileName(after), clamp(limit))
		return convert(rows, func(row query.ListCollectedOfOlderKeyRow) library.Unbound {
			return unboundCollected(query.ListCollectedBindingsRow(row))
		}), err
	}
	return nil, fmt.Errorf("there is no kind %q", kind)
}

// bindRow gives a row its binding, unless it has changed meanwhile.
func bindRow(ctx context.Context, q *query.Queries, r library.Unbound) error {
	switch {
	case r.Kind == library.BoundCollected:
		return q.BindCollected(ctx, r.Binding, wire.FileName(r.ID), r.Previous)
	case r.Kind == library.BoundStorage && r.Previous == nil:
		return q.BindStorage(ctx, r.Binding, storage.ID(r.ID))
	case r.Kind == library.BoundStorage:
		return q.RebindStorage(ctx, r.Binding, storage.ID(r.ID), r.Previous)
	case r.Previous == nil:
		return q.BindStorageFile(ctx, r.Binding, r.ID)
	default:
		return q.RebindStorageFile(ctx, r.Binding, r.ID, r.Previous)
	}
}
