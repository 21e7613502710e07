package store

import (
	"context"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// AddLibrary adds a library with its locks, its first login and its first event.
func (db *DB) AddLibrary(ctx context.Context, l library.Library, locks []library.Lock, login library.Login, e library.Event) error {
	return db.write(ctx, "add library", func(ctx context.Context, q *query.Queries) error {
		err := q.AddLibrary(ctx, query.AddLibraryParams{
			ID:         l.ID,
			Email:      text(l.Email),
			PublicKey:  l.PublicKey.Bytes(),
			CreatedAt:  millis(l.CreatedAt),
			CodeSaved:  l.CodeSaved,
			CodeMadeAt: millis(l.CodeMadeAt),
			DeleteAt:   millis(l.DeleteAt),
		})
		if err != nil {
			return err
		}
		if err := q.AddChain(ctx, l.ID); err != nil {
			return err
		}
		if err := addEvent(ctx, q, e); err != nil {
			return err
		}
		if err := setLocks(ctx, q, locks...); err != nil {
			return err
		}
		return addLogin(ctx, q, login)
	})
}

// FindLibrary finds a library by its person's e-mail address.
func (db *DB) FindLibrary(ctx context.Context, email string) (library.Library, error) {
	const doing = "find library"
	row, err := db.reader.FindLibrary(ctx, text(email))
	if err != nil {
		return library.Library{}, in(doing, err)
	}
	l, err := toLibrary(row)
	return l, in(doing, err)
}

// ShutLibrary shuts a library and ends every way into it but one login.
func (db *DB) ShutLibrary(ctx context.Context, id library.ID, deleteAt time.Time, keep library.LoginID, e library.Event) error {
	return db.write(ctx, "shut library", func(ctx context.Context, q *query.Queries) error {
		if err := addEvent(ctx, q, e); err != nil {
			return err
		}
		for _, step := range []func() error{
			func() error { return q.SetDeleteAt(ctx, id, millis(deleteAt)) },
			func() error { return q.RevokeGrantsOf(ctx, id, millis(e.At)) },
			func() error { return q.ShutTokensIn(ctx, id) },
			func() error { return q.ShutCodesIn(ctx, id) },
			func() error { return q.EndSessionsIn(ctx, id) },
			func() error { return q.ForgetPayloadsIn(ctx, id) },
			func() error { return q.ExpireDeliveriesIn(ctx, reasonShut, millis(e.At), id) },
			func() error { return q.EndOtherLogins(ctx, id, keep) },
		} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
}

// ReopenLibrary takes the shutting back.
func (db *DB) ReopenLibrary(ctx context.Context, id library.ID, e library.Event) error {
	return db.write(ctx, "reopen library", func(ctx context.Context, q *query.Queries) error {
		if err := addEvent(ctx, q, e); err != nil {
			return err
		}
		return q.SetDeleteAt(ctx, id, 0)
	})
}

// DeleteLibrary removes a library and everything of it. What has a foreign key goes
// with the library's row.
func (db *DB) DeleteLibrary(ctx context.Context, id library.ID, forgetAt time.Time) error {
	return db.write(ctx, "delete library", func(ctx context.Context, q *query.Queries) error {
		if err := affected(q.LockLibrary(ctx, id)); err != nil {
			return err
		}
		if err := q.RememberTokensOf(ctx, millis(forgetAt), id, library.UseAccess); err != nil {
			return err
		}
		for _, forget := range []func(context.Context, library.ID) error{
			q.DeleteLinksOf,
			q.DeleteLinksAnsweredBy,
			q.DeleteLinksWithAccountOf,
			q.EndSessionsIn,
			q.DeleteReferencesTo,
			q.DeleteContentsOf,
			q.DeleteFilesOf,
			q.DeleteEvents,
			q.DeleteLibrary,
		} {
			if err := forget(ctx, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// WasDeleted reports whether a token belonged to a library deleted of late.
func (db *DB) WasDeleted(ctx context.Context, token seal.Hash, now time.Time) (bool, error) {
	was, err := db.reader.WasDeleted(ctx, token, millis(now))
	return was, in("look for deleted token", err)
}

// ListShut lists the libraries that are due to be deleted.
func (db *DB) ListShut(ctx context.Context, due time.Time) ([]library.ID, error) {
	ids, err := db.reader.ListShut(ctx, millis(due))
	return ids, in("list shut libraries", err)
}

func toLibrary(row query.Library) (library.Library, error) {
	key, err := seal.ParsePublicKey(row.PublicKey)
	if err != nil {
		return library.Library{}, err
	}
	return library.Library{
		ID:         row.ID,
		Email:      row.Email,
		PublicKey:  key,
		CreatedAt:  moment(row.CreatedAt),
		CodeSaved:  row.CodeSaved,
		CodeMadeAt: moment(row.CodeMadeAt),
		DeleteAt:   moment(row.DeleteAt),
	}, nil
}
