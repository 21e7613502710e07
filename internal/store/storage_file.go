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

// PutStorageFile implements [storage.FileStore].
func (db *DB) PutStorageFile(ctx context.Context, f storage.NewFile, quota library.Quota) error {
	return db.addBounded(ctx, "put file into storage", func(ctx context.Context, q *query.Queries) (int64, error) {
		then, err := db.lockBoundStorage(ctx, q, f.Storage)
		if err != nil {
			return 0, err
		}
		if err := checkInUse(ctx, q, then, f.CreatedAt); err != nil {
			return 0, err
		}
		used := then.Used
		replaced, err := q.GetStorageFile(ctx, f.Storage, f.Folder, f.Name)
		deleted := int64(1)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			deleted = 0
		case err != nil:
			return 0, err
		default:
			file, err := db.boundStorageFile(then, replaced)
			if err != nil {
				return 0, err
			}
			subtractFile(&then, file)
			if err := deleteStorageFile(ctx, q, replaced.ID); err != nil {
				return 0, err
			}
		}
		then.Files++
		then.Bytes += f.Size
		if err := checkQuota(ctx, q, then, used, quota); err != nil {
			return 0, err
		}
		then.Version++
		f.Version = then.Version
		then.VersionSum += f.Version
		if err := db.addStorageFile(ctx, q, f); err != nil {
			return 0, err
		}
		then.ChangedAt = f.CreatedAt
		return deleted, db.updateStorage(ctx, q, then)
	})
}

// checkInUse returns ErrNotFound if nobody may add to a storage.
func checkInUse(ctx context.Context, q *query.Queries, s storage.Storage, at time.Time) error {
	if s.Library == "" {
		if !at.Before(s.ExpiresAt) {
			return library.ErrNotFound
		}
		return nil
	}
	has, err := q.HasGrant(ctx, s.Library, s.Application, toMillis(at))
	if err == nil && !has {
		return library.ErrNotFound
	}
	return err
}

// checkQuota returns a [*library.QuotaError] if a storage may not hold as much as it would then. One that nobody has
// allowed is counted with the others of its application.
func checkQuota(
	ctx context.Context, q *query.Queries, s storage.Storage, used library.Used, quota library.Quota,
) error {
	then := s.Used
	if s.Library == "" {
		all, err := q.SumStoragesOfNobody(ctx, s.Application)
		if err != nil {
			return err
		}
		then.Files += int64(all.Files) - used.Files
		then.Bytes += int64(all.Bytes) - used.Bytes
		used = library.Used{Files: int64(all.Files), Bytes: int64(all.Bytes)}
	}
	return storage.CheckQuota(quota, used, then)
}

func (db *DB) addStorageFile(ctx context.Context, q *query.Queries, f storage.NewFile) error {
	binding, err := db.bindStorageFile(f.File)
	if err != nil {
		return err
	}
	err = q.AddStorageFile(ctx, query.AddStorageFileParams{
		ID:             f.ID,
		StorageID:      f.Storage,
		Folder:         f.Folder,
		Name:           f.Name,
		OriginalFolder: f.OriginalFolder,
		OriginalName:   f.OriginalName,
		Size:           query.Number(f.Size),
		Sha256:         f.SHA256,
		CreatedAt:      toMillis(f.CreatedAt),
		Version:        query.Number(f.Version),
		Binding:        binding,
	})
	if err != nil || f.Content == nil {
		return err
	}
	return q.AddStorageContent(ctx, f.ID, f.Content)
}

// deleteStorageFile deletes a file, and adds its content to the removals if it is a blob.
func deleteStorageFile(ctx context.Context, q *query.Queries, id string) error {
	for _, step := range []func(context.Context, string) error{
		q.AddRemovalOfFile, q.DeleteStorageContent, q.DeleteStorageFile,
	} {
		if err := step(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// GetStorageFile implements [storage.FileStore].
func (db *DB) GetStorageFile(ctx context.Context, id storage.ID, p storage.Path) (storage.File, error) {
	row, err := db.reader.GetStorageFile(ctx, id, p.Folder, p.Name)
	if err != nil {
		return storage.File{}, wrap("get file of storage", err)
	}
	return toStorageFile(row), nil
}

// GetStorageContent implements [storage.FileStore].
func (db *DB) GetStorageContent(ctx context.Context, file string) ([]byte, error) {
	content, err := db.reader.GetStorageContent(ctx, file)
	return content, wrap("get content of storage", err)
}

// ListStorageFiles implements [storage.FileStore].
func (db *DB) ListStorageFiles(
	ctx context.Context, id storage.ID, p storage.Path, recursive bool, after storage.File, limit int,
) ([]storage.File, error) {
	var rows []query.StorageFile
	var err error
	if recursive {
		rows, err = db.reader.ListStorageTree(ctx, query.ListStorageTreeParams{
			StorageID:   id,
			Folder:      p.Folder,
			FolderEnd:   p.End(),
			AfterFolder: after.Folder,
			AfterName:   after.Name,
			Lim:         clamp(limit),
		})
	} else {
		rows, err = db.reader.ListStorageFolder(ctx, query.ListStorageFolderParams{
			StorageID: id,
			Folder:    p.Folder,
			AfterName: after.Name,
			Lim:       clamp(limit),
		})
	}
	if err != nil {
		return nil, wrap("list files of storage", err)
	}
	return convert(rows, toStorageFile), nil
}

// DeleteStorageFile implements [storage.FileStore].
func (db *DB) DeleteStorageFile(ctx context.Context, id storage.ID, p storage.Path, at time.Time) error {
	return db.write(ctx, "delete file of storage", func(ctx context.Context, q *query.Queries) error {
		then, err := db.lockBoundStorage(ctx, q, id)
		if err != nil {
			return err
		}
		row, err := q.GetStorageFile(ctx, id, p.Folder, p.Name)
		if err != nil {
			return err
		}
		file, err := db.boundStorageFile(then, row)
		if err != nil {
			return err
		}
		if err := deleteStorageFile(ctx, q, file.ID); err != nil {
			return err
		}
		subtractFile(&then, file)
		then.ChangedAt = at
		return db.updateStorage(ctx, q, then)
	})
}

// DeleteStorageFolder implements [storage.FileStore].
func (db *DB) DeleteStorageFolder(
	ctx context.Context, id storage.ID, p storage.Path, at time.Time, e library.Event,
) error {
	return db.write(ctx, "delete folder of storage", func(ctx context.Context, q *query.Queries) error {
		if e.Library != "" {
			if err := lockLibrary(ctx, q, e.Library); err != nil {
				return err
			}
		}
		then, err := db.lockBoundStorage(ctx, q, id)
		if err != nil {
			return err
		}
		files := then.Files
		if err := db.subtractTree(ctx, q, &then, p); err != nil {
			return err
		}
		if then.Files == files {
			return library.ErrNotFound
		}
		if err := deleteTree(ctx, q, id, p); err != nil {
			return err
		}
		then.ChangedAt = at
		if err := db.updateStorage(ctx, q, then); err != nil || e.Library == "" {
			return err
		}
		return db.addEvent(ctx, q, e)
	})
}

// deleteTree deletes a folder of a storage with all files and folders in it, and adds the contents that are blobs to
// the removals.
func deleteTree(ctx context.Context, q *query.Queries, id storage.ID, p storage.Path) error {
	for _, step := range []func(context.Context, storage.ID, string, string) error{
		q.AddRemovalsOfTree, q.DeleteContentsOfTree, q.DeleteStorageTree,
	} {
		if err := step(ctx, id, p.Folder, p.End()); err != nil {
			return err
		}
	}
	return nil
}

// SumStoragesOfNobody implements [storage.FileStore].
func (db *DB) SumStoragesOfNobody(ctx context.Context, of wire.ApplicationID) (library.Used, error) {
	sum, err := db.reader.SumStoragesOfNobody(ctx, of)
	if err != nil {
		return library.Used{}, wrap("sum storages of nobody", err)
	}
	return library.Used{Files: int64(sum.Files), Bytes: int64(sum.Bytes)}, nil
}

// SumStorages implements [storage.StorageStore].
func (db *DB) SumStorages(ctx context.Context, of wire.ApplicationID) (storage.Usage, error) {
	sum, err := db.reader.SumStorages(ctx, of)
	if err != nil {
		return storage.Usage{}, wrap("sum storages", err)
	}
	used := library.Used{Files: int64(sum.Files), Bytes: int64(sum.Bytes)}
	return storage.Usage{Storages: sum.Storages, Used: used}, nil
}

// ListStorageRemovals implements [storage.RemovalStore].
func (db *DB) ListStorageRemovals(ctx context.Context, limit int) ([]storage.Content, error) {
	rows, err := db.reader.ListStorageRemovals(ctx, clamp(limit))
	if err != nil {
		return nil, wrap("list contents to remove", err)
	}
	return convert(rows, func(row query.StorageRemoval) storage.Content {
		return storage.Content{Storage: row.StorageID, File: row.FileID}
	}), nil
}

// ForgetStorageRemovals implements [storage.RemovalStore].
func (db *DB) ForgetStorageRemovals(ctx context.Context, list []storage.Content) error {
	return db.write(ctx, "forget contents that were removed", func(ctx context.Context, q *query.Queries) error {
		for _, c := range list {
			if err := q.DeleteStorageRemoval(ctx, c.File); err != nil {
				return err
			}
		}
		return nil
	})
}

// HasStorageContent implements [storage.RemovalStore].
func (db *DB) HasStorageContent(ctx context.Context, c storage.Content) (bool, error) {
	has, err := db.reader.HasStorageContent(ctx, c.File, c.Storage)
	return has, wrap("look for file of storage", err)
}

// ListStorageIDs implements [storage.CheckStore].
func (db *DB) ListStorageIDs(ctx context.Context, after storage.ID, limit int) ([]storage.ID, error) {
	ids, err := db.reader.ListStorageIDs(ctx, after, clamp(limit))
	return ids, wrap("list storages", err)
}

// ListAllStorageFiles implements [storage.CheckStore].
func (db *DB) ListAllStorageFiles(
	ctx context.Context, id storage.ID, after storage.File, limit int,
) ([]storage.File, error) {
	rows, err := db.reader.ListStorageFilesAfter(ctx, query.ListStorageFilesAfterParams{
		StorageID:   id,
		AfterFolder: after.Folder,
		AfterName:   after.Name,
		Lim:         clamp(limit),
	})
	if err != nil {
		return nil, wrap("list files of storage", err)
	}
	return convert(rows, toStorageFile), nil
}

// ListFilesOfNoStorage implements [storage.CheckStore].
func (db *DB) ListFilesOfNoStorage(ctx context.Context, after string, limit int) ([]string, error) {
	ids, err := db.reader.ListFilesOfNoStorage(ctx, after, clamp(limit))
	return ids, wrap("list files of no storage", err)
}

// ListContentsOfNoStorageFile implements [storage.CheckStore].
func (db *DB) ListContentsOfNoStorageFile(ctx context.Context, after string, limit int) ([]string, error) {
	ids, err := db.reader.ListContentsOfNoStorageFile(ctx, after, clamp(limit))
	return ids, wrap("list contents of no file of a storage", err)
}

func toStorageFile(row query.StorageFile) storage.File {
	return storage.File{
		ID:      row.ID,
		Storage: row.StorageID,
		Path: storage.Path{Folder: row.Folder, Name: row.Name, OriginalFolder: row.OriginalFolder,
			OriginalName: row.OriginalName},
		Size:      int64(row.Size),
		SHA256:    row.Sha256,
		CreatedAt: fromMillis(row.CreatedAt),
		Version:   int64(row.Version),
		Binding:   row.Binding,
	}
}
