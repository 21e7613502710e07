package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// Connect implements [delivery.ConnectionStore].
func (db *DB) Connect(
	ctx context.Context, request seal.Hash, again wire.AccountID, c delivery.Connection, e library.Event,
) (delivery.Connection, error) {
	const doing = "connect account"
	source, err := encode(c.Source)
	if err != nil {
		return delivery.Connection{}, wrap(doing, err)
	}
	var row query.Connection
	err = db.write(ctx, doing, func(ctx context.Context, q *query.Queries) (err error) {
		if err := lockOpenLibrary(ctx, q, c.Library); err != nil {
			return err
		}
		if err := affected(q.LockOpenAuthRequest(ctx, request)); err != nil {
			return err
		}
		before, err := q.GetAuthRequest(ctx, request)
		if err != nil {
			return err
		}
		if c.Source.IsPull() {
			if row, err = connectedBefore(ctx, q, before.AccountID, c, source); !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		if row, err = db.addOrRenewConnection(ctx, q, before.ContractID, again, c, source); err != nil {
			return err
		}
		// The account that was connected for the request before, if it is pending, goes.
		if before.AccountID != row.ID {
			if err := db.endPendingConnection(ctx, q, before.AccountID, c.UpdatedAt); err != nil {
				return err
			}
		}
		if err := q.SetAuthRequestAccount(ctx, request, row.ID); err != nil {
			return err
		}
		event := e
		event.Details.Account = wire.AccountID(row.ID)
		return db.addEvent(ctx, q, event)
	})
	if err != nil {
		return delivery.Connection{}, err
	}
	return toConnection(row), nil
}

// connectedBefore returns the account that is connected for a request already, if it is what c would be: nothing about
// it is new, unlike the tokens of a provider. It returns sql.ErrNoRows if it is another one, or if there is none.
func connectedBefore(
	ctx context.Context, q *query.Queries, account string, c delivery.Connection, source string,
) (query.Connection, error) {
	row, err := q.GetConnection(ctx, account)
	if err == nil && (row.LibraryID != c.Library || row.ApplicationID != c.Application || row.Source != source ||
		row.EndedAt != 0) {
		err = sql.ErrNoRows
	}
	return row, err
}

// addOrRenewConnection renews the account that is to be connected again or, if none is named, the
// one that the active grant of the contract has at the same source. If it has none, it adds c.
func (db *DB) addOrRenewConnection(
	ctx context.Context, q *query.Queries, contract wire.ContractID, again wire.AccountID, c delivery.Connection,
	source string,
) (query.Connection, error) {
	old, err := connectionToRenew(ctx, q, contract, again, c)
	switch {
	case err == nil:
		access, err := db.reconnectAccess(ctx, q, c, old, again != "")
		if err != nil {
			return query.Connection{}, err
		}
		return q.RenewConnection(ctx, query.RenewConnectionParams{
			ID:          old.ID,
			Source:      source,
			Access:      access,
			AccessUntil: toMillis(c.AccessUntil),
			Correlation: validText(c.Correlation),
			UpdatedAt:   toMillis(c.UpdatedAt),
		})
	case again != "" || !errors.Is(err, sql.ErrNoRows):
		return query.Connection{}, err
	}
	return q.AddConnection(ctx, query.AddConnectionParams{
		ID:            string(c.ID),
		Reference:     string(c.Reference),
		LibraryID:     c.Library,
		ApplicationID: c.Application,
		SourceID:      query.Number(c.Source.ID),
		Source:        source,
		Pending:       query.Flag(c.Pending),
		Access:        c.Access,
		AccessVersion: query.Number(c.AccessVersion),
		AccessUntil:   toMillis(c.AccessUntil),
		EndedAt:       toMillis(c.EndedAt),
		Correlation:   validText(c.Correlation),
		CreatedAt:     toMillis(c.CreatedAt),
		UpdatedAt:     toMillis(c.UpdatedAt),
		LastUsedAt:    toMillis(c.LastUsedAt),
	})
}

// reconnectAccess returns the tokens of c for an account that is connected again. The contract is that
// of the account's grant.
func (db *DB) reconnectAccess(
	ctx context.Context, q *query.Queries, c delivery.Connection, old query.Connection, again bool,
) ([]byte, error) {
	grant, err := q.GetGrant(ctx, old.GrantID)
	if err != nil && !errors.Is(err, sql.ErrNoRows) { // without its grant nobody can use the account
		return nil, err
	}
	return db.moveAccess(delivery.AccessMove{From: c, To: toConnection(old), Contract: grant.ContractID, Again: again})
}

// moveAccess returns the tokens of m.From as those of m.To.
func (db *DB) moveAccess(m delivery.AccessMove) ([]byte, error) {
	if db.boxes == nil {
		return m.From.Access, nil
	}
	return db.boxes.MoveAccess(m)
}

func connectionToRenew(
	ctx context.Context, q *query.Queries, contract wire.ContractID, again wire.AccountID, c delivery.Connection,
) (query.Connection, error) {
	if again == "" {
		return q.FindConnectionOfContract(ctx, query.FindConnectionOfContractParams{
			LibraryID:  c.Library,
			ContractID: contract,
			At:         toMillis(c.UpdatedAt),
			SourceID:   query.Number(c.Source.ID),
		})
	}
	row, err := q.GetConnection(ctx, string(again))
	if err == nil && (row.LibraryID != c.Library || row.ApplicationID != c.Application ||
		row.SourceID != query.Number(c.Source.ID)) {
		err = sql.ErrNoRows
	}
	return row, err
}

// giveConnection gives the account that is connected for a request to a grant, so that it is no
// longer pending. If the grant has an account at the same source already, that one gets the new
// access, and takes the place of the other in the request. The contract is the grant's. It returns the id
// of the account.
func (db *DB) giveConnection(
	ctx context.Context, q *query.Queries, request seal.Hash, row query.Connection, grant library.GrantID,
	contract wire.ContractID,
) (wire.AccountID, error) {
	from := toConnection(row)
	move := delivery.AccessMove{From: from, To: from, Contract: contract}
	old, err := q.FindConnectionOfGrant(ctx, grant, row.SourceID)
	if errors.Is(err, sql.ErrNoRows) {
		move.To.Grant = grant
		access, err := db.moveAccess(move)
		if err != nil {
			return "", err
		}
		return from.ID, q.GiveConnectionGrant(ctx, row.ID, grant, access)
	}
	if err != nil {
		return "", err
	}
	move.To = toConnection(old)
	access, err := db.moveAccess(move)
	if err != nil {
		return "", err
	}
	if _, err := q.DeleteConnection(ctx, row.ID); err != nil {
		return "", err
	}
	_, err = q.RenewConnection(ctx, query.RenewConnectionParams{
		ID:          old.ID,
		Source:      row.Source,
		Access:      access,
		AccessUntil: row.AccessUntil,
		Correlation: row.Correlation,
		UpdatedAt:   row.UpdatedAt,
	})
	if err != nil {
		return "", err
	}
	return wire.AccountID(old.ID), q.SetAuthRequestAccount(ctx, request, old.ID)
}

// GetConnection implements [delivery.ConnectionStore].
func (db *DB) GetConnection(
	ctx context.Context, id library.ID, account wire.AccountID, notPending bool,
) (delivery.Connection, error) {
	const doing = "get account"
	row, err := db.reader.GetConnection(ctx, string(account))
	if err == nil && (row.LibraryID != id || notPending && bool(row.Pending)) {
		err = library.ErrNotFound
	}
	if err != nil {
		return delivery.Connection{}, wrap(doing, err)
	}
	return toConnection(row), nil
}

// ListConnections implements [delivery.ConnectionStore].
func (db *DB) ListConnections(
	ctx context.Context, id library.ID, of wire.ApplicationID,
) ([]delivery.Connection, error) {
	const doing = "list accounts"
	rows, err := db.reader.ListConnections(ctx, id, of)
	if err != nil {
		return nil, wrap(doing, err)
	}
	return convert(rows, toConnection), nil
}

// ClaimRefresh implements [delivery.ConnectionStore].
func (db *DB) ClaimRefresh(
	ctx context.Context, account wire.AccountID, version int64, now, until time.Time,
) (delivery.Connection, error) {
	const doing = "claim refresh"
	var row query.Connection
	err := db.add(ctx, doing, func(ctx context.Context, q *query.Queries) (err error) {
		row, err = q.ClaimRefresh(ctx, query.ClaimRefreshParams{
			Until:   toMillis(until),
			ID:      string(account),
			Version: query.Number(version),
			Now:     toMillis(now),
		})
		if errors.Is(err, sql.ErrNoRows) {
			return connectionError(ctx, q, account)
		}
		return err
	})
	if err != nil {
		return delivery.Connection{}, err
	}
	return toConnection(row), nil
}

// StoreTokens implements [delivery.ConnectionStore].
func (db *DB) StoreTokens(
	ctx context.Context, account wire.AccountID, version int64, access []byte, accessUntil, at time.Time,
) error {
	return db.write(ctx, "store tokens", func(ctx context.Context, q *query.Queries) error {
		rows, err := q.StoreTokens(ctx, query.StoreTokensParams{
			Access:      access,
			AccessUntil: toMillis(accessUntil),
			At:          toMillis(at),
			ID:          string(account),
			Version:     query.Number(version),
		})
		if err == nil && rows == 0 {
			return connectionError(ctx, q, account)
		}
		return err
	})
}

// connectionError returns why an account could not be changed: ErrNotFound or ErrUsed.
func connectionError(ctx context.Context, q *query.Queries, account wire.AccountID) error {
	if _, err := q.GetConnection(ctx, string(account)); err != nil {
		return err
	}
	return library.ErrUsed
}

// ReleaseRefresh implements [delivery.ConnectionStore].
func (db *DB) ReleaseRefresh(ctx context.Context, account wire.AccountID, version int64) error {
	return db.add(ctx, "release refresh", func(ctx context.Context, q *query.Queries) error {
		return q.ReleaseRefresh(ctx, string(account), query.Number(version))
	})
}

// EndAccess implements [delivery.ConnectionStore].
func (db *DB) EndAccess(
	ctx context.Context, account wire.AccountID, version int64, at time.Time, left []byte, e library.Event,
) error {
	return db.write(ctx, "end access", func(ctx context.Context, q *query.Queries) error {
		if err := lockLibrary(ctx, q, e.Library); err != nil {
			return err
		}
		rows, err := q.EndAccess(ctx, query.EndAccessParams{
			At: toMillis(at), Remainder: left, ID: string(account), Version: query.Number(version),
		})
		if err == nil && rows == 0 {
			return connectionError(ctx, q, account)
		}
		if err != nil {
			return err
		}
		return db.addEvent(ctx, q, e)
	})
}

// Reauthorize implements [delivery.ConnectionStore].
func (db *DB) Reauthorize(ctx context.Context, c delivery.Connection, e library.Event) error {
	const doing = "connect account again"
	source, err := encode(c.Source)
	if err != nil {
		return wrap(doing, err)
	}
	return db.write(ctx, doing, func(ctx context.Context, q *query.Queries) error {
		if err := lockOpenLibrary(ctx, q, c.Library); err != nil {
			return err
		}
		row, err := q.GetConnection(ctx, string(c.ID))
		switch {
		case err != nil:
			return err
		case row.LibraryID != c.Library || bool(row.Pending):
			return library.ErrNotFound
		case row.AccessVersion != query.Number(c.AccessVersion):
			return library.ErrUsed
		}
		_, err = q.RenewConnection(ctx, query.RenewConnectionParams{
			ID:          row.ID,
			Source:      source,
			Access:      c.Access,
			AccessUntil: toMillis(c.AccessUntil),
			Correlation: validText(c.Correlation),
			UpdatedAt:   toMillis(c.UpdatedAt),
		})
		if err != nil {
			return err
		}
		return db.addEvent(ctx, q, e)
	})
}

// Disconnect implements [delivery.ConnectionStore].
func (db *DB) Disconnect(
	ctx context.Context, id library.ID, of wire.ApplicationID, account wire.AccountID, at time.Time, reason string,
	e library.Event,
) error {
	return db.write(ctx, "disconnect account", func(ctx context.Context, q *query.Queries) error {
		if err := db.addEvent(ctx, q, e); err != nil {
			return err
		}
		row, err := q.GetConnection(ctx, string(account))
		if err != nil {
			return err
		}
		if row.LibraryID != id || of != "" && row.ApplicationID != of {
			return library.ErrNotFound
		}
		return endConnection(ctx, q, row.ID, at, reason)
	})
}

// ListUngranted implements [delivery.ConnectionStore].
func (db *DB) ListUngranted(ctx context.Context, now time.Time, limit int) ([]delivery.Connection, error) {
	const doing = "list accounts without a grant"
	rows, err := db.reader.ListUngranted(ctx, toMillis(now), clamp(limit))
	if err != nil {
		return nil, wrap(doing, err)
	}
	return convert(rows, toConnection), nil
}

func toConnection(row query.Connection) delivery.Connection {
	return delivery.Connection{
		ID:            wire.AccountID(row.ID),
		Reference:     library.AccountReference(row.Reference),
		Library:       row.LibraryID,
		Application:   row.ApplicationID,
		Grant:         row.GrantID,
		Source:        decoded[delivery.Source](row.Source),
		Pending:       bool(row.Pending),
		Access:        row.Access,
		AccessVersion: int64(row.AccessVersion),
		AccessUntil:   fromMillis(row.AccessUntil),
		EndedAt:       fromMillis(row.EndedAt),
		Correlation:   row.Correlation,
		CreatedAt:     fromMillis(row.CreatedAt),
		UpdatedAt:     fromMillis(row.UpdatedAt),
		LastUsedAt:    fromMillis(row.LastUsedAt),
	}
}
