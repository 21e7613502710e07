package store

import (
	"context"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
	"github.com/carrelhq/carrel/internal/wire"
)

// ListAccounts lists what an application may know of a library.
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

// giveAccount returns the library's account at the application, and adds a if there
// is none.
func giveAccount(ctx context.Context, q *query.Queries, a library.Account) (library.Account, error) {
	err := q.AddAccount(ctx, query.AddAccountParams{
		ID:            a.ID,
		Reference:     a.Reference,
		LibraryID:     a.Library,
		ApplicationID: a.Application,
		Subject:       a.Subject,
		CreatedAt:     millis(a.CreatedAt),
	})
	if err != nil {
		return library.Account{}, err
	}
	row, err := q.GetAccount(ctx, a.Library, a.Application)
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
	}
}
