package store

import (
	"context"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// AddApplication adds an application.
func (db *DB) AddApplication(ctx context.Context, a library.Application) error {
	return db.write(ctx, "add application", func(ctx context.Context, q *query.Queries) error {
		return q.AddApplication(ctx, query.AddApplicationParams{
			ID:         a.ID,
			Name:       text(a.Name),
			PartnerID:  text(a.PartnerID),
			About:      text(a.About),
			Checked:    a.Checked,
			CreatedAt:  millis(a.CreatedAt),
			DisabledAt: millis(a.DisabledAt),
		})
	})
}

// AddContract adds a contract to its application.
func (db *DB) AddContract(ctx context.Context, c library.Contract) error {
	const doing = "add contract"
	redirectURIs, err := encode(c.RedirectURIs)
	if err != nil {
		return in(doing, err)
	}
	scope, err := encode(c.Scope)
	if err != nil {
		return in(doing, err)
	}
	return db.write(ctx, doing, func(ctx context.Context, q *query.Queries) error {
		return q.AddContract(ctx, query.AddContractParams{
			ID:            c.ID,
			ApplicationID: c.Application,
			Access:        c.Access,
			PublicKey:     text(c.PublicKey),
			RedirectURIs:  redirectURIs,
			Scope:         scope,
			Purpose:       text(c.Purpose),
			Terms:         text(c.Terms),
			Privacy:       text(c.Privacy),
			GrantFor:      c.GrantFor.Milliseconds(),
			CreatedAt:     millis(c.CreatedAt),
			ExpiresAt:     millis(c.ExpiresAt),
			DisabledAt:    millis(c.DisabledAt),
		})
	})
}

// GetClient finds a contract of an application.
func (db *DB) GetClient(ctx context.Context, id wire.ClientID) (library.Client, error) {
	c, err := db.client(ctx, id.Contract)
	if err == nil && c.Application.ID != id.Application {
		c, err = library.Client{}, library.ErrNotFound
	}
	return c, in("get client", err)
}

// GetContract finds a contract by its id alone.
func (db *DB) GetContract(ctx context.Context, id wire.ContractID) (library.Client, error) {
	c, err := db.client(ctx, id)
	return c, in("get contract", err)
}

func (db *DB) client(ctx context.Context, id wire.ContractID) (library.Client, error) {
	row, err := db.reader.GetClient(ctx, id)
	if err != nil {
		return library.Client{}, err
	}
	c, err := contract(row.Contract)
	if err != nil {
		return library.Client{}, err
	}
	return library.Client{Application: application(row.Application), Contract: c}, nil
}

// ListApplications lists all applications, oldest first.
func (db *DB) ListApplications(ctx context.Context) ([]library.Application, error) {
	rows, err := db.reader.ListApplications(ctx)
	if err != nil {
		return nil, in("list applications", err)
	}
	list := make([]library.Application, 0, len(rows))
	for _, row := range rows {
		list = append(list, application(row))
	}
	return list, nil
}

// ListContracts lists an application's contracts, or all, oldest first.
func (db *DB) ListContracts(ctx context.Context, of wire.ApplicationID) ([]library.Contract, error) {
	const doing = "list contracts"
	rows, err := db.reader.ListContracts(ctx, of)
	if err != nil {
		return nil, in(doing, err)
	}
	list, err := each(rows, contract)
	return list, in(doing, err)
}

// DisableApplication ends an application.
func (db *DB) DisableApplication(ctx context.Context, id wire.ApplicationID, at time.Time) error {
	return db.write(ctx, "disable application", func(ctx context.Context, q *query.Queries) error {
		return affected(q.DisableApplication(ctx, millis(at), id))
	})
}

// DisableContract ends a contract.
func (db *DB) DisableContract(ctx context.Context, id wire.ContractID, at time.Time) error {
	return db.write(ctx, "disable contract", func(ctx context.Context, q *query.Queries) error {
		return affected(q.DisableContract(ctx, millis(at), id))
	})
}

func application(row query.Application) library.Application {
	return library.Application{
		ID:         row.ID,
		Name:       row.Name,
		PartnerID:  row.PartnerID,
		About:      row.About,
		Checked:    row.Checked,
		CreatedAt:  moment(row.CreatedAt),
		DisabledAt: moment(row.DisabledAt),
	}
}

func contract(row query.Contract) (library.Contract, error) {
	c := library.Contract{
		ID:          row.ID,
		Application: row.ApplicationID,
		Access:      row.Access,
		PublicKey:   row.PublicKey,
		Purpose:     row.Purpose,
		Terms:       row.Terms,
		Privacy:     row.Privacy,
		GrantFor:    time.Duration(row.GrantFor) * time.Millisecond,
		CreatedAt:   moment(row.CreatedAt),
		ExpiresAt:   moment(row.ExpiresAt),
		DisabledAt:  moment(row.DisabledAt),
	}
	if err := decode(row.RedirectURIs, &c.RedirectURIs); err != nil {
		return library.Contract{}, err
	}
	if err := decode(row.Scope, &c.Scope); err != nil {
		return library.Contract{}, err
	}
	return c, nil
}
