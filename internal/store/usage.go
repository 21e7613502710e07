package store

import (
	"context"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// addUsage adds a file to the usage of a library, which is locked. It returns a [*library.QuotaError] if the library
// would have more than the quota.
func addUsage(ctx context.Context, q *query.Queries, added query.AddUsageParams, quota library.Quota) error {
	row, err := q.AddUsage(ctx, added)
	if err != nil {
		return err
	}
	size := int64(added.Bytes)
	before := library.Used{
		Files: int64(row.Files) + int64(row.OtherFiles) - 1,
		Bytes: int64(row.Bytes) + int64(row.OtherBytes) - size,
	}
	return quota.Check(library.LibraryQuota, before, size)
}

// ListUsage implements [library.UsageStore].
func (db *DB) ListUsage(ctx context.Context, id library.ID) ([]library.Usage, error) {
	rows, err := db.reader.ListUsage(ctx, id)
	if err != nil {
		return nil, wrap("list usage", err)
	}
	list := make([]library.Usage, 0, len(rows))
	for _, row := range rows {
		if u := toUsed(row.Files, row.Bytes); u.Files > 0 {
			list = append(list, library.Usage{Application: row.ApplicationID, Contract: row.ContractID, Used: u})
		}
	}
	return list, nil
}

// SumUsage implements [library.UsageStore].
func (db *DB) SumUsage(ctx context.Context, application wire.ApplicationID) ([]library.Usage, error) {
	rows, err := db.reader.SumUsageOfApplication(ctx, application)
	if err != nil {
		return nil, wrap("sum usage", err)
	}
	return convert(rows, func(row query.SumUsageOfApplicationRow) library.Usage {
		return library.Usage{Application: application, Contract: row.ContractID, Used: toUsed(row.Files, row.Bytes)}
	}), nil
}

// AddQuotaEvent implements [library.UsageStore]. The time of the last one is in the rows of the application's usage.
func (db *DB) AddQuotaEvent(ctx context.Context, e library.Event, since time.Time) (added bool, err error) {
	err = db.add(ctx, "add event of a quota", func(ctx context.Context, q *query.Queries) error {
		added = false
		if err := lockLibrary(ctx, q, e.Library); err != nil {
			return err
		}
		times, err := q.ListRefusals(ctx, e.Library, e.Details.Application)
		if err != nil {
			return err
		}
		for _, at := range times {
			// One in the future was put there by somebody else, and keeps nothing from the person.
			if at > toMillis(since) && at <= toMillis(e.At) {
				return nil
			}
		}
		added = true
		if err := db.addEvent(ctx, q, e); err != nil {
			return err
		}
		return q.SetRefusedAt(ctx, query.SetRefusedAtParams{
			LibraryID:     e.Library,
			ApplicationID: e.Details.Application,
			ContractID:    e.Details.Contract,
			RefusedAt:     toMillis(e.At),
		})
	})
	return added && err == nil, err
}

// maxUsed is a number above that of all files and bytes that there can be. See queries/usage.sql.
const maxUsed = 1 << 52

// toUsed returns what a row says is used. What this server does not store counts as nothing.
func toUsed(files, bytes query.Number) (u library.Used) {
	if files >= 0 && files <= maxUsed {
		u.Files = int64(files)
	}
	if bytes >= 0 && bytes <= maxUsed {
		u.Bytes = int64(bytes)
	}
	return u
}

// ListUsageFaults implements [library.CheckStore].
func (db *DB) ListUsageFaults(ctx context.Context, id library.ID, limit int) ([]library.UsageFault, error) {
	rows, err := db.reader.ListUsageFaults(ctx, id, clamp(limit))
	if err != nil {
		return nil, wrap("compare usage", err)
	}
	return convert(rows, func(row query.ListUsageFaultsRow) library.UsageFault {
		return library.UsageFault{
			Application: row.ApplicationID,
			Contract:    row.ContractID,
			Stored:      library.Used{Files: int64(row.StoredFiles), Bytes: int64(row.StoredBytes)},
			Counted:     library.Used{Files: int64(row.UsedFiles), Bytes: int64(row.UsedBytes)},
		}
	}), nil
}

// ListUsageOfNoLibrary implements [library.CheckStore].
func (db *DB) ListUsageOfNoLibrary(ctx context.Context, after library.ID, limit int) ([]library.ID, error) {
	ids, err := db.reader.ListUsageOfNoLibrary(ctx, after, clamp(limit))
	return ids, wrap("list usage of no library", err)
}

// RecountUsage implements [library.CheckStore].
func (db *DB) RecountUsage(ctx context.Context, id library.ID) error {
	return db.write(ctx, "recount usage", func(ctx context.Context, q *query.Queries) error {
		if err := lockLibrary(ctx, q, id); err != nil {
			return err
		}
		if err := q.DeleteUsageOfLibrary(ctx, id); err != nil {
			return err
		}
		return q.RecountUsage(ctx, id)
	})
}
