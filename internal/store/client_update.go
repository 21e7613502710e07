package store

import (
	"context"
	"reflect"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// GetApplication implements [library.ClientStore].
func (db *DB) GetApplication(ctx context.Context, id wire.ApplicationID) (library.Application, error) {
	row, err := db.reader.GetApplication(ctx, id)
	if err != nil {
		return library.Application{}, wrap("get application", err)
	}
	return application(row), nil
}

// UpdateApplication implements [library.ClientStore].
func (db *DB) UpdateApplication(ctx context.Context, was, a library.Application) error {
	return db.write(ctx, "update application", func(ctx context.Context, q *query.Queries) error {
		if err := affected(q.LockApplication(ctx, was.ID)); err != nil {
			return err
		}
		row, err := q.GetApplication(ctx, was.ID)
		if err != nil {
			return err
		}
		if application(row) != was {
			return library.ErrChanged
		}
		return q.UpdateApplication(ctx, query.UpdateApplicationParams{
			ID:      was.ID,
			Name:    validText(a.Name),
			About:   validText(a.About),
			Checked: query.Flag(a.Checked),

			QuotaFiles: query.Number(a.Quota.Files),
			QuotaBytes: query.Number(a.Quota.Bytes),
		})
	})
}

// UpdateContract implements [library.ClientStore].
func (db *DB) UpdateContract(ctx context.Context, was, contract library.Contract) error {
	const doing = "update contract"
	redirectURIs, scope, err := encodeContract(contract)
	if err != nil {
		return wrap(doing, err)
	}
	return db.write(ctx, doing, func(ctx context.Context, q *query.Queries) error {
		if err := affected(q.LockContract(ctx, was.ID)); err != nil {
			return err
		}
		row, err := q.GetClient(ctx, was.ID)
		if err != nil {
			return err
		}
		present, err := toContract(row.Contract)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(present, was) {
			return library.ErrChanged
		}
		return q.UpdateContract(ctx, query.UpdateContractParams{
			ID:           was.ID,
			Access:       contract.Access,
			PublicKey:    validText(contract.PublicKey),
			RedirectURIs: redirectURIs,
			Scope:        scope,
			Purpose:      validText(contract.Purpose),
			Terms:        validText(contract.Terms),
			Privacy:      validText(contract.Privacy),
			GrantFor:     query.Number(contract.GrantFor.Milliseconds()),
			ExpiresAt:    toMillis(contract.ExpiresAt),

			DeletesLibrary:  query.Flag(contract.DeletesLibrary),
			OldPublicKey:    validText(contract.OldPublicKey),
			OldKeyExpiresAt: toMillis(contract.OldKeyExpiresAt),
			QuotaFiles:      query.Number(contract.Quota.Files),
			QuotaBytes:      query.Number(contract.Quota.Bytes),
			Sandbox:         query.Flag(contract.Sandbox),
		})
	})
}

// CountGrants implements [library.ClientStore].
func (db *DB) CountGrants(ctx context.Context, c library.Contract, at time.Time) (int, error) {
	n, err := db.reader.CountGrants(ctx, query.CountGrantsParams{
		ContractID: c.ID, Access: c.Access, Allowed: c.Allowed(), At: toMillis(at),
	})
	return int(n), wrap("count grants", err)
}
