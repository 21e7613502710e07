package store

import (
	"context"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// ListAccounts implements [library.AccountStore].
func (db *DB) ListAccounts(ctx context.Context, id library.ID, of wire.ApplicationID) ([]library.Account, error) {
	rows, err := db.reader.ListAccounts(ctx, id, of)
	if err != nil {
		return nil, wrap("list accounts", err)
	}
	list := make([]library.Account, 0, len(rows))
	for _, row := range rows {
		list = append(list, toAccount(row))
	}
	return list, nil
}

// GetUserAccount implements [library.AccountStore].
func (db *DB) GetUserAccount(ctx context.Context, id library.ID, of wire.ApplicationID) (library.Account, error) {
	row, err := db.reader.GetAccount(ctx, id, of)
	if err != nil {
		return library.Account{}, wrap("get account of the person", err)
	}
	return toAccount(row), nil
}

// HideAccount implements [library.AccountStore].
func (db *DB) HideAccount(ctx context.Context, id library.ID, of wire.ApplicationID, at time.Time) error {
	return db.write(ctx, "hide account", func(ctx context.Context, q *query.Queries) error {
		return q.HideAccount(ctx, toMillis(at), id, of)
	})
}

// addOrShowAccount adds the account, unless the library has one at the application: that is
// shown if it was hidden. It returns the account that there is then.
func addOrShowAccount(ctx context.Context, q *query.Queries, a library.Account) (library.Account, error) {
	row, err := q.AddOrShowAccount(ctx, query.AddOrShowAccountParams{
		ID:            a.ID,
		Reference:     a.Reference,
		LibraryID:     a.Library,
		ApplicationID: a.Application,
		Subject:       a.Subject,
		CreatedAt:     toMillis(a.CreatedAt),
	})
	return toAccount(row), err
}

func toAccount(row query.Account) library.Account {
	return library.Account{
		ID:          row.ID,
		Reference:   row.Reference,
		Library:     row.LibraryID,
		Application: row.ApplicationID,
		Subject:     row.Subject,
		CreatedAt:   fromMillis(row.CreatedAt),
		HiddenAt:    fromMillis(row.HiddenAt),
	}
}
