package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/storage"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// AddStorage implements [storage.StorageStore].
func (db *DB) AddStorage(ctx context.Context, s storage.Storage) error {
	return db.addBounded(ctx, "add storage", func(ctx context.Context, q *query.Queries) (int64, error) {
		binding, err := db.bindStorage(s)
		if err != nil {
			return 0, err
		}
		err = q.AddStorage(ctx, query.AddStorageParams{
			ID:            s.ID,
			ApplicationID: s.Application,
			CreatedAt:     toMillis(s.CreatedAt),
			ChangedAt:     toMillis(s.ChangedAt),
			ExpiresAt:     toMillis(s.ExpiresAt),
			Binding:       binding,
		})
		if err != nil {
			return 0, err
		}
		oldest, err := q.ListOldestStorages(ctx, s.Application, clamp(db.limits.Storages))
		if err != nil {
			return 0, err
		}
		for _, id := range oldest {
			if _, err := deleteStorage(ctx, q, id, isNobodys); err != nil {
				return 0, err
			}
		}
		return int64(len(oldest)), nil
	})
}

// GetStorage implements [storage.StorageStore].
func (db *DB) GetStorage(ctx context.Context, id storage.ID) (storage.Storage, error) {
	row, err := db.reader.GetStorage(ctx, id)
	if err != nil {
		return storage.Storage{}, wrap("get storage", err)
	}
	return toStorage(row), nil
}

// GetStorageOwner implements [library.StorageOwnerStore].
func (db *DB) GetStorageOwner(ctx context.Context, id library.StorageID) (library.StorageOwner, error) {
	row, err := db.reader.GetStorage(ctx, library.StorageID(validText(string(id))))
	if err != nil {
		return library.StorageOwner{}, wrap("get owner of storage", err)
	}
	return library.StorageOwner{
		Application: row.ApplicationID, Library: row.LibraryID, ExpiresAt: fromMillis(row.ExpiresAt),
	}, nil
}

// FindStorage implements [storage.StorageStore].
func (db *DB) FindStorage(
	ctx context.Context, id library.ID, of wire.ApplicationID,
) (storage.Storage, error) {
	row, err := db.reader.FindStorage(ctx, id, of)
	if err != nil {
		return storage.Storage{}, wrap("find storage", err)
	}
	return toStorage(row), nil
}

// ListStorages implements [storage.StorageStore].
func (db *DB) ListStorages(ctx context.Context, id library.ID) ([]storage.Storage, error) {
	rows, err := db.reader.ListStoragesOfLibrary(ctx, id)
	if err != nil {
		return nil, wrap("list storages", err)
	}
	return convert(rows, toStorage), nil
}

// DeleteStorage implements [storage.StorageStore].
func (db *DB) DeleteStorage(
	ctx context.Context, id library.ID, of wire.ApplicationID, e library.Event,
) error {
	return db.write(ctx, "delete storage", func(ctx context.Context, q *query.Queries) error {
		if err := lockLibrary(ctx, q, id); err != nil {
			return err
		}
		row, err := q.FindStorage(ctx, id, of)
		if err != nil {
			return err
		}
		if _, err := deleteStorage(ctx, q, row.ID, nil); err != nil {
			return err
		}
		return db.addEvent(ctx, q, e)
	})
}

// DeleteExpiredStorages implements [storage.StorageStore].
func (db *DB) DeleteExpiredStorages(ctx context.Context, now time.Time, limit int) (int, error) {
	const doing = "delete expired storages"
	ids, err := db.reader.ListExpiredStorages(ctx, toMillis(now), clamp(limit))
	if err != nil {
		return 0, wrap(doing, err)
	}
	for _, id := range ids {
		err := db.write(ctx, doing, func(ctx context.Context, q *query.Queries) error {
			_, err := deleteStorage(ctx, q, id, func(row query.Storage) bool {
				return isNobodys(row) && row.ExpiresAt <= toMillis(now)
			})
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}

// deleteStoragesOfLibrary deletes the storages of a library, which is locked.
func deleteStoragesOfLibrary(ctx context.Context, q *query.Queries, id library.ID) error {
	rows, err := q.ListStoragesOfLibrary(ctx, id)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if _, err := deleteStorage(ctx, q, row.ID, nil); err != nil {
			return err
		}
	}
	return nil
}

func isNobodys(row query.Storage) bool { return row.LibraryID == "" }

// deleteStorage deletes a storage with its files, unless it is gone or a condition does not hold once it is locked. It
// reports whether it has.
func deleteStorage(
	ctx context.Context, q *query.Queries, id storage.ID, holds func(query.Storage) bool,
) (bool, error) {
	row, err := lockStorage(ctx, q, id)
	if errors.Is(err, library.ErrNotFound) {
		return false, nil
	}
	if err != nil || holds != nil && !holds(row) {
		return false, err
	}
	if err := deleteTree(ctx, q, id, storage.Root); err != nil {
		return false, err
	}
	if err := q.DeleteHandlesOfStorage(ctx, wire.AccountID(id), library.HandleOfStorage); err != nil {
		return false, err
	}
	return true, q.DeleteStorage(ctx, id)
}

// lockStorage locks a storage until the transaction ends, and returns it. An op that locks its library does so first.
func lockStorage(ctx context.Context, q *query.Queries, id storage.ID) (query.Storage, error) {
	if err := affected(q.LockStorage(ctx, id)); err != nil {
		return query.Storage{}, err
	}
	return q.GetStorage(ctx, id)
}

// giveStorage gives the storage of an approval to its library, which is locked, unless the library has one at the
// application.
func (db *DB) giveStorage(ctx context.Context, q *query.Queries, a library.Approval) error {
	if a.Storage == "" {
		return nil
	}
	given, err := db.lockBoundStorage(ctx, q, a.Storage)
	switch {
	case errors.Is(err, library.ErrNotFound):
		return library.ErrStorageGone
	case err != nil:
		return err
	case given.Application != a.Grant.Application,
		given.Library != "" && given.Library != a.Grant.Library,
		given.Library == "" && !a.At.Before(given.ExpiresAt):
		return library.ErrStorageGone
	case given.Library != "":
		return nil
	}
	_, err = q.FindStorage(ctx, a.Grant.Library, a.Grant.Application)
	if !errors.Is(err, sql.ErrNoRows) {
		return err // nil: the library keeps the storage that it has
	}
	given.Library, given.ExpiresAt = a.Grant.Library, time.Time{}
	binding, err := db.bindStorage(given)
	if err != nil {
		return err
	}
	if err := q.GiveStorage(ctx, given.ID, given.Library, binding); err != nil {
		return err
	}
	event := a.Event
	event.Kind = library.EventStorageConnected
	event.Details = library.EventDetails{Application: a.Event.Details.Application,
		ApplicationName: a.Event.Details.ApplicationName, Contract: a.Event.Details.Contract}
	return db.addEvent(ctx, q, event)
}

func toStorage(row query.Storage) storage.Storage {
	return storage.Storage{
		ID:          row.ID,
		Application: row.ApplicationID,
		Library:     row.LibraryID,
		CreatedAt:   fromMillis(row.CreatedAt),
		ChangedAt:   fromMillis(row.ChangedAt),
		ExpiresAt:   fromMillis(row.ExpiresAt),
		Used:        library.Used{Files: int64(row.Files), Bytes: int64(row.Bytes)},
		Version:     int64(row.Version),
		VersionSum:  int64(row.VersionSum),
		Binding:     row.Binding,
	}
}
