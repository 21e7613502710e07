package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// Allow answers a link with yes.
func (db *DB) Allow(ctx context.Context, a library.Approval) (library.Grant, library.Account, error) {
	var g library.Grant
	var account library.Account
	err := db.write(ctx, "allow", func(ctx context.Context, q *query.Queries) error {
		// The lock makes two answers at once take turns, so that the second finds the
		// grant of the first.
		if err := affected(q.LockLibrary(ctx, a.Grant.Library)); err != nil {
			return err
		}
		l, err := q.GetLibrary(ctx, a.Grant.Library)
		if err != nil {
			return err
		}
		if l.DeleteAt != 0 {
			return library.ErrNotFound
		}
		link, err := answerLink(ctx, q, a.Request, a.At)
		if err != nil {
			return err
		}
		if link.AccountID != string(a.Connection) {
			return library.ErrUsed // another has been connected meanwhile: the answer was about the first
		}
		event := a.Event
		var renewed bool
		if g, renewed, err = giveGrant(ctx, q, a.Grant, a.At); err != nil {
			return err
		}
		if renewed {
			event.Kind = library.EventRenewed
		}
		event.Details.Grant = g.ID
		if account, err = giveAccount(ctx, q, a.Account); err != nil {
			return err
		}
		code := a.Code
		code.Grant = g.ID
		if err := addCode(ctx, q, code); err != nil {
			return err
		}
		if link.SessionHash != (seal.Hash{}) {
			if err := q.HandToSession(ctx, link.SessionHash, g.ID, a.SessionSeal); err != nil {
				return err
			}
		}
		if link.AccountID != "" {
			if err := q.StandAccountOf(ctx, link.AccountID, a.Grant.Library); err != nil {
				return err
			}
		}
		return addEvent(ctx, q, event)
	})
	if err != nil {
		return library.Grant{}, library.Account{}, err
	}
	return g, account, nil
}

// giveGrant renews the grant that stands at the time, or adds g.
func giveGrant(ctx context.Context, q *query.Queries, g library.Grant, at time.Time) (_ library.Grant, renewed bool, err error) {
	row, err := q.FindActiveGrant(ctx, g.Library, g.Contract, millis(at))
	if err == nil {
		row.ExpiresAt = millis(g.ExpiresAt)
		return grant(row), true, q.RenewGrant(ctx, row.ID, row.ExpiresAt)
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return library.Grant{}, false, err
	}
	added := query.AddGrantParams{
		ID:            g.ID,
		LibraryID:     g.Library,
		ApplicationID: g.Application,
		ContractID:    g.Contract,
		CreatedAt:     millis(g.CreatedAt),
		ExpiresAt:     millis(g.ExpiresAt),
		LastUsedAt:    millis(g.LastUsedAt),
		RevokedAt:     millis(g.RevokedAt),
	}
	return grant(query.Grant(added)), false, q.AddGrant(ctx, added)
}

// GetGrant finds a grant by its id.
func (db *DB) GetGrant(ctx context.Context, id library.GrantID) (library.Grant, error) {
	row, err := db.reader.GetGrant(ctx, id)
	if err != nil {
		return library.Grant{}, in("get grant", err)
	}
	return grant(row), nil
}

// ListGrants lists a library's grants, newest first.
func (db *DB) ListGrants(ctx context.Context, id library.ID) ([]library.Grant, error) {
	rows, err := db.reader.ListGrants(ctx, id)
	if err != nil {
		return nil, in("list grants", err)
	}
	list := make([]library.Grant, 0, len(rows))
	for _, row := range rows {
		list = append(list, grant(row))
	}
	return list, nil
}

// RevokeGrant ends a grant and everything that came of it.
func (db *DB) RevokeGrant(ctx context.Context, id library.ID, g library.GrantID, at time.Time, e library.Event) error {
	return db.write(ctx, "revoke grant", func(ctx context.Context, q *query.Queries) error {
		if err := affected(q.LockLibrary(ctx, id)); err != nil {
			return err
		}
		row, err := q.GetGrant(ctx, g)
		if err != nil {
			return err
		}
		if row.LibraryID != id {
			return library.ErrNotFound
		}
		if row.RevokedAt != 0 {
			return nil
		}
		if err := q.RevokeGrant(ctx, g, millis(at)); err != nil {
			return err
		}
		for _, end := range []func(context.Context, library.GrantID) error{
			q.ShutTokensOf,
			q.ShutCodesOf,
			q.EndSessionsOf,
		} {
			if err := end(ctx, g); err != nil {
				return err
			}
		}
		if err := q.ForgetPayloadsOf(ctx, id, g); err != nil {
			return err
		}
		err = q.ExpireDeliveriesOf(ctx, query.ExpireDeliveriesOfParams{
			Reason:    reasonStopped,
			At:        millis(at),
			LibraryID: id,
			GrantID:   g,
		})
		if err != nil {
			return err
		}
		return addEvent(ctx, q, e)
	})
}

// lockGrant keeps a grant from being revoked before the transaction ends, or returns
// ErrNotFound if it has been.
func lockGrant(ctx context.Context, q *query.Queries, id library.GrantID) error {
	return affected(q.LockStandingGrant(ctx, id))
}

func grant(row query.Grant) library.Grant {
	return library.Grant{
		ID:          row.ID,
		Library:     row.LibraryID,
		Application: row.ApplicationID,
		Contract:    row.ContractID,
		CreatedAt:   moment(row.CreatedAt),
		ExpiresAt:   moment(row.ExpiresAt),
		LastUsedAt:  moment(row.LastUsedAt),
		RevokedAt:   moment(row.RevokedAt),
	}
}
