package store

import (
	"context"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// AddLogin adds a signed-in browser.
func (db *DB) AddLogin(ctx context.Context, l library.Login, e library.Event) error {
	return db.write(ctx, "add login", func(ctx context.Context, q *query.Queries) error {
		if err := addEvent(ctx, q, e); err != nil {
			return err
		}
		return addLogin(ctx, q, l)
	})
}

// GetLogin finds a login by its secret's hash.
func (db *DB) GetLogin(ctx context.Context, h seal.Hash) (library.Login, library.Library, error) {
	const doing = "get login"
	row, err := db.reader.GetLogin(ctx, h)
	if err != nil {
		return library.Login{}, library.Library{}, in(doing, err)
	}
	l, err := toLibrary(row.Library)
	if err != nil {
		return library.Login{}, library.Library{}, in(doing, err)
	}
	return library.Login{
		ID:          row.Login.ID,
		Library:     row.Login.LibraryID,
		Hash:        row.Login.Hash,
		Seal:        row.Login.Seal,
		PendingCode: row.Login.PendingCode,
		Agent:       row.Login.Agent,
		CreatedAt:   moment(row.Login.CreatedAt),
		SeenAt:      moment(row.Login.SeenAt),
		ExpiresAt:   moment(row.Login.ExpiresAt),
	}, l, nil
}

// TouchLogin notes that a login has been seen.
func (db *DB) TouchLogin(ctx context.Context, id library.LoginID, seen, expires time.Time) error {
	return db.write(ctx, "touch login", func(ctx context.Context, q *query.Queries) error {
		return affected(q.TouchLogin(ctx, id, millis(seen), millis(expires)))
	})
}

// EndLogin ends a login, if it is there.
func (db *DB) EndLogin(ctx context.Context, id library.LoginID) error {
	return db.write(ctx, "end login", func(ctx context.Context, q *query.Queries) error {
		return q.EndLogin(ctx, id)
	})
}

func addLogin(ctx context.Context, q *query.Queries, l library.Login) error {
	return q.AddLogin(ctx, query.AddLoginParams{
		ID:          l.ID,
		LibraryID:   l.Library,
		Hash:        l.Hash,
		Seal:        l.Seal,
		PendingCode: l.PendingCode,
		Agent:       text(l.Agent),
		CreatedAt:   millis(l.CreatedAt),
		SeenAt:      millis(l.SeenAt),
		ExpiresAt:   millis(l.ExpiresAt),
	})
}
