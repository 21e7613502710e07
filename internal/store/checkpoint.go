package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// A checkpointer moves SQLite's log into the database in the background. By itself SQLite does
// that during a commit, for tens of milliseconds. A passive checkpoint waits for no other
// connection and makes none wait, but under constant load it never reaches the end of the log,
// and so the log never starts again. Therefore the writer's wal_autocheckpoint stays on, at a size
// that is rarely reached.
type checkpointer struct {
	stmt    *sql.Stmt
	written int // ops since the last signal; only the writer uses it
	signal  chan struct{}
	quit    chan struct{}
	done    chan struct{}
}

const (
	// About 3,600 pages of the log, at six pages for a push of 4 KiB.
	checkpointAfter = 600
	checkpointPause = 50 * time.Millisecond
)

// newCheckpointer returns a checkpointer that keeps one of the pool's connections.
func newCheckpointer(ctx context.Context, pool *sql.DB) (*checkpointer, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	stmt, err := conn.PrepareContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)")
	if err != nil {
		return nil, fmt.Errorf("prepare checkpoint: %w", err)
	}
	c := &checkpointer{
		stmt:   stmt,
		signal: make(chan struct{}, 1),
		quit:   make(chan struct{}),
		done:   make(chan struct{}),
	}
	go c.run()
	return c, nil
}

// wrote counts ops, and wakes the checkpointer after many.
func (c *checkpointer) wrote(operations int) {
	if c.written += operations; c.written < checkpointAfter {
		return
	}
	select {
	case c.signal <- struct{}{}:
		c.written = 0
	default:
	}
}

func (c *checkpointer) run() {
	defer close(c.done)
	for {
		select {
		case <-c.quit:
			return
		case <-c.signal:
		}
		// If this fails, the writer's own checkpoint does it, and reports an error.
		_, _ = c.stmt.ExecContext(context.Background())
		select {
		case <-c.quit:
			return
		case <-time.After(checkpointPause):
		}
	}
}

func (c *checkpointer) close() {
	close(c.quit)
	<-c.done
}
