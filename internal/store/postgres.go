package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// openPostgres opens one pool for reading and writing. Its size is the url's pool_max_conns, or
// else four for each processor and at least 16: PostgreSQL shares a sync among transactions that
// commit at the same time.
func openPostgres(ctx context.Context, address string, mode openMode) (*DB, error) {
	lost := &lostConnections{}
	pool, db, err := openPostgresPool(ctx, address, lost)
	if err != nil {
		return nil, fmt.Errorf("open PostgreSQL: %w", explain(err))
	}
	w := &pooledWriter{pool: pool, db: db, lost: lost, slots: make(chan struct{}, maxWaiting)}
	if err := mode.prepare(ctx, db, postgresDialect); err != nil {
		_ = w.close()
		return nil, fmt.Errorf("open PostgreSQL: %w", explain(err))
	}
	w.pushes = newPushGroup(w)
	statements := &reconnectingPool{db, lost}
	return &DB{reader: query.New(statements), readPool: db, statements: statements, writer: w, pushes: w.pushes,
		dialect: postgresDialect, limits: library.DefaultLimits}, nil
}

// inspectPostgres reads the state of a database.
func inspectPostgres(ctx context.Context, address string, among []library.ID) (State, error) {
	pool, db, err := openPostgresPool(ctx, address, &lostConnections{})
	if err != nil {
		return State{}, fmt.Errorf("inspect PostgreSQL: %w", explain(err))
	}
	defer pool.Close()
	s, err := readState(ctx, db, postgresDialect, among)
	if err = errors.Join(err, db.Close()); err != nil {
		return State{}, fmt.Errorf("inspect PostgreSQL: %w", explain(err))
	}
	return s, nil
}

func openPostgresPool(ctx context.Context, address string, lost *lostConnections) (*pgxpool.Pool, *sql.DB, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, nil, errors.New("--database (CARREL_DATABASE) is no URL, such as postgres://user:password@host/" +
			"name: escape special characters with %XX") // err repeats the URL, with its password
	}
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, nil, err // pgx leaves the password out
	}
	if !u.Query().Has("pool_max_conns") {
		config.MaxConns = int32(max(16, 4*runtime.GOMAXPROCS(0)))
	}
	// A server that loses its power in a transaction would keep libraries locked for hours.
	const idleTimeout = "idle_in_transaction_session_timeout"
	if _, ok := config.ConnConfig.RuntimeParams[idleTimeout]; !ok {
		config.ConnConfig.RuntimeParams[idleTimeout] = "60000" // ms, which is longer than writeTimeout
	}
	lost.configure(config)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, nil, err
	}
	return pool, stdlib.OpenDBFromPool(pool), nil
}

// A pooledWriter runs each op in a transaction of its own, and again if another transaction or the loss of the
// connection has ended it before its commit.
type pooledWriter struct {
	pool  *pgxpool.Pool
	db    *sql.DB
	lost  *lostConnections
	slots chan struct{} // for ops that wait or run
	// pushes adds the files of pushes; nil until the tables are ready.
	pushes *pushGroup
}

const (
	// writeTimeout bounds a transaction, which its caller cannot end any more.
	writeTimeout = 30 * time.Second
	maxAttempts  = 10
)

func (w *pooledWriter) write(ctx context.Context, f op) error {
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	default:
		return library.ErrBusy
	}
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	for lost := 1; ; lost++ {
		err = transactAgain(ctx, conn, f)
		_ = conn.Close() // the pool closes one that has ended
		if lost == maxConnectionsLost || !w.lost.note(err) {
			return err
		}
		if conn, err = w.db.Conn(ctx); err != nil {
			return err
		}
	}
}

// transactAgain runs an op until no other transaction has made it fail.
func transactAgain(ctx context.Context, conn *sql.Conn, f op) error {
	for attempt := 1; ; attempt++ {
		err := transact(ctx, conn, f)
		if !worthRetrying(err) || attempt == maxAttempts {
			return err
		}
		time.Sleep(rand.N(time.Duration(attempt) * 10 * time.Millisecond)) //nolint:gosec // a pause is no secret
	}
}

func transact(ctx context.Context, conn *sql.Conn, f op) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing after a commit
	if err := f(ctx, query.New(tx)); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", commitError(err))
	}
	return nil
}

// removedSome does nothing: see erase.
func (w *pooledWriter) removedSome() {}

// erase does nothing: only rewriting a whole table makes PostgreSQL overwrite what was removed from it at once.
func (w *pooledWriter) erase(context.Context) error { return nil }

// drain waits for pushes. For other ops under way the closing of the pool waits.
func (w *pooledWriter) drain() {
	if w.pushes != nil {
		w.pushes.drain()
	}
}

func (w *pooledWriter) close() error {
	err := w.db.Close()
	w.pool.Close()
	return err
}
