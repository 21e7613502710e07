package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// A checkpointer moves SQLite's log into the database in the background. Left to
// itself, SQLite does that in the middle of somebody's commit, for tens of
// milliseconds. Its passive checkpoint waits for nobody and holds nobody up, but
// under constant load it never comes to the log's end and so never lets it start
// again; for that the writer's wal_autocheckpoint stays on, at a size that is rarely
// reached.
type checkpointer struct {
	stmt    *sql.Stmt
	written int // operations since the last signal; the writer's alone
	signal  chan struct{}
	quit    chan struct{}
	done    chan struct{}
}

const (
	// About 3,600 pages of the log, at six pages for a push of 4 KiB.
	checkpointAfter = 600
	checkpointPause = 50 * time.Millisecond
)

// newCheckpointer takes a connection of the pool for good.
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

// wrote counts what was written, and wakes the checkpointer when it is much.
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
		// What fails here is done by the writer's own checkpoint, which reports it.
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
