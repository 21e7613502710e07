package store

import (
	"context"
	"errors"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// Installation says to which installation of Carrel a database belongs: the database, the folder
// of large contents and the keyring of one installation have the same id.
type Installation struct {
	ID string
	// Folder is the id of the folder of large contents; empty until one is known.
	Folder    string
	CreatedAt time.Time
}

// GetInstallation returns the database's installation. It is zero if the database has none yet.
func (db *DB) GetInstallation(ctx context.Context) (Installation, error) {
	row, err := db.reader.GetInstallation(ctx)
	if err := wrap("get installation", err); errors.Is(err, library.ErrNotFound) {
		return Installation{}, nil
	} else if err != nil {
		return Installation{}, err
	}
	return Installation{ID: row.ID, Folder: row.Folder, CreatedAt: fromMillis(row.CreatedAt)}, nil
}

// AddInstallation gives the database an installation with the id, if it has none, and returns the
// one that it then has: of many servers that start at once, one adds its id.
func (db *DB) AddInstallation(ctx context.Context, id string, at time.Time) (Installation, error) {
	err := db.write(ctx, "add installation", func(ctx context.Context, q *query.Queries) error {
		return q.AddInstallation(ctx, id, toMillis(at))
	})
	if err != nil {
		return Installation{}, err
	}
	return db.GetInstallation(ctx)
}

// SetContentFolder records the id of the folder of large contents, if the one that is recorded is
// previous, and returns the installation as it then is.
func (db *DB) SetContentFolder(ctx context.Context, folder, previous string) (Installation, error) {
	err := db.write(ctx, "set folder of contents", func(ctx context.Context, q *query.Queries) error {
		return q.SetContentFolder(ctx, folder, previous)
	})
	if err != nil {
		return Installation{}, err
	}
	return db.GetInstallation(ctx)
}
