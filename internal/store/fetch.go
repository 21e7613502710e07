package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/fetch"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// RequestFetch implements [fetch.Store].
func (db *DB) RequestFetch(ctx context.Context, f fetch.Fetch) error {
	return db.add(ctx, "request fetch", func(ctx context.Context, q *query.Queries) error {
		if err := lockOpenLibrary(ctx, q, f.Library); err != nil {
			return err
		}
		if err := mayFetch(ctx, q, f.Grant, f.Account, f.CreatedAt); err != nil {
			return err
		}
		return q.RequestFetch(ctx, query.RequestFetchParams{
			AccountID:     f.Account,
			LibraryID:     f.Library,
			ApplicationID: f.Application,
			ContractID:    f.Contract,
			GrantID:       f.Grant,
			Deadline:      toMillis(f.Deadline),
			At:            toMillis(f.CreatedAt),
		})
	})
}

// mayFetch returns ErrNotFound if the grant is not in force, or if the account is not the grant's.
func mayFetch(
	ctx context.Context, q *query.Queries, grant library.GrantID, account wire.AccountID, now time.Time,
) error {
	may, err := q.MayPost(ctx, grant, toMillis(now), string(account))
	if err == nil && !may {
		err = library.ErrNotFound
	}
	return err
}

// GetFetch implements [fetch.Store].
func (db *DB) GetFetch(ctx context.Context, id library.ID, account wire.AccountID) (fetch.Fetch, error) {
	row, err := db.reader.GetFetch(ctx, account)
	if err == nil && row.LibraryID != id {
		err = library.ErrNotFound
	}
	if err != nil {
		return fetch.Fetch{}, wrap("get fetch", err)
	}
	return toFetch(row), nil
}

// ListFetches implements [fetch.Store].
func (db *DB) ListFetches(ctx context.Context, id library.ID) ([]fetch.Fetch, error) {
	rows, err := db.reader.ListFetches(ctx, id)
	if err != nil {
		return nil, wrap("list fetches", err)
	}
	return convert(rows, toFetch), nil
}

// ClaimFetches implements [fetch.Store]. It claims one after the other, in the order of their ids, as ClaimDeliveries
// does.
func (db *DB) ClaimFetches(
	ctx context.Context, lease string, now, until time.Time, places, limit int,
) ([]fetch.Fetch, error) {
	var rows []query.Fetch
	err := db.add(ctx, "claim fetches", func(ctx context.Context, q *query.Queries) error {
		rows = nil
		ids, err := q.ListClaimableFetches(ctx, toMillis(now), query.Number(places), clamp(limit))
		if err != nil {
			return err
		}
		slices.Sort(ids)
		for _, id := range ids {
			row, err := q.ClaimFetch(ctx, query.ClaimFetchParams{
				Lease: lease, Until: toMillis(until), AccountID: id, Now: toMillis(now),
			})
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return convert(rows, toFetch), nil
}

// extendFetch extends a lease whose grant is in force.
func extendFetch(
	ctx context.Context, q *query.Queries, account wire.AccountID, lease string, now, until time.Time,
) error {
	grant, err := q.ExtendFetch(ctx, query.ExtendFetchParams{
		Until: toMillis(until), AccountID: account, Lease: lease, Now: toMillis(now),
	})
	if errors.Is(err, sql.ErrNoRows) {
		return fetchError(ctx, q, account)
	}
	if err != nil {
		return err
	}
	return mayFetch(ctx, q, grant, account, now)
}

// fetchError returns why a fetch could not be changed: ErrNotFound or ErrUsed.
func fetchError(ctx context.Context, q *query.Queries, account wire.AccountID) error {
	if _, err := q.GetFetch(ctx, account); err != nil {
		return err
	}
	return library.ErrUsed
}

// ExtendFetch implements [fetch.Store].
func (db *DB) ExtendFetch(
	ctx context.Context, account wire.AccountID, lease string, now, until time.Time,
) error {
	return db.add(ctx, "extend fetch", func(ctx context.Context, q *query.Queries) error {
		return extendFetch(ctx, q, account, lease, now, until)
	})
}

// StoreItem implements [fetch.Store].
func (db *DB) StoreItem(ctx context.Context, s fetch.Step, file *library.CollectedFile) error {
	run := db.add
	if file != nil && !file.IsNew {
		run = db.write // the older version has to disappear
	}
	return run(ctx, "store item of a fetch", func(ctx context.Context, q *query.Queries) error {
		row, err := q.GetFetch(ctx, s.Account)
		if err != nil {
			return err
		}
		// The lock keeps the grant and the account from ending before the transaction does.
		if err := lockOpenLibrary(ctx, q, row.LibraryID); err != nil {
			return err
		}
		if row, err = q.GetFetch(ctx, s.Account); err != nil {
			return err
		}
		if row.Lease != s.Lease || s.Lease == "" || row.LeaseUntil <= toMillis(s.Now) {
			return library.ErrUsed
		}
		if err := mayFetch(ctx, q, row.GrantID, s.Account, s.Now); err != nil {
			return err
		}
		files := query.Number(0)
		if file != nil {
			if file.File.Library != row.LibraryID || file.Grant != row.GrantID {
				return library.ErrNotFound
			}
			if err := markUsed(ctx, q, file.Grant, seal.Hash{}, row.LibraryID, s.Now); err != nil {
				return err
			}
			if err := putCollected(ctx, q, *file); err != nil {
				return err
			}
			if err := addCollection(ctx, q, *file, row.CreatedAt); err != nil {
				return err
			}
			files = 1
		}
		return affected(q.AdvanceFetch(ctx, query.AdvanceFetchParams{
			Position: validText(s.Position), Files: files, At: toMillis(s.Now), AccountID: s.Account, Lease: s.Lease,
		}))
	})
}

// PostponeFetch implements [fetch.Store].
func (db *DB) PostponeFetch(
	ctx context.Context, account wire.AccountID, lease string, now, next time.Time,
) error {
	return db.add(ctx, "postpone fetch", func(ctx context.Context, q *query.Queries) error {
		rows, err := q.PostponeFetch(ctx, query.PostponeFetchParams{
			NextAt: toMillis(next), At: toMillis(now), AccountID: account, Lease: lease,
		})
		if err == nil && rows == 0 {
			return fetchError(ctx, q, account)
		}
		return err
	})
}

// EndFetch implements [fetch.Store].
func (db *DB) EndFetch(ctx context.Context, f fetch.Fetch, e library.Event) error {
	const doing = "end fetch"
	problem := ""
	if f.Problem != nil {
		var err error
		if problem, err = encode(f.Problem); err != nil {
			return wrap(doing, err)
		}
	}
	return db.add(ctx, doing, func(ctx context.Context, q *query.Queries) error {
		if e.Library != "" {
			if err := db.addEvent(ctx, q, e); err != nil {
				return err
			}
		}
		rows, err := q.EndFetch(ctx, query.EndFetchParams{
			State: string(f.State), Problem: problem, At: toMillis(f.UpdatedAt), AccountID: f.Account, Lease: f.Lease,
		})
		if err == nil && rows == 0 {
			return fetchError(ctx, q, f.Account)
		}
		return err
	})
}

// NextFetch implements [fetch.Store].
func (db *DB) NextFetch(ctx context.Context) (time.Time, error) {
	due, err := db.reader.NextFetch(ctx)
	return fromMillis(due), wrap("next fetch", err)
}

func toFetch(row query.Fetch) fetch.Fetch {
	f := fetch.Fetch{
		Account:     row.AccountID,
		Library:     row.LibraryID,
		Application: row.ApplicationID,
		Contract:    row.ContractID,
		Grant:       row.GrantID,
		State:       fetch.State(row.State),
		Position:    row.Position,
		Files:       int(row.Files),
		Attempts:    int(row.Attempts),
		Lease:       row.Lease,
		LeaseUntil:  fromMillis(row.LeaseUntil),
		NextAt:      fromMillis(row.NextAt),
		Deadline:    fromMillis(row.Deadline),
		CreatedAt:   fromMillis(row.CreatedAt),
		UpdatedAt:   fromMillis(row.UpdatedAt),
	}
	if row.Problem != "" {
		f.Problem = decoded[*wire.AccountError](row.Problem)
	}
	return f
}
