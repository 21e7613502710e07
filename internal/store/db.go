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
	"github.com/carrelhq/carrel/internal/storage"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// DB is an open store. It is safe for concurrent use.
type DB struct {
	reader   *query.Queries // on readPool
	readPool *sql.DB
	// statements runs statements that package query does not have.
	statements query.DBTX
	writer     transactor
	dialect    dialect
	// boxes seals the tokens of an account anew when its grant changes.
	boxes  *delivery.Boxes
	binder Binder // nil until SetBinder
	pushes pushAdder
	limits library.Limits
}

// SetLimits replaces [library.DefaultLimits]. Call it before any use.
func (db *DB) SetLimits(l library.Limits) { db.limits = l }

// UseBoxes makes the store seal providers' tokens anew when the account or the grant changes that they
// belong to. Without boxes, tokens stay as they are, and then do not open. Call it before any use.
func (db *DB) UseBoxes(boxes *delivery.Boxes) { db.boxes = boxes }

var _ interface {
	library.ClientStore
	library.AuditStore
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
	storage.Store
	storage.CheckStore
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
	// removedSome says that an op has removed something, which erase has to erase.
	removedSome()
	// erase erases what was removed; see [DB.Erase].
	erase(ctx context.Context) error
	// drain waits for the ops under way; later ones fail.
	drain()
	// close drains, and closes the connections. Those that read have been closed before.
	close() error
}

// A pushAdder adds pushes, those that wait together in one transaction.
type pushAdder interface {
	// add adds a push and returns why it was refused. As to ctx and to what waits it is as [transactor]'s write.
	add(ctx context.Context, p *push) error
	setBinder(b Binder)
}

// maxWaiting is how many ops may wait. Further ones are refused with ErrBusy.
const maxWaiting = 1024

var errClosed = errors.New("the store is closed")

// Open opens the database at url and brings its tables up to date. The url is "postgres://…"
// (or "postgresql://…"), or "sqlite:PATH" or a path for a file, which is made if there is none.
// It returns [ErrNewer] if a newer program has changed the tables so that this one must not use
// them. The caller must call Close.
func Open(ctx context.Context, url string) (*DB, error) {
	return open(ctx, url, openMode{create: true, prepare: migrate})
}

// OpenExisting opens the database at url as it is: it makes no file and no table and brings
// nothing up to date. It returns [ErrNoDatabase], [ErrOlder] or [ErrNewer] if it cannot.
func OpenExisting(ctx context.Context, url string) (*DB, error) {
	return open(ctx, url, openMode{prepare: checkCurrent})
}

// An openMode says what opening a database may do to it.
type openMode struct {
	create bool // the file of a SQLite database
	// prepare makes the tables ready for use, or returns why they cannot be used.
	prepare func(ctx context.Context, db *sql.DB, d dialect) error
}

func open(ctx context.Context, url string, mode openMode) (*DB, error) {
	if isPostgres(url) {
		return openPostgres(ctx, url, mode)
	}
	path, err := pathOf(url)
	if err != nil {
		return nil, err
	}
	return openSQLite(ctx, path, mode)
}

// Inspect returns the state of the database at url, which may be of any version, and whether one of
// some libraries is among its own. It changes nothing there, and makes nothing.
func Inspect(ctx context.Context, url string, among ...library.ID) (State, error) {
	if isPostgres(url) {
		return inspectPostgres(ctx, url, among)
	}
	path, err := pathOf(url)
	if err != nil {
		return State{}, err
	}
	return inspectSQLite(ctx, path, among)
}

func isPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// pathOf returns the path of a SQLite file.
func pathOf(url string) (string, error) {
	path := strings.TrimPrefix(url, "sqlite:")
	if scheme, _, isURL := strings.Cut(path, "://"); isURL {
		return "", fmt.Errorf("there is no store for %s: give postgres://… or the path of an "+
			"SQLite file with --database (CARREL_DATABASE)", scheme)
	}
	return path, nil
}

// Check returns an error unless the database can be read and written, and may be: it returns
// [ErrNewer] if a newer program has changed the tables since.
func (db *DB) Check(ctx context.Context) error {
	if err := checkNotNewer(ctx, db.statements, db.dialect); err != nil {
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

// addBounded runs f, which adds something and deletes the oldest beyond a limit, as one transaction. The function
// returns how many it has deleted.
func (db *DB) addBounded(
	ctx context.Context, doing string, f func(ctx context.Context, q *query.Queries) (deleted int64, err error),
) error {
	var deleted int64
	err := db.add(ctx, doing, func(ctx context.Context, q *query.Queries) (err error) {
		deleted, err = f(ctx, q)
		return err
	})
	if err == nil && deleted > 0 {
		db.writer.removedSome()
	}
	return err
}

// add runs f as one transaction. It is for an f that removes nothing, apart from counters, times and nonces.
func (db *DB) add(ctx context.Context, doing string, f op) error {
	return wrap(doing, db.writer.write(ctx, f))
}
