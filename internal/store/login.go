package store

import (
	"context"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// AddLogin implements [library.LoginStore].
func (db *DB) AddLogin(ctx context.Context, l library.Login, e library.Event) error {
	return db.add(ctx, "add login", func(ctx context.Context, q *query.Queries) error {
		if err := db.addEvent(ctx, q, e); err != nil {
			return err
		}
		return addLogin(ctx, q, l)
	})
}

// GetLogin implements [library.LoginStore].
func (db *DB) GetLogin(ctx context.Context, h seal.Hash) (library.Login, library.Library, error) {
	const doing = "get login"
	row, err := db.reader.GetLogin(ctx, h)
	if err != nil {
		return library.Login{}, library.Library{}, wrap(doing, err)
	}
	l, err := toLibrary(row.Library)
	if err != nil {
		return library.Login{}, library.Library{}, wrap(doing, err)
	}
	return library.Login{
		ID:          row.Login.ID,
		Library:     row.Login.LibraryID,
		Hash:        row.Login.Hash,
		Seal:        row.Login.Seal,
		PendingCode: row.Login.PendingCode,
		Agent:       row.Login.Agent,
		CreatedAt:   fromMillis(row.Login.CreatedAt),
		SeenAt:      fromMillis(row.Login.SeenAt),
		ExpiresAt:   fromMillis(row.Login.ExpiresAt),
		Binding:     row.Login.Binding,
	}, l, nil
}

// TouchLogin implements [library.LoginStore].
func (db *DB) TouchLogin(ctx context.Context, id library.LoginID, seen, expires time.Time) error {
	return db.add(ctx, "touch login", func(ctx context.Context, q *query.Queries) error {
		return affected(q.TouchLogin(ctx, id, toMillis(seen), toMillis(expires)))
	})
}

// EndLogin implements [library.LoginStore].
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
		Agent:       validText(l.Agent),
		CreatedAt:   toMillis(l.CreatedAt),
		SeenAt:      toMillis(l.SeenAt),
		ExpiresAt:   toMillis(l.ExpiresAt),
		Binding:     l.Binding,
	})
}
