package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// A statementCache runs statements of package query on a pool or a connection of SQLite. It prepares each when it is
// first used, and keeps it: a server that starts uses a few of some hundred. It is safe for concurrent use.
//
// It keeps a statement for each text that it is given, so that the texts have to be constants. PostgreSQL needs no such
// cache, because pgx has one for each connection.
type statementCache struct {
	db query.DBTX

	mu       sync.RWMutex
	prepared map[string]*sql.Stmt // by their texts
}

var _ query.DBTX = (*statementCache)(nil)

func newStatementCache(db query.DBTX) *statementCache {
	return &statementCache{db: db, prepared: map[string]*sql.Stmt{}}
}

// get returns the prepared statement of a text. It keeps no error, so that the next call tries again.
func (c *statementCache) get(ctx context.Context, text string) (*sql.Stmt, error) {
	c.mu.RLock()
	stmt, ok := c.prepared[text]
	c.mu.RUnlock()
	if ok {
		return stmt, nil
	}
	// Without the lock, so that nobody waits for the database. Two callers may prepare the same statement.
	stmt, err := c.db.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	first, ok := c.prepared[text]
	if !ok {
		c.prepared[text] = stmt
	}
	c.mu.Unlock()
	if ok {
		return first, stmt.Close() //nolint:sqlclosecheck // the other caller's is kept
	}
	return stmt, nil
}

// ExecContext implements [query.DBTX].
func (c *statementCache) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	stmt, err := c.get(ctx, text) //nolint:sqlclosecheck // the cache keeps it
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

// PrepareContext implements [query.DBTX]. It does not keep the statement, which the caller has to close.
func (c *statementCache) PrepareContext(ctx context.Context, text string) (*sql.Stmt, error) {
	return c.db.PrepareContext(ctx, text)
}

// QueryContext implements [query.DBTX].
func (c *statementCache) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	stmt, err := c.get(ctx, text) //nolint:sqlclosecheck // the cache keeps it
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

// QueryRowContext implements [query.DBTX].
func (c *statementCache) QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row {
	stmt, err := c.get(ctx, text) //nolint:sqlclosecheck // the cache keeps it
	if err != nil {
		return c.db.QueryRowContext(ctx, text, args...) // only package sql makes a row that has an error
	}
	return stmt.QueryRowContext(ctx, args...)
}

// close closes the statements, which SQLite needs before it closes their connection.
func (c *statementCache) close() (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, stmt := range c.prepared {
		err = errors.Join(err, stmt.Close())
	}
	clear(c.prepared)
	return err
}
