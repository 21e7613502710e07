package store

import (
	"bytes"
	"context"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// GetLock implements [library.LibraryStore].
func (db *DB) GetLock(ctx context.Context, id library.ID, kind library.LockKind) (library.Lock, error) {
	row, err := db.reader.GetLock(ctx, id, kind)
	if err != nil {
		return library.Lock{}, wrap("get lock", err)
	}
	return library.Lock{
		Library:   row.LibraryID,
		Kind:      row.Kind,
		Box:       row.Box,
		CreatedAt: fromMillis(row.CreatedAt),
	}, nil
}

// SetLocks implements [library.LibraryStore].
func (db *DB) SetLocks(
	ctx context.Context, locks []library.Lock, endLogins bool, keep library.LoginID, e library.Event,
) error {
	return db.write(ctx, "set locks", func(ctx context.Context, q *query.Queries) error {
		if err := db.addEvent(ctx, q, e); err != nil {
			return err
		}
		if err := setLocks(ctx, q, locks...); err != nil {
			return err
		}
		if !endLogins {
			return nil
		}
		return q.EndOtherLogins(ctx, e.Library, keep)
	})
}

// SetRecoveryCode implements [library.LibraryStore].
func (db *DB) SetRecoveryCode(
	ctx context.Context, lock library.Lock, login library.LoginID, pending seal.Sealed, e library.Event,
) error {
	return db.write(ctx, "set recovery code", func(ctx context.Context, q *query.Queries) error {
		if err := db.addEvent(ctx, q, e); err != nil {
			return err
		}
		if err := setLocks(ctx, q, lock); err != nil {
			return err
		}
		if err := q.SetRecoveryCodeMade(ctx, lock.Library, toMillis(lock.CreatedAt)); err != nil {
			return err
		}
		// The code that another login was to show is void.
		if err := q.DeletePendingRecoveryCodes(ctx, lock.Library); err != nil {
			return err
		}
		return affected(q.SetPendingRecoveryCode(ctx, login, lock.Library, pending))
	})
}

// SaveRecoveryCode implements [library.LibraryStore].
func (db *DB) SaveRecoveryCode(ctx context.Context, id library.ID, box seal.PasswordBox) error {
	return db.write(ctx, "save recovery code", func(ctx context.Context, q *query.Queries) error {
		// This locks the library's row, so that no new code comes between the comparison and the commit.
		if err := affected(q.SetRecoveryCodeSaved(ctx, id)); err != nil {
			return err
		}
		lock, err := q.GetLock(ctx, id, library.LockRecovery)
		if err != nil {
			return err
		}
		if !bytes.Equal(lock.Box, box) {
			return library.ErrCodeReplaced
		}
		return q.DeletePendingRecoveryCodes(ctx, id)
	})
}

func setLocks(ctx context.Context, q *query.Queries, locks ...library.Lock) error {
	for _, l := range locks {
		err := q.SetLock(ctx, query.SetLockParams{
			LibraryID: l.Library,
			Kind:      l.Kind,
			Box:       l.Box,
			CreatedAt: toMillis(l.CreatedAt),
		})
		if err != nil {
			return err
		}
	}
	return nil
}
