package store

import (
	"context"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// ListAccounts lists what an application may know of a library, but for what is hidden.
func (db *DB) ListAccounts(ctx context.Context, id library.ID, of wire.ApplicationID) ([]library.Account, error) {
	rows, err := db.reader.ListAccounts(ctx, id, of)
	if err != nil {
		return nil, in("list accounts", err)
	}
	list := make([]library.Account, 0, len(rows))
	for _, row := range rows {
		list = append(list, account(row))
	}
	return list, nil
}

// GetUserAccount finds the account that stands for the person at an application.
func (db *DB) GetUserAccount(ctx context.Context, id library.ID, of wire.ApplicationID) (library.Account, error) {
	row, err := db.reader.GetAccount(ctx, id, of)
	if err != nil {
		return library.Account{}, in("get account of the person", err)
	}
	return account(row), nil
}

// HideAccount hides the account that stands for the person from an application.
func (db *DB) HideAccount(ctx context.Context, id library.ID, of wire.ApplicationID, at time.Time) error {
	return db.write(ctx, "hide account", func(ctx context.Context, q *query.Queries) error {
		return q.HideAccount(ctx, millis(at), id, of)
	})
}

// giveAccount returns the library's account at the application, and adds a if there
// is none. One that was hidden is so no longer.
func giveAccount(ctx context.Context, q *query.Queries, a library.Account) (library.Account, error) {
	row, err := q.GiveAccount(ctx, query.GiveAccountParams{
		ID:            a.ID,
		Reference:     a.Reference,
		LibraryID:     a.Library,
		ApplicationID: a.Application,
		Subject:       a.Subject,
		CreatedAt:     millis(a.CreatedAt),
	})
	return account(row), err
}

// AddReference gives out a handle for an account.
func (db *DB) AddReference(ctx context.Context, r library.AccountReference) error {
	return db.write(ctx, "add reference", func(ctx context.Context, q *query.Queries) error {
		return q.AddReference(ctx, query.AddReferenceParams{
			ID:            r.ID,
			ApplicationID: r.Client.Application,
			ContractID:    r.Client.Contract,
			AccountID:     wire.AccountID(text(string(r.Account))),
			ExpiresAt:     millis(r.ExpiresAt),
		})
	})
}

// GetReference follows a handle.
func (db *DB) GetReference(ctx context.Context, id string) (library.AccountReference, error) {
	row, err := db.reader.GetReference(ctx, id)
	if err != nil {
		return library.AccountReference{}, in("get reference", err)
	}
	return library.AccountReference{
		ID:        row.ID,
		Client:    wire.ClientID{Application: row.ApplicationID, Contract: row.ContractID},
		Account:   row.AccountID,
		ExpiresAt: moment(row.ExpiresAt),
	}, nil
}

func account(row query.Account) library.Account {
	return library.Account{
		ID:          row.ID,
		Reference:   row.Reference,
		Library:     row.LibraryID,
		Application: row.ApplicationID,
		Subject:     row.Subject,
		CreatedAt:   moment(row.CreatedAt),
		HiddenAt:    moment(row.HiddenAt),
	}
}
