package store

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// AddFile implements [library.FileStore].
func (db *DB) AddFile(ctx context.Context, added library.NewFile) error {
	const doing = "add file"
	p := db.newPush(added)
	if db.binder == nil {
		return db.add(ctx, doing, p.alone)
	}
	return wrap(doing, db.pushes.add(ctx, p))
}

// newPush returns the push of a file. Whatever can be done before its transaction is done.
func (db *DB) newPush(added library.NewFile) *push {
	added.Event.EncodeDetails()
	p := &push{nonce: added.Nonce, grant: added.Grant, token: added.Token, event: added.Event, quota: added.Quota}
	p.file, p.content, p.epoch = rowsOf(added)
	p.alone = addFile(p.file, p.content, p.epoch, p.quota, func(ctx context.Context, q *query.Queries) error {
		return db.useGrant(ctx, q, p.nonce, p.grant, p.token, p.event)
	})
	return p
}

// rowsOf returns the rows of a new file, and of its epoch, which is nil if there is none. Since every push needs them,
// they are made before its transaction.
func rowsOf(added library.NewFile) (query.AddFileParams, query.AddContentParams, *query.AddEpochParams) {
	file := query.AddFileParams{
		ID:            added.File.ID,
		LibraryID:     added.File.Library,
		ApplicationID: added.File.Application,
		ContractID:    added.File.Contract,
		Metadata:      added.File.MetadataJSON,
		Size:          query.Number(added.File.Size),
		CreatedAt:     toMillis(added.File.CreatedAt),
	}
	content := query.AddContentParams{
		FileID:    added.File.ID,
		Format:    added.Content.Format,
		SealedKey: added.Content.Key,
		Data:      added.Content.Inline,
	}
	if added.Epoch == nil {
		return file, content, nil
	}
	return file, content, &query.AddEpochParams{
		LibraryID:     added.Epoch.Library,
		ID:            added.Epoch.ID[:],
		Encapsulation: added.Epoch.Encapsulation,
		CreatedAt:     toMillis(added.Epoch.CreatedAt),
	}
}

// addFile returns an op that adds a file, unless allow returns an error: that locks the library and adds the event.
func addFile(
	file query.AddFileParams, content query.AddContentParams, epoch *query.AddEpochParams, quota library.Quota,
	allow func(ctx context.Context, q *query.Queries) error,
) op {
	usage := query.AddUsageParams{
		LibraryID:     file.LibraryID,
		ApplicationID: file.ApplicationID,
		ContractID:    file.ContractID,
		Bytes:         file.Size,
	}
	return func(ctx context.Context, q *query.Queries) error {
		if err := allow(ctx, q); err != nil {
			return err
		}
		if err := addUsage(ctx, q, usage, quota); err != nil {
			return err
		}
		if epoch != nil {
			if err := q.AddEpoch(ctx, *epoch); err != nil {
				return err
			}
		}
		if err := q.AddFile(ctx, file); err != nil {
			return err
		}
		return q.AddContent(ctx, content)
	}
}

// AddImported implements [library.FileStore].
func (db *DB) AddImported(ctx context.Context, added library.NewFile, by library.LoginID) error {
	file, content, epoch := rowsOf(added)
	return db.add(ctx, "add file of the person", addFile(file, content, epoch, added.Quota, func(
		ctx context.Context, q *query.Queries,
	) error {
		if err := lockOpenLibrary(ctx, q, added.File.Library); err != nil {
			return err
		}
		has, err := q.HasLogin(ctx, by, added.File.Library)
		if err == nil && !has {
			err = library.ErrNotFound
		}
		if err != nil {
			return err
		}
		return db.addEvent(ctx, q, added.Event)
	}))
}

// AddRead implements [library.FileStore].
func (db *DB) AddRead(ctx context.Context, n *library.Nonce, grant library.GrantID, e library.Event) error {
	return db.add(ctx, "add read", func(ctx context.Context, q *query.Queries) error {
		return db.useGrant(ctx, q, n, grant, seal.Hash{}, e)
	})
}

// useGrant uses the nonce up, adds the event and marks the grant as used. It returns ErrNotFound
// if the grant is revoked, as all grants of a shut library are, or if its token, unless that is zero, has ended.
func (db *DB) useGrant(
	ctx context.Context, q *query.Queries, n *library.Nonce, grant library.GrantID, token seal.Hash, e library.Event,
) error {
	if n != nil {
		if err := db.useNonce(ctx, q, *n); err != nil {
			return err
		}
	}
	if err := db.addEvent(ctx, q, e); err != nil {
		return err
	}
	return markUsed(ctx, q, grant, token, e.Library, e.At)
}

// markUsed marks a library's grant as used. It returns ErrNotFound if the grant is revoked, or if its token, unless
// that is zero, has ended.
func markUsed(
	ctx context.Context, q *query.Queries, grant library.GrantID, token seal.Hash, id library.ID, at time.Time,
) error {
	var used query.Number
	var err error
	if token == (seal.Hash{}) {
		used, err = q.GetLastUse(ctx, grant, id)
	} else {
		used, err = q.GetLastUseWithToken(ctx, grant, id, token)
	}
	if err != nil {
		return err
	}
	if at.Sub(fromMillis(used)) >= library.UsePrecision {
		return q.UseGrant(ctx, toMillis(at), grant)
	}
	return nil
}

// GetFile implements [library.FileStore].
func (db *DB) GetFile(ctx context.Context, id library.ID, name wire.FileName) (library.File, error) {
	const doing = "get file"
	row, err := db.reader.GetFile(ctx, name, id)
	if err != nil {
		return library.File{}, wrap(doing, err)
	}
	return toListedFile(row).Decoded(), nil
}

// GetContent implements [library.FileStore].
func (db *DB) GetContent(ctx context.Context, id library.ID, name wire.FileName) (library.Content, error) {
	row, err := db.reader.GetContent(ctx, name, id)
	if err != nil {
		return library.Content{}, wrap("get content", err)
	}
	return library.Content{Format: row.Format, Key: row.SealedKey, Inline: row.Data}, nil
}

// GetEncapsulation implements [library.FileStore].
func (db *DB) GetEncapsulation(ctx context.Context, id library.ID, epoch seal.EpochID) ([]byte, error) {
	encapsulation, err := db.reader.GetEncapsulation(ctx, id, epoch[:])
	return encapsulation, wrap("get epoch", err)
}

// ListFiles implements [library.FileStore].
func (db *DB) ListFiles(
	ctx context.Context, id library.ID, after library.FileCursor, limit int,
) ([]library.File, error) {
	from := query.ListFilesOfApplicationAfterParams{
		LibraryID:     id,
		ApplicationID: after.Application,
		CreatedAt:     toMillis(after.CreatedAt),
		ID:            string(after.ID),
		Lim:           clamp(limit),
	}
	if after.CreatedAt.IsZero() && after.ID == "" { // the beginning of the list
		from.CreatedAt = math.MinInt64
		if after.NewestFirst {
			from.CreatedAt = math.MaxInt64
		}
	}
	rows, err := db.listFiles(ctx, from, after.NewestFirst)
	if err != nil && !errors.Is(libraryError(err), library.ErrNotFound) { // an id that no row can have
		return nil, wrap("list files", err)
	}
	return convert(rows, toListedFile), nil
}

// listFiles runs the query that has an index for the list.
func (db *DB) listFiles(
	ctx context.Context, from query.ListFilesOfApplicationAfterParams, newestFirst bool,
) ([]query.File, error) {
	switch {
	case from.ApplicationID != "" && newestFirst:
		return db.reader.ListFilesOfApplicationBefore(ctx, query.ListFilesOfApplicationBeforeParams(from))
	case from.ApplicationID != "":
		return db.reader.ListFilesOfApplicationAfter(ctx, from)
	}
	all := query.ListFilesAfterParams{LibraryID: from.LibraryID, CreatedAt: from.CreatedAt, ID: from.ID, Lim: from.Lim}
	if newestFirst {
		return db.reader.ListFilesBefore(ctx, query.ListFilesBeforeParams(all))
	}
	return db.reader.ListFilesAfter(ctx, all)
}

// CountFiles implements [library.FileStore].
func (db *DB) CountFiles(ctx context.Context, id library.ID) (int, error) {
	n, err := db.reader.CountFiles(ctx, id)
	return int(n), wrap("count files", err)
}

// ListPushers implements [library.FileStore].
func (db *DB) ListPushers(ctx context.Context, id library.ID) ([]library.Application, error) {
	rows, err := db.reader.ListPushers(ctx, id)
	if err != nil {
		return nil, wrap("list applications that have pushed", err)
	}
	return convert(rows, application), nil
}

// GetImportTimes implements [library.AccountStore].
func (db *DB) GetImportTimes(ctx context.Context, id library.ID) (first, last time.Time, err error) {
	row, err := db.reader.GetImportTimes(ctx, id)
	if err == nil && row.FirstAt == 0 {
		err = library.ErrNotFound
	}
	return fromMillis(row.FirstAt), fromMillis(row.LastAt), wrap("look for files of the person", err)
}

// HasFile implements [library.FileStore].
func (db *DB) HasFile(ctx context.Context, id library.ID, name wire.FileName) (bool, error) {
	has, err := db.reader.HasFile(ctx, name, id)
	return has, wrap("look for file", err)
}

// toListedFile returns the file of a row, with its Metadata not decoded.
func toListedFile(row query.File) library.File {
	return library.File{
		ID:           row.ID,
		Library:      row.LibraryID,
		Application:  row.ApplicationID,
		Contract:     row.ContractID,
		MetadataJSON: row.Metadata,
		Size:         int64(row.Size),
		CreatedAt:    fromMillis(row.CreatedAt),
	}
}
