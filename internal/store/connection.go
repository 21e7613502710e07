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

// Connect adds an account at a provider, or gives the one that is there new access.
func (db *DB) Connect(ctx context.Context, link seal.Hash, a delivery.Connection, e library.Event) (delivery.Connection, error) {
	const doing = "connect account"
	source, err := encode(a.Source)
	if err != nil {
		return delivery.Connection{}, in(doing, err)
	}
	var row query.ProviderAccount
	err = db.write(ctx, doing, func(ctx context.Context, q *query.Queries) (err error) {
		if err := affected(q.LockLibrary(ctx, a.Library)); err != nil {
			return err
		}
		l, err := q.GetLibrary(ctx, a.Library)
		if err != nil {
			return err
		}
		if l.DeleteAt != 0 {
			return library.ErrNotFound
		}
		if err := affected(q.LockOpenLink(ctx, link)); err != nil {
			return err
		}
		row, err = q.ConnectAccount(ctx, query.ConnectAccountParams{
			ID:            string(a.ID),
			Reference:     string(a.Reference),
			LibraryID:     a.Library,
			ApplicationID: a.Application,
			SourceID:      int64(a.Source.ID),
			Source:        source,
			Pending:       a.Pending,
			Access:        a.Access,
			AccessVersion: a.AccessVersion,
			AccessUntil:   millis(a.AccessUntil),
			EndedAt:       millis(a.EndedAt),
			Correlation:   text(a.Correlation),
			CreatedAt:     millis(a.CreatedAt),
			UpdatedAt:     millis(a.UpdatedAt),
			LastUsedAt:    millis(a.LastUsedAt),
		})
		if err != nil {
			return err
		}
		// One that stood there before and was never allowed is nobody's any more.
		if before, err := q.GetLink(ctx, link); err != nil {
			return err
		} else if before.AccountID != "" && before.AccountID != row.ID {
			if err := q.DeletePendingAccount(ctx, before.AccountID); err != nil {
				return err
			}
		}
		if err := q.SetLinkAccount(ctx, link, row.ID); err != nil {
			return err
		}
		event := e
		event.Details.Account = wire.AccountID(row.ID)
		return addEvent(ctx, q, event)
	})
	if err != nil {
		return delivery.Connection{}, err
	}
	connected, err := providerAccount(row)
	return connected, in(doing, err)
}

// GetConnection finds an account at a provider; a pending one too, unless standing is
// asked for.
func (db *DB) GetConnection(ctx context.Context, id library.ID, account wire.AccountID, standing bool) (delivery.Connection, error) {
	const doing = "get account"
	row, err := db.reader.GetProviderAccount(ctx, string(account))
	if err == nil && (row.LibraryID != id || standing && row.Pending) {
		err = library.ErrNotFound
	}
	if err != nil {
		return delivery.Connection{}, in(doing, err)
	}
	a, err := providerAccount(row)
	return a, in(doing, err)
}

// ListConnections lists a library's accounts at providers, oldest first.
func (db *DB) ListConnections(ctx context.Context, id library.ID, of wire.ApplicationID) ([]delivery.Connection, error) {
	const doing = "list accounts"
	rows, err := db.reader.ListConnected(ctx, id, of)
	if err != nil {
		return nil, in(doing, err)
	}
	list, err := each(rows, providerAccount)
	return list, in(doing, err)
}

// ClaimRefresh gives its caller alone the right to renew an account's access.
func (db *DB) ClaimRefresh(ctx context.Context, account wire.AccountID, version int64, now, until time.Time) (delivery.Connection, error) {
	const doing = "claim renewal"
	var row query.ProviderAccount
	err := db.write(ctx, doing, func(ctx context.Context, q *query.Queries) (err error) {
		row, err = q.ClaimRenewal(ctx, query.ClaimRenewalParams{
			Until:   millis(until),
			ID:      string(account),
			Version: version,
			Now:     millis(now),
		})
		if errors.Is(err, sql.ErrNoRows) {
			return goneOrChanged(ctx, q, account)
		}
		return err
	})
	if err != nil {
		return delivery.Connection{}, err
	}
	a, err := providerAccount(row)
	return a, in(doing, err)
}

// StoreTokens replaces the access of the given version.
func (db *DB) StoreTokens(ctx context.Context, account wire.AccountID, version int64, access []byte, accessUntil, at time.Time) error {
	return db.write(ctx, "store access", func(ctx context.Context, q *query.Queries) error {
		rows, err := q.StoreAccess(ctx, query.StoreAccessParams{
			Access:      access,
			AccessUntil: millis(accessUntil),
			At:          millis(at),
			ID:          string(account),
			Version:     version,
		})
		if err == nil && rows == 0 {
			return goneOrChanged(ctx, q, account)
		}
		return err
	})
}

// goneOrChanged says why an account could not be changed.
func goneOrChanged(ctx context.Context, q *query.Queries, account wire.AccountID) error {
	if _, err := q.GetProviderAccount(ctx, string(account)); err != nil {
		return err
	}
	return library.ErrUsed
}

// ReleaseRefresh gives the right to renew the access of the given version back.
func (db *DB) ReleaseRefresh(ctx context.Context, account wire.AccountID, version int64) error {
	return db.write(ctx, "give back renewal", func(ctx context.Context, q *query.Queries) error {
		return q.GiveBackRenewal(ctx, string(account), version)
	})
}

// EndAccess notes that the provider does not take the access of the given version any
// more.
func (db *DB) EndAccess(ctx context.Context, account wire.AccountID, version int64, at time.Time, e library.Event) error {
	return db.write(ctx, "end access", func(ctx context.Context, q *query.Queries) error {
		if err := affected(q.LockLibrary(ctx, e.Library)); err != nil {
			return err
		}
		rows, err := q.EndAccess(ctx, millis(at), string(account), version)
		if err == nil && rows == 0 {
			return goneOrChanged(ctx, q, account)
		}
		if err != nil {
			return err
		}
		return addEvent(ctx, q, e)
	})
}

// Disconnect removes an account at a provider and calls off what waits for it.
func (db *DB) Disconnect(ctx context.Context, id library.ID, of wire.ApplicationID, account wire.AccountID, at time.Time, reason string, e library.Event) error {
	return db.write(ctx, "disconnect account", func(ctx context.Context, q *query.Queries) error {
		if err := addEvent(ctx, q, e); err != nil {
			return err
		}
		if err := affected(q.Disconnect(ctx, string(account), id, of)); err != nil {
			return err
		}
		if err := q.ForgetPayloadsTo(ctx, id, string(account)); err != nil {
			return err
		}
		return q.ExpireDeliveriesTo(ctx, query.ExpireDeliveriesToParams{
			Reason:    text(reason),
			At:        millis(at),
			LibraryID: id,
			AccountID: string(account),
		})
	})
}

func providerAccount(row query.ProviderAccount) (delivery.Connection, error) {
	a := delivery.Connection{
		ID:            wire.AccountID(row.ID),
		Reference:     library.Reference(row.Reference),
		Library:       row.LibraryID,
		Application:   row.ApplicationID,
		Pending:       row.Pending,
		Access:        row.Access,
		AccessVersion: row.AccessVersion,
		AccessUntil:   moment(row.AccessUntil),
		EndedAt:       moment(row.EndedAt),
		Correlation:   row.Correlation,
		CreatedAt:     moment(row.CreatedAt),
		UpdatedAt:     moment(row.UpdatedAt),
		LastUsedAt:    moment(row.LastUsedAt),
	}
	err := decode(row.Source, &a.Source)
	return a, err
}
