package store

import (
	"context"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// AddSession adds a session.
func (db *DB) AddSession(ctx context.Context, s library.Session) error {
	const doing = "add session"
	params, err := sessionParams(s)
	if err != nil {
		return in(doing, err)
	}
	return db.write(ctx, doing, func(ctx context.Context, q *query.Queries) error {
		if s.Grant != "" {
			if err := lockGrant(ctx, q, s.Grant); err != nil {
				return err
			}
		}
		return q.AddSession(ctx, params)
	})
}

// GetSession finds a session by its key's hash.
func (db *DB) GetSession(ctx context.Context, h seal.Hash) (library.Session, error) {
	const doing = "get session"
	row, err := db.reader.GetSession(ctx, h)
	if err != nil {
		return library.Session{}, in(doing, err)
	}
	s := library.Session{
		Hash:      row.Hash,
		Client:    wire.ClientID{Application: row.ApplicationID, Contract: row.ContractID},
		Grant:     row.GrantID,
		Seal:      row.Seal,
		CreatedAt: moment(row.CreatedAt),
		ExpiresAt: moment(row.ExpiresAt),
	}
	if len(row.PublicKey) > 0 {
		if s.PublicKey, err = seal.ParsePublicKey(row.PublicKey); err != nil {
			return library.Session{}, in(doing, err)
		}
	}
	if err := decode(row.Options, &s.Options); err != nil {
		return library.Session{}, in(doing, err)
	}
	return s, nil
}

func sessionParams(s library.Session) (query.AddSessionParams, error) {
	options, err := encode(s.Options)
	return query.AddSessionParams{
		Hash:          s.Hash,
		ApplicationID: s.Client.Application,
		ContractID:    s.Client.Contract,
		GrantID:       s.Grant,
		PublicKey:     s.PublicKey.Bytes(),
		Seal:          s.Seal,
		Options:       options,
		CreatedAt:     millis(s.CreatedAt),
		ExpiresAt:     millis(s.ExpiresAt),
	}, err
}
