package store

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"github.com/carrelhq/carrel/internal/store/internal/query"
	"github.com/carrelhq/carrel/internal/testenv"
)

// countingDB counts the statements that it prepares, and refuses to prepare any while it has an error.
type countingDB struct {
	query.DBTX

	mu       sync.Mutex
	err      error
	prepared map[string]int
}

func (c *countingDB) PrepareContext(ctx context.Context, text string) (*sql.Stmt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, c.err
	}
	c.prepared[text]++
	return c.DBTX.PrepareContext(ctx, text) //nolint:sqlclosecheck // the cache closes it
}

func newCountedCache(t *testing.T) (*statementCache, *countingDB) {
	t.Helper()
	pool, err := openPool(filepath.Join(t.TempDir(), "test.db"), readerPragmas, 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	counting := &countingDB{DBTX: pool, prepared: map[string]int{}}
	return newStatementCache(counting), counting
}

const selectText = "SELECT CAST($1 AS TEXT)"

// selected runs the same query in each way that package query has.
func selected(ctx context.Context, c *statementCache) error {
	var got [2]string
	err := c.QueryRowContext(ctx, selectText, "row").Scan(&got[0])
	if err != nil {
		return err
	}
	rows, err := c.QueryContext(ctx, selectText, "rows")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := rows.Scan(&got[1]); err != nil {
			return err
		}
	}
	if got != [2]string{"row", "rows"} {
		return errors.New("read " + got[0] + " and " + got[1])
	}
	if _, err := c.ExecContext(ctx, selectText, "exec"); err != nil {
		return err
	}
	return rows.Err()
}

func TestStatementsArePreparedOnce(t *testing.T) {
	t.Parallel()
	cache, counting := newCountedCache(t)
	if n := len(counting.prepared); n != 0 {
		t.Errorf("%d statements are prepared before any is used", n)
	}
	for range 3 {
		if err := selected(t.Context(), cache); err != nil {
			t.Fatal(err)
		}
	}
	if n := counting.prepared[selectText]; n != 1 || len(counting.prepared) != 1 {
		t.Errorf("prepared %d times, and %d statements", n, len(counting.prepared))
	}
	if err := cache.close(); err != nil {
		t.Error(err)
	}
}

// TestStatementsAreUsedAtOnce has many callers use a statement first at the same time. One statement is kept.
func TestStatementsAreUsedAtOnce(t *testing.T) {
	t.Parallel()
	cache, counting := newCountedCache(t)
	const callers = 16
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			if err := selected(t.Context(), cache); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := counting.prepared[selectText]; n < 1 || n > callers {
		t.Errorf("prepared %d times", n)
	}
	before := counting.prepared[selectText]
	if err := selected(t.Context(), cache); err != nil || counting.prepared[selectText] != before {
		t.Errorf("%v, and prepared again", err)
	}
	if n := len(cache.prepared); n != 1 {
		t.Errorf("%d statements are kept", n)
	}
}

// TestStatementsThatFail shows that what could not be prepared is prepared by a later call.
func TestStatementsThatFail(t *testing.T) {
	t.Parallel()
	cache, counting := newCountedCache(t)
	counting.err = errors.New("no memory")
	if _, err := cache.ExecContext(t.Context(), selectText, "exec"); !errors.Is(err, counting.err) {
		t.Errorf("exec: %v", err)
	}
	rows, err := cache.QueryContext(t.Context(), selectText, "rows") //nolint:rowserrcheck,sqlclosecheck // fails
	if rows != nil || !errors.Is(err, counting.err) {
		t.Errorf("query: %v", err)
	}
	var got string
	if err := cache.QueryRowContext(t.Context(), "SELECT nothing FROM nowhere").Scan(&got); err == nil {
		t.Error("a query of no table succeeds")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	counting.err = nil
	if err := selected(ended, cache); !errors.Is(err, context.Canceled) {
		t.Errorf("after its caller has gone: %v", err)
	}
	if len(cache.prepared) > 0 {
		t.Errorf("%d statements are kept that failed", len(cache.prepared))
	}
	if err := selected(t.Context(), cache); err != nil {
		t.Errorf("the next call: %v", err)
	}
}

// TestEveryStatementIsUnderstood prepares all statements of package query on each database, with its present tables. A
// store prepares them only when they are used.
func TestEveryStatementIsUnderstood(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]func(*testing.T) string{
		"SQLite":     func(t *testing.T) string { return filepath.Join(t.TempDir(), "carrel.db") },
		"PostgreSQL": func(t *testing.T) string { return testenv.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			db, err := Open(t.Context(), url(t))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			conn, err := db.readPool.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			for name, text := range generatedQueries(t) {
				stmt, err := conn.PrepareContext(t.Context(), text)
				if err == nil {
					err = stmt.Close() //nolint:sqlclosecheck // a deferred one would close some hundred at once
				}
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}
