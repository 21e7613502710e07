package store

import (
	"context"
	"errors"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// FindCollected implements [library.CollectedStore].
func (db *DB) FindCollected(
	ctx context.Context, id library.ID, account wire.AccountID, key string,
) (library.StoredCollected, error) {
	row, err := db.reader.FindCollected(ctx, id, account, key)
	return toStoredCollected(row), wrap("find file from a source", err)
}

// FindCollectedBefore implements [library.CollectedStore].
func (db *DB) FindCollectedBefore(
	ctx context.Context, id library.ID, client wire.ClientID, origin, key string,
) (library.StoredCollected, error) {
	row, err := db.reader.FindCollectedBefore(ctx, query.FindCollectedBeforeParams{
		LibraryID: id, Origin: validText(origin), ItemKey: validText(key), ApplicationID: client.Application,
		ContractID: client.Contract,
	})
	return toStoredCollected(row), wrap("find file from an account that has ended", err)
}

// GetCollected implements [library.CollectedStore].
func (db *DB) GetCollected(ctx context.Context, id library.ID, file wire.FileName) (library.StoredCollected, error) {
	row, err := db.reader.GetCollected(ctx, file, id)
	return toStoredCollected(row), wrap("get file from a source", err)
}

func toStoredCollected(row query.CollectedFile) library.StoredCollected {
	return library.StoredCollected{File: row.FileID, Fingerprint: row.Fingerprint, Binding: row.Binding}
}

// ListCollected implements [library.CollectedStore].
func (db *DB) ListCollected(
	ctx context.Context, id library.ID, filter library.CollectedFilter, after library.CollectedCursor, limit int,
) (files []library.File, cursors []library.CollectedCursor, err error) {
	from := query.ListCollectedOfTypeParams{
		LibraryID:  id,
		ServiceID:  query.Number(filter.Service),
		ObjectType: query.Number(filter.ObjectType),
		ToAt:       toMillis(after.To),
		ID:         string(after.ID),
		Until:      maxMillis,
		Lim:        clamp(limit),
	}
	if !filter.Until.IsZero() {
		from.Until = toMillis(filter.Until)
	}
	var rows []query.ListCollectedOfTypeRow
	if filter.Service != 0 || filter.ObjectType != 0 {
		rows, err = db.reader.ListCollectedOfType(ctx, from)
	} else {
		var all []query.ListCollectedRow
		all, err = db.reader.ListCollected(ctx, query.ListCollectedParams{
			LibraryID: id, ToAt: from.ToAt, ID: from.ID, Until: from.Until, Lim: from.Lim,
		})
		rows = convert(all, func(row query.ListCollectedRow) query.ListCollectedOfTypeRow {
			return query.ListCollectedOfTypeRow(row)
		})
	}
	if err != nil && !errors.Is(libraryError(err), library.ErrNotFound) { // an id that no row can have
		return nil, nil, wrap("list files from sources", err)
	}
	for _, row := range rows {
		files = append(files, toListedFile(query.File{
			ID: row.ID, LibraryID: row.LibraryID, ApplicationID: row.ApplicationID, ContractID: row.ContractID,
			Metadata: row.Metadata, Size: row.Size, CreatedAt: row.CreatedAt,
		}))
		cursors = append(cursors, library.CollectedCursor{To: fromMillis(row.ToAt), ID: row.ID})
	}
	return files, cursors, nil
}

// putCollected adds a fetched file, or its newer version. The transaction has locked the library.
func putCollected(ctx context.Context, q *query.Queries, c library.CollectedFile) error {
	file, from := c.File, c.File.Collected
	extra := query.AddCollectedParams{
		FileID:      file.ID,
		LibraryID:   file.Library,
		AccountID:   from.Account,
		ItemKey:     from.Key,
		GroupID:     query.Number(from.Group),
		ServiceID:   query.Number(from.Service),
		ObjectType:  query.Number(from.ObjectType),
		FromAt:      query.Number(from.From),
		ToAt:        query.Number(from.To),
		Fingerprint: c.Fingerprint,
		Binding:     c.Binding,
		Origin:      validText(from.Origin),
	}
	if extra.ToAt == 0 {
		extra.ToAt = maxMillis
	}
	usage := query.AddUsageParams{
		LibraryID: file.Library, ApplicationID: file.Application, ContractID: file.Contract,
		Bytes: query.Number(file.Size),
	}
	if c.IsNew {
		if err := addUsage(ctx, q, usage, c.Quota); err != nil {
			return err
		}
		err := q.AddFile(ctx, query.AddFileParams{
			ID: file.ID, LibraryID: file.Library, ApplicationID: file.Application, ContractID: file.Contract,
			Metadata: file.MetadataJSON, Size: query.Number(file.Size), CreatedAt: toMillis(file.CreatedAt),
		})
		if err == nil {
			err = q.AddContent(ctx, query.AddContentParams{
				FileID: file.ID, Format: c.Content.Format, SealedKey: c.Content.Key, Data: c.Content.Inline,
			})
		}
		if err == nil {
			err = q.AddCollected(ctx, extra)
		}
		return err
	}
	before, err := q.GetFile(ctx, file.ID, file.Library)
	if err != nil {
		return err
	}
	// It counts for the contract that it was fetched for last.
	usage.ApplicationID, usage.ContractID = before.ApplicationID, before.ContractID
	err = q.UpdateFile(ctx, query.UpdateFileParams{
		ApplicationID: file.Application, ContractID: file.Contract,
		Metadata: file.MetadataJSON, Size: query.Number(file.Size), CreatedAt: toMillis(file.CreatedAt),
		ID: file.ID, LibraryID: file.Library,
	})
	if err == nil {
		err = q.UpdateContent(ctx, query.UpdateContentParams{
			Format: c.Content.Format, SealedKey: c.Content.Key, Data: c.Content.Inline, FileID: file.ID,
		})
	}
	if err == nil {
		err = q.UpdateCollected(ctx, query.UpdateCollectedParams{
			GroupID: extra.GroupID, ServiceID: extra.ServiceID, ObjectType: extra.ObjectType, FromAt: extra.FromAt,
			ToAt: extra.ToAt, Fingerprint: extra.Fingerprint, Binding: extra.Binding, AccountID: extra.AccountID,
			Origin: extra.Origin, FileID: file.ID,
		})
	}
	if err != nil {
		return err
	}
	if err := q.SubtractUsage(ctx, query.SubtractUsageParams{
		Bytes: before.Size, LibraryID: usage.LibraryID, ApplicationID: usage.ApplicationID,
		ContractID: usage.ContractID,
	}); err != nil {
		return err
	}
	usage.ApplicationID, usage.ContractID = file.Application, file.Contract
	quota := library.Quota{Bytes: c.Quota.Bytes} // the file has its place already
	if file.Size <= int64(before.Size) {
		quota.Bytes = 0
	}
	return addUsage(ctx, q, usage, quota)
}
