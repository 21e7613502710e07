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
	reader  *query.Queries
	reading *sql.DB
	writer  transactor
}

var _ interface {
	library.ClientStore
	library.NonceStore
	library.SigningKeyStore
	library.LibraryStore
	library.LoginStore
	library.ConsentStore
	library.FileStore
	library.EventStore
	delivery.ConnectionStore
	delivery.DeliveryStore
	library.Sweeper
} = (*DB)(nil)

// An op is the work of one transaction. It may be run more than once before it
// counts, so it changes nothing but what q changes and variables that it sets anew
// each time.
type op func(ctx context.Context, q *query.Queries) error

// A transactor runs ops, each whole or not at all, and durable when it returns nil.
type transactor interface {
	// write returns library.ErrBusy, without having run f, if too many wait already.
	// If ctx ends while f waits, f is not run; once begun, f runs to its end.
	write(ctx context.Context, f op) error
	// close waits for what is under way; later writes fail.
	close() error
}

// maxWaiting bounds how many writes may wait; more are refused with ErrBusy.
const maxWaiting = 1024

var errClosed = errors.New("the store is closed")

// Open opens the database at url and brings its tables up to date. The url is
// "postgres://…" (or "postgresql://…"), or "sqlite:PATH" or a bare path for a file,
// which is made if it is not there. Close must be called in the end.
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

// Check reports whether the store answers, for writing too.
func (db *DB) Check(ctx context.Context) error {
	if err := db.reading.PingContext(ctx); err != nil {
		return in("check store", err)
	}
	return db.write(ctx, "check store", func(ctx context.Context, q *query.Queries) error {
		_, err := q.ListSigningKeys(ctx)
		return err
	})
}

// Close waits for the writes under way and closes the database.
func (db *DB) Close() error {
	return in("close store", errors.Join(db.writer.close(), db.reading.Close()))
}

// write runs f as one transaction.
func (db *DB) write(ctx context.Context, doing string, f op) error {
	return in(doing, db.writer.write(ctx, f))
}
