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

// endConnection removes an account at a provider, and ends what waits for it. Its tokens are to be
// revoked at the provider.
func endConnection(ctx context.Context, q *query.Queries, account string, at time.Time, reason string) error {
	row, err := q.DeleteConnection(ctx, account)
	if err != nil {
		return err
	}
	if err := addTokenRevocation(ctx, q, row, at); err != nil {
		return err
	}
	if err := q.DeletePayloadsOfConnection(ctx, row.LibraryID, account); err != nil {
		return err
	}
	return q.ExpireDeliveriesOfConnection(ctx, query.ExpireDeliveriesOfConnectionParams{
		Reason:    validText(reason),
		At:        toMillis(at),
		LibraryID: row.LibraryID,
		AccountID: account,
	})
}

// endConnections ends accounts at providers of a library that the transaction has locked, and adds
// an event for each.
func (db *DB) endConnections(
	ctx context.Context, q *query.Queries, rows []query.Connection, at time.Time, reason string,
) error {
	for _, row := range rows {
		if err := endConnection(ctx, q, row.ID, at, reason); err != nil {
			return err
		}
		if err := db.addEndEvent(ctx, q, row, at); err != nil {
			return err
		}
	}
	return nil
}

// addEndEvent adds the event of an account at a provider that has been removed.
func (db *DB) addEndEvent(ctx context.Context, q *query.Queries, row query.Connection, at time.Time) error {
	source := decoded[delivery.Source](row.Source)
	kind := library.EventAccountEnded
	if row.Pending {
		kind = library.EventNotAllowed
	}
	return db.addEvent(ctx, q, library.Event{Library: row.LibraryID, At: at, Kind: kind,
		Details: library.EventDetails{
			Application: row.ApplicationID, Account: wire.AccountID(row.ID), Provider: source.Name,
		}})
}

// endPendingConnection removes an account at a provider if it is pending, and adds an event for it.
// The transaction has locked the library.
func (db *DB) endPendingConnection(ctx context.Context, q *query.Queries, account string, at time.Time) error {
	row, err := q.DeletePendingConnection(ctx, account)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := addTokenRevocation(ctx, q, row, at); err != nil {
		return err
	}
	return db.addEndEvent(ctx, q, row, at)
}

// lockPending locks the library of the account at a provider that is connected for a request, if it
// is pending, before anything else of the request.
func lockPending(ctx context.Context, q *query.Queries, request seal.Hash) error {
	asked, err := q.GetAuthRequest(ctx, request)
	if err != nil {
		return err
	}
	row, err := q.GetConnection(ctx, asked.AccountID)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !bool(row.Pending) {
		return nil
	}
	if err != nil {
		return err
	}
	return lockLibrary(ctx, q, row.LibraryID)
}

// addTokenRevocation keeps the tokens of an account that has ended, until they are revoked. That is
// due at once.
func addTokenRevocation(ctx context.Context, q *query.Queries, row query.Connection, at time.Time) error {
	if len(row.Access) == 0 || row.EndedAt != 0 {
		return nil
	}
	return q.AddTokenRevocation(ctx, query.AddTokenRevocationParams{
		AccountID:     wire.AccountID(row.ID),
		LibraryID:     row.LibraryID,
		ApplicationID: row.ApplicationID,
		Source:        row.Source,
		Access:        row.Access,
		CreatedAt:     toMillis(at),
	})
}

// AddTokenRevocation implements [delivery.ConnectionStore].
func (db *DB) AddTokenRevocation(ctx context.Context, c delivery.Connection, at time.Time) error {
	const doing = "add token revocation"
	source, err := encode(c.Source)
	if err != nil {
		return wrap(doing, err)
	}
	row := query.Connection{ID: string(c.ID), LibraryID: c.Library, ApplicationID: c.Application, Source: source,
		Access: c.Access}
	return db.write(ctx, doing, func(ctx context.Context, q *query.Queries) error {
		return addTokenRevocation(ctx, q, row, at)
	})
}

// ClaimTokenRevocations implements [delivery.ConnectionStore].
func (db *DB) ClaimTokenRevocations(
	ctx context.Context, now, next time.Time, limit int,
) ([]delivery.Connection, error) {
	const doing = "claim token revocations"
	due, err := db.reader.ListTokenRevocations(ctx, toMillis(now), clamp(limit))
	if err != nil || len(due) == 0 {
		return nil, wrap(doing, err)
	}
	var rows []query.TokenRevocation
	err = db.write(ctx, doing, func(ctx context.Context, q *query.Queries) error {
		rows = nil
		for _, r := range due {
			row, err := q.ClaimTokenRevocation(ctx, toMillis(next), r.AccountID, toMillis(now))
			if errors.Is(err, sql.ErrNoRows) {
				continue // another server has claimed it
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
	return convert(rows, toEndedConnection), nil
}

// toEndedConnection returns an account that has ended, with what is kept of it to revoke its tokens.
func toEndedConnection(row query.TokenRevocation) delivery.Connection {
	return delivery.Connection{ID: row.AccountID, Library: row.LibraryID, Application: row.ApplicationID,
		Source: decoded[delivery.Source](row.Source), Access: row.Access, UpdatedAt: fromMillis(row.CreatedAt)}
}

// DeleteTokenRevocation implements [delivery.ConnectionStore].
func (db *DB) DeleteTokenRevocation(ctx context.Context, account wire.AccountID) error {
	return db.write(ctx, "delete token revocation", func(ctx context.Context, q *query.Queries) error {
		return q.DeleteTokenRevocation(ctx, account)
	})
}
