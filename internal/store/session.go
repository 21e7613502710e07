package store

import (
	"context"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// AddSession implements [library.SessionStore].
func (db *DB) AddSession(ctx context.Context, s library.Session) error {
	const doing = "add session"
	params, err := sessionParams(s)
	if err != nil {
		return wrap(doing, err)
	}
	return db.addBounded(ctx, doing, func(ctx context.Context, q *query.Queries) (deleted int64, err error) {
		if s.Grant == "" {
			return 0, q.AddSession(ctx, params)
		}
		if err := lockGrant(ctx, q, s.Grant); err != nil {
			return 0, err
		}
		if err := q.AddSession(ctx, params); err != nil {
			return 0, err
		}
		return q.DeleteOldestSessions(ctx, s.Grant, clamp(db.limits.Sessions))
	})
}

// GetSession implements [library.SessionStore].
func (db *DB) GetSession(ctx context.Context, h seal.Hash) (library.Session, error) {
	const doing = "get session"
	row, err := db.reader.GetSession(ctx, h)
	if err != nil {
		return library.Session{}, wrap(doing, err)
	}
	session := library.Session{
		Hash:      row.Hash,
		Client:    wire.ClientID{Application: row.ApplicationID, Contract: row.ContractID},
		Grant:     row.GrantID,
		Seal:      row.Seal,
		CreatedAt: fromMillis(row.CreatedAt),
		ExpiresAt: fromMillis(row.ExpiresAt),

		UnsignedKey: row.UnsignedKey,
	}
	if len(row.PublicKey) > 0 {
		if session.PublicKey, err = seal.ParsePublicKey(row.PublicKey); err != nil {
			return library.Session{}, wrap(doing, err)
		}
	}
	if err := decode(row.Options, &session.Options); err != nil {
		return library.Session{}, wrap(doing, err)
	}
	return session, nil
}

func sessionParams(session library.Session) (query.AddSessionParams, error) {
	options, err := encode(session.Options)
	return query.AddSessionParams{
		Hash:          session.Hash,
		ApplicationID: session.Client.Application,
		ContractID:    session.Client.Contract,
		GrantID:       session.Grant,
		PublicKey:     session.PublicKey.Bytes(),
		Seal:          session.Seal,
		Options:       options,
		CreatedAt:     toMillis(session.CreatedAt),
		ExpiresAt:     toMillis(session.ExpiresAt),
		UnsignedKey:   session.UnsignedKey,
	}, err
}
