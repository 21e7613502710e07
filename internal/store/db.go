package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// DB is an open store. It is safe for concurrent use.
type DB struct {
	reader   *query.Queries // on readPool
	readPool *sql.DB
	writer   transactor
}

var _ interface {
	library.ClientStore
	library.NonceStore
	library.SigningKeyStore
	library.LibraryStore
	library.LoginStore
	library.ConsentStore
	library.FileStore
	library.ActivityStore
	delivery.ConnectionStore
	delivery.QueueStore
	delivery.CheckStore
	library.CheckStore
	library.Sweeper
	library.RebindStore
} = (*DB)(nil)

// An op is the work of one transaction. It may run more than once before it takes effect, so it
// changes only the database, and variables that it sets anew each time.
type op func(ctx context.Context, q *query.Queries) error

// A transactor runs ops, each as one transaction.
type transactor interface {
	// write runs f. What f did is durable when write returns nil. It returns library.ErrBusy
	// without running f if too many ops are waiting. If ctx ends while f waits, f does not run;
	// once begun, it runs to its end.
	write(ctx context.Context, f op) error
	// close waits for the ops under way; later ones fail.
	close() error
}

// maxWaiting is how many ops may wait. Further ones are refused with ErrBusy.
const maxWaiting = 1024

var errClosed = errors.New("the store is closed")

// Open opens the database at url and brings its tables up to date. The url is "postgres://…"
// (or "postgresql://…"), or "sqlite:PATH" or a path for a file, which is made if there is none.
// The caller must call Close.
func Open(ctx context.Context, url string) (*DB, error) {
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		return openPostgres(ctx, url)
	}
	path := strings.TrimPrefix(url, "sqlite:")
	if scheme, _, isURL := strings.Cut(path, "://"); isURL {
		return nil, fmt.Errorf("there is no store for %s: want postgres://… or the path of an SQLite file", scheme)
	}
	return openSQLite(ctx, path)
}

// Check returns an error unless the database can be read and written.
func (db *DB) Check(ctx context.Context) error {
	if err := db.readPool.PingContext(ctx); err != nil {
		return wrap("check store", err)
	}
	return db.write(ctx, "check store", func(ctx context.Context, q *query.Queries) error {
		_, err := q.ListSigningKeys(ctx)
		return err
	})
}

// Close waits for the ops under way and closes the database.
func (db *DB) Close() error {
	return wrap("close store", errors.Join(db.writer.close(), db.readPool.Close()))
}

// write runs f as one transaction.
func (db *DB) write(ctx context.Context, doing string, f op) error {
	return wrap(doing, db.writer.write(ctx, f))
}
