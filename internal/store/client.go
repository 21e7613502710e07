package store

import (
	"context"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// AddApplication implements [library.ClientStore].
func (db *DB) AddApplication(ctx context.Context, a library.Application) error {
	return db.add(ctx, "add application", func(ctx context.Context, q *query.Queries) error {
		return q.AddApplication(ctx, query.AddApplicationParams{
			ID:         a.ID,
			Name:       validText(a.Name),
			PartnerID:  validText(a.PartnerID),
			About:      validText(a.About),
			Checked:    query.Flag(a.Checked),
			CreatedAt:  toMillis(a.CreatedAt),
			DisabledAt: toMillis(a.DisabledAt),
			QuotaFiles: query.Number(a.Quota.Files),
			QuotaBytes: query.Number(a.Quota.Bytes),
		})
	})
}

// encodeContract returns the columns of a contract that are JSON.
func encodeContract(c library.Contract) (redirectURIs, scope string, err error) {
	if redirectURIs, err = encode(c.RedirectURIs); err == nil {
		scope, err = encode(c.Scope)
	}
	return redirectURIs, scope, err
}

// AddContract implements [library.ClientStore].
func (db *DB) AddContract(ctx context.Context, contract library.Contract) error {
	const doing = "add contract"
	redirectURIs, scope, err := encodeContract(contract)
	if err != nil {
		return wrap(doing, err)
	}
	return db.add(ctx, doing, func(ctx context.Context, q *query.Queries) error {
		return q.AddContract(ctx, query.AddContractParams{
			ID:            contract.ID,
			ApplicationID: contract.Application,
			Access:        contract.Access,
			PublicKey:     validText(contract.PublicKey),
			RedirectURIs:  redirectURIs,
			Scope:         scope,
			Purpose:       validText(contract.Purpose),
			Terms:         validText(contract.Terms),
			Privacy:       validText(contract.Privacy),
			GrantFor:      query.Number(contract.GrantFor.Milliseconds()),
			CreatedAt:     toMillis(contract.CreatedAt),
			ExpiresAt:     toMillis(contract.ExpiresAt),
			DisabledAt:    toMillis(contract.DisabledAt),

			DeletesLibrary:  query.Flag(contract.DeletesLibrary),
			OldPublicKey:    validText(contract.OldPublicKey),
			OldKeyExpiresAt: toMillis(contract.OldKeyExpiresAt),
			QuotaFiles:      query.Number(contract.Quota.Files),
			QuotaBytes:      query.Number(contract.Quota.Bytes),
			Sandbox:         query.Flag(contract.Sandbox),
		})
	})
}

// GetClient implements [library.ClientStore].
func (db *DB) GetClient(ctx context.Context, id wire.ClientID) (library.Client, error) {
	c, err := db.client(ctx, id.Contract)
	if err == nil && c.Application.ID != id.Application {
		c, err = library.Client{}, library.ErrNotFound
	}
	return c, wrap("get client", err)
}

// GetClientOfContract implements [library.ClientStore].
func (db *DB) GetClientOfContract(ctx context.Context, id wire.ContractID) (library.Client, error) {
	c, err := db.client(ctx, id)
	return c, wrap("get client of contract", err)
}

func (db *DB) client(ctx context.Context, id wire.ContractID) (library.Client, error) {
	row, err := db.reader.GetClient(ctx, id)
	if err != nil {
		return library.Client{}, err
	}
	c, err := toContract(row.Contract)
	if err != nil {
		return library.Client{}, err
	}
	return library.Client{Application: application(row.Application), Contract: c}, nil
}

// ListApplications implements [library.ClientStore].
func (db *DB) ListApplications(ctx context.Context) ([]library.Application, error) {
	rows, err := db.reader.ListApplications(ctx)
	if err != nil {
		return nil, wrap("list applications", err)
	}
	return convert(rows, application), nil
}

// ListContracts implements [library.ClientStore].
func (db *DB) ListContracts(ctx context.Context, of wire.ApplicationID) ([]library.Contract, error) {
	const doing = "list contracts"
	rows, err := db.reader.ListContracts(ctx, of)
	if err != nil {
		return nil, wrap(doing, err)
	}
	list := make([]library.Contract, 0, len(rows))
	for _, row := range rows {
		contract, err := toContract(row)
		if err != nil {
			return nil, wrap(doing, err)
		}
		list = append(list, contract)
	}
	return list, nil
}

// DisableApplication implements [library.ClientStore].
func (db *DB) DisableApplication(ctx context.Context, id wire.ApplicationID, at time.Time) error {
	return db.write(ctx, "disable application", func(ctx context.Context, q *query.Queries) error {
		return affected(q.DisableApplication(ctx, toMillis(at), id))
	})
}

// DisableContract implements [library.ClientStore].
func (db *DB) DisableContract(ctx context.Context, id wire.ContractID, at time.Time) error {
	return db.write(ctx, "disable contract", func(ctx context.Context, q *query.Queries) error {
		return affected(q.DisableContract(ctx, toMillis(at), id))
	})
}

// EnableApplication implements [library.ClientStore].
func (db *DB) EnableApplication(ctx context.Context, id wire.ApplicationID) error {
	return db.write(ctx, "enable application", func(ctx context.Context, q *query.Queries) error {
		return affected(q.EnableApplication(ctx, id))
	})
}

// EnableContract implements [library.ClientStore].
func (db *DB) EnableContract(ctx context.Context, id wire.ContractID) error {
	return db.write(ctx, "enable contract", func(ctx context.Context, q *query.Queries) error {
		return affected(q.EnableContract(ctx, id))
	})
}

func application(row query.Application) library.Application {
	return library.Application{
		ID:         row.ID,
		Name:       row.Name,
		PartnerID:  row.PartnerID,
		About:      row.About,
		Checked:    bool(row.Checked),
		CreatedAt:  fromMillis(row.CreatedAt),
		DisabledAt: fromMillis(row.DisabledAt),
		Quota:      library.QuotaOverride{Files: int64(row.QuotaFiles), Bytes: int64(row.QuotaBytes)},
	}
}

func toContract(row query.Contract) (library.Contract, error) {
	contract := library.Contract{
		ID:          row.ID,
		Application: row.ApplicationID,
		Access:      row.Access,
		PublicKey:   row.PublicKey,
		Purpose:     row.Purpose,
		Terms:       row.Terms,
		Privacy:     row.Privacy,
		GrantFor:    time.Duration(row.GrantFor) * time.Millisecond,
		CreatedAt:   fromMillis(row.CreatedAt),
		ExpiresAt:   fromMillis(row.ExpiresAt),
		DisabledAt:  fromMillis(row.DisabledAt),

		DeletesLibrary:  bool(row.DeletesLibrary),
		Sandbox:         bool(row.Sandbox),
		OldPublicKey:    row.OldPublicKey,
		OldKeyExpiresAt: fromMillis(row.OldKeyExpiresAt),
		Quota:           library.QuotaOverride{Files: int64(row.QuotaFiles), Bytes: int64(row.QuotaBytes)},
	}
	if err := decode(row.RedirectURIs, &contract.RedirectURIs); err != nil {
		return library.Contract{}, err
	}
	if err := decode(row.Scope, &contract.Scope); err != nil {
		return library.Contract{}, err
	}
	return contract, nil
}
