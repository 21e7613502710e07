package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// Allow implements [library.AuthRequestStore].
func (db *DB) Allow(
	ctx context.Context, approval library.Approval,
) (grant library.Grant, account library.Account, err error) {
	err = db.write(ctx, "allow", func(ctx context.Context, q *query.Queries) error {
		// The lock makes two answers at once take turns, so that the second finds the grant of
		// the first.
		if err := lockOpenLibrary(ctx, q, approval.Grant.Library); err != nil {
			return err
		}
		request, err := answerRequest(ctx, q, approval.Request, approval.At,
			library.Answer{Outcome: library.Allowed, By: approval.By})
		if err != nil {
			return err
		}
		if request.AccountID != string(approval.Connection) {
			return library.ErrConnectionChanged
		}
		var renewed bool
		if grant, renewed, err = db.renewOrAddGrant(ctx, q, approval.Grant, approval.At); err != nil {
			return err
		}
		if account, err = addOrShowAccount(ctx, q, approval.Account); err != nil {
			return err
		}
		if err := addCodeOf(ctx, q, approval.Code, grant.ID); err != nil {
			return err
		}
		if err := giveSessionGrant(ctx, q, request, grant.ID, approval.SessionSeal); err != nil {
			return err
		}
		event := allowedEvent(approval.Event, grant.ID, renewed)
		if request.AccountID != "" {
			event.Details.Account, err = db.allowConnection(ctx, q, approval.Request, request.AccountID, grant)
			if err != nil {
				return err
			}
		}
		if err := db.addEvent(ctx, q, event); err != nil {
			return err
		}
		return db.giveStorage(ctx, q, approval)
	})
	if err != nil {
		return library.Grant{}, library.Account{}, err
	}
	return grant, account, nil
}

// lockOpenLibrary locks a library until the transaction ends. It returns ErrNotFound if there is
// no such library, or if it is shut.
func lockOpenLibrary(ctx context.Context, q *query.Queries, id library.ID) error {
	if err := lockLibrary(ctx, q, id); err != nil {
		return err
	}
	l, err := q.GetLibrary(ctx, id)
	if err != nil {
		return err
	}
	if l.DeleteAt != 0 {
		return library.ErrNotFound
	}
	return nil
}

// addCodeOf adds an authorization code, bound to a grant.
func addCodeOf(ctx context.Context, q *query.Queries, code library.AuthCode, grant library.GrantID) error {
	code.Grant = grant
	return addCode(ctx, q, code)
}

// giveSessionGrant gives a request's session, if it has one, a grant and the seal.
func giveSessionGrant(
	ctx context.Context, q *query.Queries, request query.AnswerAuthRequestRow, grant library.GrantID, s seal.Sealed,
) error {
	if request.SessionHash == (seal.Hash{}) {
		return nil
	}
	return q.GiveSessionGrant(ctx, grant, s, request.SessionHash)
}

// allowConnection gives the account at a provider that the person was asked about to the grant. It
// returns the id of the account.
func (db *DB) allowConnection(
	ctx context.Context, q *query.Queries, request seal.Hash, account string, grant library.Grant,
) (wire.AccountID, error) {
	row, err := q.GetConnection(ctx, account)
	switch {
	case errors.Is(err, sql.ErrNoRows), err == nil && row.LibraryID != grant.Library:
		return "", library.ErrConnectionChanged
	case err != nil:
		return "", err
	case row.GrantID == grant.ID:
		return wire.AccountID(account), nil
	}
	return db.giveConnection(ctx, q, request, row, grant.ID, grant.Contract)
}

// allowedEvent returns the event of an approval, with the grant that it led to.
func allowedEvent(e library.Event, grant library.GrantID, renewed bool) library.Event {
	if renewed {
		e.Kind = library.EventRenewed
	}
	e.Details.Grant = grant
	return e
}

// renewOrAddGrant renews the grant of the library and contract that is active at the time, or
// adds g. It returns the grant that there is then. What it covers is what g covers.
func (db *DB) renewOrAddGrant(
	ctx context.Context, q *query.Queries, g library.Grant, at time.Time,
) (_ library.Grant, renewed bool, err error) {
	if db.binder == nil {
		return library.Grant{}, false, ErrNoBinder
	}
	row, err := q.FindActiveGrant(ctx, g.Library, g.Contract, toMillis(at))
	if err == nil {
		// If somebody else has changed the application of the row, the binding does not verify.
		g.ID = row.ID
		row.ExpiresAt, row.Access, row.Allowed = toMillis(g.ExpiresAt), g.Access, g.Allowed
		row.Binding = db.binder.BindGrant(g)
		return toGrant(row), true, q.RenewGrant(ctx, query.RenewGrantParams{
			ExpiresAt: row.ExpiresAt,
			Access:    row.Access,
			Allowed:   row.Allowed,
			Binding:   row.Binding,
			ID:        row.ID,
		})
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return library.Grant{}, false, err
	}
	added := query.AddGrantParams{
		ID:            g.ID,
		LibraryID:     g.Library,
		ApplicationID: g.Application,
		ContractID:    g.Contract,
		CreatedAt:     toMillis(g.CreatedAt),
		ExpiresAt:     toMillis(g.ExpiresAt),
		LastUsedAt:    toMillis(g.LastUsedAt),
		RevokedAt:     toMillis(g.RevokedAt),
		Access:        g.Access,
		Allowed:       g.Allowed,
		Binding:       db.binder.BindGrant(g),
	}
	return toGrant(query.Grant(added)), false, q.AddGrant(ctx, added)
}
