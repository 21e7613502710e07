package store

import (
	"context"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// AddAccountHandle implements [library.AccountHandleStore].
func (db *DB) AddAccountHandle(ctx context.Context, h library.AccountHandle) error {
	return db.addBounded(ctx, "add account handle", func(ctx context.Context, q *query.Queries) (int64, error) {
		err := q.AddAccountHandle(ctx, query.AddAccountHandleParams{
			ID:            h.ID,
			Kind:          h.Kind,
			ApplicationID: h.Client.Application,
			ContractID:    h.Client.Contract,
			AccountID:     wire.AccountID(validText(string(h.Account))),
			ExpiresAt:     toMillis(h.ExpiresAt),
		})
		if err != nil {
			return 0, err
		}
		return q.DeleteOldestAccountHandles(ctx, h.Client.Contract, clamp(db.limits.AccountHandles))
	})
}

// GetAccountHandle implements [library.AccountHandleStore].
func (db *DB) GetAccountHandle(ctx context.Context, id string) (library.AccountHandle, error) {
	row, err := db.reader.GetAccountHandle(ctx, id)
	if err != nil {
		return library.AccountHandle{}, wrap("get account handle", err)
	}
	return library.AccountHandle{
		ID:        row.ID,
		Kind:      row.Kind,
		Client:    wire.ClientID{Application: row.ApplicationID, Contract: row.ContractID},
		Account:   row.AccountID,
		ExpiresAt: fromMillis(row.ExpiresAt),
	}, nil
}
