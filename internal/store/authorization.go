package store

import (
	"context"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// AddAuthorization implements [delivery.AuthorizationStore].
func (db *DB) AddAuthorization(ctx context.Context, a delivery.Authorization) error {
	const doing = "add authorization"
	source, err := encode(a.Source)
	if err != nil {
		return wrap(doing, err)
	}
	return db.add(ctx, doing, func(ctx context.Context, q *query.Queries) error {
		return q.AddAuthorization(ctx, query.AddAuthorizationParams{
			Hash:            a.State,
			AuthRequestHash: a.Request[:],
			ApplicationID:   a.Application,
			LibraryID:       a.Library,
			LoginID:         string(a.Login),
			Source:          source,
			Correlation:     validText(a.Correlation),
			Secrets:         a.Secrets,
			CreatedAt:       toMillis(a.CreatedAt),
			ExpiresAt:       toMillis(a.ExpiresAt),
			EndedAt:         toMillis(a.EndedAt),
			AccountID:       string(a.Account),
		})
	})
}

// GetAuthorization implements [delivery.AuthorizationStore].
func (db *DB) GetAuthorization(ctx context.Context, state seal.Hash) (delivery.Authorization, error) {
	const doing = "get authorization"
	row, err := db.reader.GetAuthorization(ctx, state)
	if err != nil {
		return delivery.Authorization{}, wrap(doing, err)
	}
	return toAuthorization(row), nil
}

func toAuthorization(row query.Authorization) delivery.Authorization {
	a := delivery.Authorization{
		State:       row.Hash,
		Application: row.ApplicationID,
		Library:     row.LibraryID,
		Login:       library.LoginID(row.LoginID),
		Account:     wire.AccountID(row.AccountID),
		Source:      decoded[delivery.Source](row.Source),
		Correlation: row.Correlation,
		Secrets:     row.Secrets,
		CreatedAt:   fromMillis(row.CreatedAt),
		ExpiresAt:   fromMillis(row.ExpiresAt),
		EndedAt:     fromMillis(row.EndedAt),
		Result:      delivery.AuthorizationResult(row.Result),
	}
	if len(row.AuthRequestHash) == len(a.Request) { // otherwise there is no such request
		copy(a.Request[:], row.AuthRequestHash)
	}
	return a
}

// EndAuthorization implements [delivery.AuthorizationStore].
func (db *DB) EndAuthorization(
	ctx context.Context, state seal.Hash, at time.Time, left []byte, e library.Event,
) error {
	return db.write(ctx, "end authorization", func(ctx context.Context, q *query.Queries) error {
		if e.Library != "" {
			if err := db.addEvent(ctx, q, e); err != nil {
				return err
			}
		}
		rows, err := q.EndAuthorization(ctx, state, toMillis(at), left)
		if err != nil || rows > 0 {
			return err
		}
		if _, err := q.GetAuthorization(ctx, state); err != nil {
			return err
		}
		return library.ErrUsed
	})
}

// SetAuthorizationResult implements [delivery.AuthorizationStore].
func (db *DB) SetAuthorizationResult(
	ctx context.Context, state seal.Hash, result delivery.AuthorizationResult,
) error {
	return db.write(ctx, "set result of authorization", func(ctx context.Context, q *query.Queries) error {
		return q.SetAuthorizationResult(ctx, state, string(result))
	})
}
