package store

import (
	"context"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// AddAuthorization adds a browser's way to a provider and back.
func (db *DB) AddAuthorization(ctx context.Context, t delivery.Authorization) error {
	const doing = "add trip"
	source, err := encode(t.Source)
	if err != nil {
		return in(doing, err)
	}
	return db.write(ctx, doing, func(ctx context.Context, q *query.Queries) error {
		return q.AddTrip(ctx, query.AddTripParams{
			Hash:          t.State,
			LinkHash:      t.Request[:],
			ApplicationID: t.Application,
			LibraryID:     t.Library,
			LoginID:       string(t.Login),
			Source:        source,
			Correlation:   text(t.Correlation),
			Secrets:       t.Secrets,
			CreatedAt:     millis(t.CreatedAt),
			ExpiresAt:     millis(t.ExpiresAt),
			EndedAt:       millis(t.EndedAt),
		})
	})
}

// GetAuthorization finds a trip by the hash of its state.
func (db *DB) GetAuthorization(ctx context.Context, state seal.Hash) (delivery.Authorization, error) {
	const doing = "get trip"
	row, err := db.reader.GetTrip(ctx, state)
	if err != nil {
		return delivery.Authorization{}, in(doing, err)
	}
	t := delivery.Authorization{
		State:       row.Hash,
		Application: row.ApplicationID,
		Library:     row.LibraryID,
		Login:       library.LoginID(row.LoginID),
		Correlation: row.Correlation,
		Secrets:     row.Secrets,
		CreatedAt:   moment(row.CreatedAt),
		ExpiresAt:   moment(row.ExpiresAt),
		EndedAt:     moment(row.EndedAt),
	}
	if err := t.Request.Scan(row.LinkHash); err != nil {
		return delivery.Authorization{}, in(doing, fmt.Errorf("its link: %w", err))
	}
	if err := decode(row.Source, &t.Source); err != nil {
		return delivery.Authorization{}, in(doing, err)
	}
	return t, nil
}

// EndAuthorization ends a trip and forgets its secrets.
func (db *DB) EndAuthorization(ctx context.Context, state seal.Hash, at time.Time, e library.Event) error {
	return db.write(ctx, "end trip", func(ctx context.Context, q *query.Queries) error {
		if e.Library != "" {
			if err := addEvent(ctx, q, e); err != nil {
				return err
			}
		}
		rows, err := q.EndTrip(ctx, state, millis(at))
		if err != nil || rows > 0 {
			return err
		}
		if _, err := q.GetTrip(ctx, state); err != nil {
			return err
		}
		return library.ErrUsed
	})
}
