package store

import (
	"context"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// AddLibrary implements [library.LibraryStore].
func (db *DB) AddLibrary(
	ctx context.Context, l library.Library, locks []library.Lock, login library.Login, e library.Event,
) error {
	return db.add(ctx, "add library", func(ctx context.Context, q *query.Queries) error {
		err := q.AddLibrary(ctx, query.AddLibraryParams{
			ID:         l.ID,
			Email:      validText(l.Email),
			PublicKey:  l.PublicKey.Bytes(),
			CreatedAt:  toMillis(l.CreatedAt),
			CodeSaved:  query.Flag(l.CodeSaved),
			CodeMadeAt: toMillis(l.CodeMadeAt),
			DeleteAt:   toMillis(l.DeleteAt),
			Binding:    l.Binding,
			Sandbox:    query.Flag(l.Sandbox),
		})
		if err != nil {
			return err
		}
		if err := db.addFirstEvent(ctx, q, e); err != nil {
			return err
		}
		if err := setLocks(ctx, q, locks...); err != nil || login.ID == "" {
			return err
		}
		return addLogin(ctx, q, login)
	})
}

// FindLibrary implements [library.LibraryStore].
func (db *DB) FindLibrary(ctx context.Context, email string) (library.Library, error) {
	const doing = "find library"
	row, err := db.reader.FindLibrary(ctx, validText(email))
	if err != nil {
		return library.Library{}, wrap(doing, err)
	}
	l, err := toLibrary(row)
	return l, wrap(doing, err)
}

// GetLibrary implements [library.LibraryStore].
func (db *DB) GetLibrary(ctx context.Context, id library.ID) (library.Library, error) {
	const doing = "get library"
	row, err := db.reader.GetLibrary(ctx, id)
	if err != nil {
		return library.Library{}, wrap(doing, err)
	}
	l, err := toLibrary(row)
	return l, wrap(doing, err)
}

// ShutLibrary implements [library.LibraryStore].
func (db *DB) ShutLibrary(
	ctx context.Context, id library.ID, deleteAt time.Time, keep library.LoginID, e library.Event,
) error {
	return db.write(ctx, "shut library", func(ctx context.Context, q *query.Queries) error {
		if err := lockLibrary(ctx, q, id); err != nil {
			return err
		}
		l, err := q.GetLibrary(ctx, id)
		if err != nil {
			return err
		}
		connections, err := q.ListConnectionsOfLibrary(ctx, id)
		if err != nil {
			return err
		}
		for _, step := range []func() error{
			func() error { return db.endConnections(ctx, q, connections, e.At, reasonShut) },
			func() error { return q.RevokeGrantsOfLibrary(ctx, toMillis(e.At), endedBinding, id) },
			func() error { return q.DeleteTokenSealsOfLibrary(ctx, id) },
			func() error { return q.DeleteAuthCodeSealsOfLibrary(ctx, id) },
			func() error { return q.DeleteSessionsOfLibrary(ctx, id) },
			func() error { return q.DeletePayloadsOfLibrary(ctx, id) },
			func() error { return q.ExpireDeliveriesOfLibrary(ctx, reasonShut, toMillis(e.At), id) },
		} {
			if err := step(); err != nil {
				return err
			}
		}
		if l.DeleteAt != 0 {
			return nil // or somebody else says so, to take that out again: what it ends has ended
		}
		if err := db.addEvent(ctx, q, e); err != nil {
			return err
		}
		if err := q.SetDeleteAt(ctx, id, toMillis(deleteAt)); err != nil {
			return err
		}
		return q.EndOtherLogins(ctx, id, keep)
	})
}

// ReopenLibrary implements [library.LibraryStore].
func (db *DB) ReopenLibrary(ctx context.Context, id library.ID, e library.Event) error {
	return db.write(ctx, "reopen library", func(ctx context.Context, q *query.Queries) error {
		if err := lockLibrary(ctx, q, id); err != nil {
			return err
		}
		if l, err := q.GetLibrary(ctx, id); err != nil || l.DeleteAt == 0 {
			return err
		}
		if err := db.addEvent(ctx, q, e); err != nil {
			return err
		}
		return q.SetDeleteAt(ctx, id, 0)
	})
}

// DeleteLibrary implements [library.LibraryStore]. Rows with a foreign key go with the library's
// row.
func (db *DB) DeleteLibrary(ctx context.Context, id library.ID, forgetAt time.Time) error {
	return db.write(ctx, "delete library", func(ctx context.Context, q *query.Queries) error {
		if err := lockLibrary(ctx, q, id); err != nil {
			return err
		}
		if err := q.RememberTokensOfLibrary(ctx, toMillis(forgetAt), id, library.UseAccess); err != nil {
			return err
		}
		if err := q.RememberLoginsOfLibrary(ctx, toMillis(forgetAt), id); err != nil {
			return err
		}
		connections, err := q.ListConnectionsOfLibrary(ctx, id)
		if err != nil {
			return err
		}
		for _, c := range connections {
			if err := addTokenRevocation(ctx, q, c, forgetAt); err != nil {
				return err
			}
		}
		if err := deleteStoragesOfLibrary(ctx, q, id); err != nil {
			return err
		}
		for _, forget := range []func(context.Context, library.ID) error{
			q.DeleteAuthRequestsOfLibrary,
			q.DeleteAuthRequestsOfSessionsOfLibrary,
			q.DeleteAuthRequestsOfConnectionsOfLibrary,
			q.DeleteSessionsOfLibrary,
			q.DeleteAccountHandlesOfLibrary,
			q.DeleteEpochsOfLibrary,
			q.DeleteContentsOfLibrary,
			q.DeleteFilesOfLibrary,
			q.DeleteCollectedOfLibrary,
			q.DeleteCollectionsOfLibrary,
			q.DeleteUsageOfLibrary,
			q.DeleteEventsOfLibrary,
			q.DeleteLibrary,
		} {
			if err := forget(ctx, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// RememberTokens implements [library.LibraryStore].
func (db *DB) RememberTokens(ctx context.Context, id library.ID, forgetAt time.Time) error {
	return db.write(ctx, "remember tokens", func(ctx context.Context, q *query.Queries) error {
		return q.RememberTokensOfLibrary(ctx, toMillis(forgetAt), id, library.UseAccess)
	})
}

// WasDeleted implements [library.LibraryStore].
func (db *DB) WasDeleted(ctx context.Context, token seal.Hash, now time.Time) (bool, error) {
	was, err := db.reader.WasDeleted(ctx, token, toMillis(now))
	return was, wrap("look for deleted token", err)
}

// ListShut implements [library.LibraryStore].
func (db *DB) ListShut(ctx context.Context, due time.Time) ([]library.ID, error) {
	ids, err := db.reader.ListShut(ctx, toMillis(due))
	return ids, wrap("list shut libraries", err)
}

// ListUnopenable implements [library.LibraryStore].
func (db *DB) ListUnopenable(ctx context.Context, before, now time.Time, limit int) ([]library.ID, error) {
	ids, err := db.reader.ListUnopenable(ctx, toMillis(before), toMillis(now), clamp(limit))
	return ids, wrap("list sandboxes that nothing opens", err)
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
		CreatedAt:  fromMillis(row.CreatedAt),
		CodeSaved:  bool(row.CodeSaved),
		CodeMadeAt: fromMillis(row.CodeMadeAt),
		DeleteAt:   fromMillis(row.DeleteAt),
		Binding:    row.Binding,
		Sandbox:    bool(row.Sandbox),
	}, nil
}
