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

// AddAuthRequest adds a request for consent with the session promised with it.
func (db *DB) AddAuthRequest(ctx context.Context, l library.AuthRequest, s library.Session) error {
	const doing = "add link"
	session, err := sessionParams(s)
	if err != nil {
		return in(doing, err)
	}
	return db.write(ctx, doing, func(ctx context.Context, q *query.Queries) error {
		err := q.AddLink(ctx, query.AddLinkParams{
			Hash:          l.Hash,
			Kind:          l.Kind,
			ApplicationID: l.ClientID.Application,
			ContractID:    l.ClientID.Contract,
			RedirectURI:   text(l.RedirectURI),
			State:         []byte(l.State),
			Challenge:     text(l.Challenge),
			LibraryID:     l.Library,
			SessionHash:   l.Session,
			CreatedAt:     millis(l.CreatedAt),
			ExpiresAt:     millis(l.ExpiresAt),
			AnsweredAt:    millis(l.AnsweredAt),
			AccountID:     string(l.Account),
		})
		if err != nil || s.Hash == (seal.Hash{}) {
			return err
		}
		return q.AddSession(ctx, session)
	})
}

// GetAuthRequest finds a link by the hash of its code.
func (db *DB) GetAuthRequest(ctx context.Context, h seal.Hash) (library.AuthRequest, error) {
	row, err := db.reader.GetLink(ctx, h)
	if err != nil {
		return library.AuthRequest{}, in("get link", err)
	}
	return library.AuthRequest{
		Hash:        row.Hash,
		Kind:        row.Kind,
		ClientID:    wire.ClientID{Application: row.ApplicationID, Contract: row.ContractID},
		RedirectURI: row.RedirectURI,
		State:       string(row.State),
		Challenge:   row.Challenge,
		Library:     row.LibraryID,
		Session:     row.SessionHash,
		CreatedAt:   moment(row.CreatedAt),
		ExpiresAt:   moment(row.ExpiresAt),
		Account:     wire.AccountID(row.AccountID),
		AnsweredAt:  moment(row.AnsweredAt),
	}, nil
}

// GetRequestConnection returns the account at a provider that has been connected for a link.
func (db *DB) GetRequestConnection(ctx context.Context, h seal.Hash, id library.ID) (library.RequestConnection, error) {
	const doing = "get account of link"
	link, err := db.reader.GetLink(ctx, h)
	if err != nil {
		return library.RequestConnection{}, in(doing, err)
	}
	if link.AccountID == "" {
		return library.RequestConnection{}, in(doing, library.ErrNotFound)
	}
	c, err := db.GetConnection(ctx, id, wire.AccountID(link.AccountID), false)
	if err != nil {
		return library.RequestConnection{}, in(doing, err)
	}
	return library.RequestConnection{ID: c.ID, Reference: c.Reference, Provider: c.Source.Name}, nil
}

// Deny answers a link with no. What was connected on the way goes, unless it stood
// before.
func (db *DB) Deny(ctx context.Context, link seal.Hash, at time.Time, e library.Event) error {
	return db.write(ctx, "deny", func(ctx context.Context, q *query.Queries) error {
		if e.Library != "" {
			if err := addEvent(ctx, q, e); err != nil {
				return err
			}
		}
		l, err := answerLink(ctx, q, link, at)
		if err != nil || l.AccountID == "" {
			return err
		}
		return q.DeletePendingAccount(ctx, l.AccountID)
	})
}

// CloseAuthRequest answers a link that adds no grant.
func (db *DB) CloseAuthRequest(ctx context.Context, link seal.Hash, at time.Time, grant library.GrantID, sessionSeal seal.Sealed) error {
	return db.write(ctx, "close link", func(ctx context.Context, q *query.Queries) error {
		if grant != "" {
			if err := lockGrant(ctx, q, grant); err != nil {
				return err
			}
		}
		l, err := answerLink(ctx, q, link, at)
		if err != nil {
			return err
		}
		if l.AccountID != "" {
			if err := q.StandAccount(ctx, l.AccountID); err != nil {
				return err
			}
		}
		if grant == "" || l.SessionHash == (seal.Hash{}) {
			return nil
		}
		return q.HandToSession(ctx, l.SessionHash, grant, sessionSeal)
	})
}

// answerLink marks a link answered and returns the session promised with it and the
// account connected on the way. It returns ErrUsed if the link was answered before.
func answerLink(ctx context.Context, q *query.Queries, link seal.Hash, at time.Time) (query.AnswerLinkRow, error) {
	l, err := q.AnswerLink(ctx, link, millis(at))
	if !errors.Is(err, sql.ErrNoRows) {
		return l, err
	}
	if _, err := q.GetLink(ctx, link); err != nil {
		return l, err
	}
	return l, library.ErrUsed
}
