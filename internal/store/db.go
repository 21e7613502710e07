package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

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
	library.EventStore
	delivery.ConnectionStore
	delivery.QueueStore
	library.Sweeper
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
	// removedSome says that an op has removed something, which erase has to erase.
	removedSome()
	// erase erases what was removed; see [DB.Erase].
	erase(ctx context.Context) error
	// drain waits for the ops under way; later ones fail.
	drain()
	// close drains, and closes the connections. Those that read have been closed before.
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
	return db.add(ctx, "check store", func(ctx context.Context, q *query.Queries) error {
		_, err := q.ListSigningKeys(ctx)
		return err
	})
}

// Close waits for the ops under way and closes the database. On SQLite it leaves one file, unless another process has
// the database open.
func (db *DB) Close() error {
	db.writer.drain()
	err := db.readPool.Close()
	awaitReaders(db.readPool)
	return wrap("close store", errors.Join(err, db.writer.close()))
}

// readerTimeout is how long Close waits for queries, whose callers it cannot end.
const readerTimeout = 10 * time.Second

// awaitReaders waits until the last query of a closed pool has ended: SQLite keeps its log as long as a connection is
// open.
func awaitReaders(pool *sql.DB) {
	for deadline := time.Now().Add(readerTimeout); pool.Stats().OpenConnections > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return
		}
	}
}

// write runs f as one transaction. [DB.Erase] erases what f has removed.
func (db *DB) write(ctx context.Context, doing string, f op) error {
	err := db.add(ctx, doing, f)
	if err == nil {
		db.writer.removedSome()
	}
	return err
}

// add runs f as one transaction. It is for an f that removes nothing, apart from counters, times and nonces.
func (db *DB) add(ctx context.Context, doing string, f op) error {
	return wrap(doing, db.writer.write(ctx, f))
}
