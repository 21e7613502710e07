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

// AddAuthRequest implements [library.AuthRequestStore].
func (db *DB) AddAuthRequest(ctx context.Context, r library.AuthRequest, s library.Session) error {
	const doing = "add request"
	session, err := sessionParams(s)
	if err != nil {
		return wrap(doing, err)
	}
	return db.addBounded(ctx, doing, func(ctx context.Context, q *query.Queries) (deleted int64, err error) {
		err = q.AddAuthRequest(ctx, query.AddAuthRequestParams{
			Hash:           r.Hash,
			Kind:           r.Kind,
			ApplicationID:  r.ClientID.Application,
			ContractID:     r.ClientID.Contract,
			RedirectURI:    validText(r.RedirectURI),
			State:          []byte(r.State),
			Challenge:      validText(r.Challenge),
			LibraryID:      r.Library,
			SessionHash:    r.Session,
			CreatedAt:      toMillis(r.CreatedAt),
			ExpiresAt:      toMillis(r.ExpiresAt),
			AnsweredAt:     toMillis(r.AnsweredAt),
			AccountID:      string(r.Account),
			Binding:        r.Binding,
			SessionBinding: r.SessionBinding,
			Postbox:        query.Flag(r.Postbox),
		})
		if err == nil && s.Hash != (seal.Hash{}) {
			err = q.AddSession(ctx, session)
		}
		if err != nil {
			return 0, err
		}
		return db.deleteOldestAuthRequests(ctx, q, r)
	})
}

// deleteOldestAuthRequests deletes the oldest requests of the contract of r for the same library, and the sessions that
// they were to open.
func (db *DB) deleteOldestAuthRequests(
	ctx context.Context, q *query.Queries, r library.AuthRequest,
) (deleted int64, err error) {
	keep := db.limits.AuthRequests
	if r.Library == "" {
		keep = db.limits.AnonymousAuthRequests
	}
	oldest, err := q.ListOldestAuthRequests(ctx, r.ClientID.Contract, r.Library, clamp(keep))
	if err != nil {
		return 0, err
	}
	for _, old := range oldest {
		if err := q.DeleteAuthRequest(ctx, old.Hash); err != nil {
			return 0, err
		}
		if err := q.DeleteSessionWithoutGrant(ctx, old.SessionHash); err != nil {
			return 0, err
		}
	}
	return int64(len(oldest)), nil
}

// GetAuthRequest implements [library.AuthRequestStore].
func (db *DB) GetAuthRequest(ctx context.Context, h seal.Hash) (library.AuthRequest, error) {
	row, err := db.reader.GetAuthRequest(ctx, h)
	if err != nil {
		return library.AuthRequest{}, wrap("get request", err)
	}
	return toAuthRequest(row), nil
}

func toAuthRequest(row query.AuthRequest) library.AuthRequest {
	return library.AuthRequest{
		Hash:        row.Hash,
		Kind:        row.Kind,
		ClientID:    wire.ClientID{Application: row.ApplicationID, Contract: row.ContractID},
		RedirectURI: row.RedirectURI,
		State:       string(row.State),
		Challenge:   row.Challenge,
		Library:     row.LibraryID,
		Session:     row.SessionHash,
		CreatedAt:   fromMillis(row.CreatedAt),
		ExpiresAt:   fromMillis(row.ExpiresAt),
		Account:     wire.AccountID(row.AccountID),
		AnsweredAt:  fromMillis(row.AnsweredAt),
		Answer:      library.Answer{Outcome: row.Answer, By: row.AnsweredBy},

		Postbox: bool(row.Postbox),

		Binding:        row.Binding,
		SessionBinding: row.SessionBinding,
	}
}

// GetRequestConnection implements [library.AuthRequestStore].
func (db *DB) GetRequestConnection(ctx context.Context, h seal.Hash, id library.ID) (library.RequestConnection, error) {
	const doing = "get account of request"
	request, err := db.reader.GetAuthRequest(ctx, h)
	if err != nil {
		return library.RequestConnection{}, wrap(doing, err)
	}
	if request.AccountID == "" {
		return library.RequestConnection{}, wrap(doing, library.ErrNotFound)
	}
	c, err := db.GetConnection(ctx, id, wire.AccountID(request.AccountID), false)
	if err != nil {
		return library.RequestConnection{}, wrap(doing, err)
	}
	return library.RequestConnection{ID: c.ID, Reference: c.Reference, Provider: c.Source.Name}, nil
}

// Deny implements [library.AuthRequestStore].
func (db *DB) Deny(
	ctx context.Context, h seal.Hash, at time.Time, a library.Answer, e library.Event,
) error {
	return db.write(ctx, "deny", func(ctx context.Context, q *query.Queries) error {
		if e.Library != "" {
			if err := db.addEvent(ctx, q, e); err != nil {
				return err
			}
		}
		if err := lockPending(ctx, q, h); err != nil {
			return err
		}
		request, err := answerRequest(ctx, q, h, at, a)
		if err != nil {
			return err
		}
		return db.endPendingConnection(ctx, q, request.AccountID, at)
	})
}

// CloseAuthRequest implements [library.AuthRequestStore].
func (db *DB) CloseAuthRequest(
	ctx context.Context, h seal.Hash, at time.Time, a library.Answer, grant library.GrantID, sessionSeal seal.Sealed,
) error {
	return db.write(ctx, "close request", func(ctx context.Context, q *query.Queries) error {
		if grant != "" {
			if err := lockGrant(ctx, q, grant); err != nil {
				return err
			}
		} else if err := lockPending(ctx, q, h); err != nil {
			return err
		}
		request, err := answerRequest(ctx, q, h, at, a)
		if err != nil {
			return err
		}
		if grant == "" {
			return db.endPendingConnection(ctx, q, request.AccountID, at)
		}
		if err := db.closeConnection(ctx, q, h, request.AccountID, grant); err != nil {
			return err
		}
		return giveSessionGrant(ctx, q, request, grant, sessionSeal)
	})
}

// closeConnection gives the account at a provider that is connected for a request, if it is
// pending, to the grant.
func (db *DB) closeConnection(
	ctx context.Context, q *query.Queries, request seal.Hash, account string, grant library.GrantID,
) error {
	row, err := q.GetConnection(ctx, account)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !bool(row.Pending) {
		return nil
	}
	if err != nil {
		return err
	}
	given, err := q.GetGrant(ctx, grant)
	if err != nil {
		return err
	}
	if given.LibraryID != row.LibraryID || given.ApplicationID != row.ApplicationID {
		return library.ErrNotFound
	}
	_, err = db.giveConnection(ctx, q, request, row, grant, given.ContractID)
	return err
}

// answerRequest marks a request answered. It returns the request's session and the account at a
// provider that is connected for it, or ErrUsed if the request was answered before.
func answerRequest(
	ctx context.Context, q *query.Queries, h seal.Hash, at time.Time, a library.Answer,
) (query.AnswerAuthRequestRow, error) {
	request, err := q.AnswerAuthRequest(ctx, query.AnswerAuthRequestParams{
		Hash: h, AnsweredAt: toMillis(at), Answer: a.Outcome, AnsweredBy: a.By,
	})
	if !errors.Is(err, sql.ErrNoRows) {
		return request, err
	}
	if _, err := q.GetAuthRequest(ctx, h); err != nil {
		return request, err
	}
	return request, library.ErrUsed
}
