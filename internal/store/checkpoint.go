package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// A checkpointer moves SQLite's log into the database in the background. By itself SQLite does that during a commit,
// for tens of milliseconds. A passive checkpoint waits for no other connection and makes none wait, but under constant
// load it never reaches the end of the log, and so the log never starts again. Therefore the checkpointer repeats it
// until little is left, and lets the writer do that little between two batches. The writer's wal_autocheckpoint stays
// on, at a size that is rarely reached.
//
// Without the writer's share each autocheckpoint held all pushes up for 25 ms, and for 80 ms in a database of 8 GB,
// into which there were 3,600 pushes a second, and 4,000 with it.
type checkpointer struct {
	conn              *sql.Conn
	statements        preparedStatements
	passive, truncate *sql.Stmt

	written int         // ops since the last signal; only the writer uses it
	near    atomic.Bool // little is left of the log, which the writer is to move
	signal  chan struct{}
	quit    chan struct{}
	done    chan struct{}
}

const (
	// About 7,200 pages of the log, at six pages for a push of 4 KiB.
	checkpointAfter = 1200
	checkpointPause = 50 * time.Millisecond
	// A checkpoint is repeated at most so often, and not after one that had to move at most so many pages.
	maxCheckpoints = 5
	fewPages       = 500
	// While a checkpoint waits for readers, before it can empty the log, nobody can write.
	waitForReaders = "PRAGMA busy_timeout(100)"
)

// newCheckpointer returns a checkpointer that keeps one of the pool's connections.
func newCheckpointer(ctx context.Context, pool *sql.DB) (*checkpointer, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, waitForReaders); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare checkpoint: %w", err), conn.Close())
	}
	c := &checkpointer{
		conn:   conn,
		signal: make(chan struct{}, 1),
		quit:   make(chan struct{}),
		done:   make(chan struct{}),
	}
	err = c.statements.prepare(ctx, conn, map[string]**sql.Stmt{
		"PRAGMA wal_checkpoint(PASSIVE)":  &c.passive,
		"PRAGMA wal_checkpoint(TRUNCATE)": &c.truncate,
	})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	go c.run()
	return c, nil
}

// wrote counts ops, and wakes the checkpointer after many. The writer calls it after each batch.
func (c *checkpointer) wrote(operations int) {
	if c.near.CompareAndSwap(true, false) {
		// If this fails, the writer's autocheckpoint does it, and reports an error.
		_, _ = c.passive.ExecContext(context.Background())
	}
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
		c.near.Store(c.approach(context.Background()))
		select {
		case <-c.quit:
			return
		case <-time.After(checkpointPause):
		}
	}
}

// approach moves the log into the database until little is left, and reports whether that was possible. If it fails,
// the writer's autocheckpoint does it, and reports an error.
func (c *checkpointer) approach(ctx context.Context) bool {
	before := int64(0) // what had been moved
	for range maxCheckpoints {
		var busy, inLog, moved int64
		if err := c.passive.QueryRowContext(ctx).Scan(&busy, &inLog, &moved); err != nil || busy != 0 || moved < inLog {
			return false // something reads an earlier state of the database
		}
		if moved-before <= fewPages {
			return true
		}
		before = moved
	}
	return true
}

// empty moves the whole log into the database and cuts the log's file to no bytes. It reports false if that has to be
// tried again, because something reads an earlier state of the database.
func (c *checkpointer) empty(ctx context.Context) (bool, error) {
	// This moves most of the log while others write.
	if _, err := c.passive.ExecContext(ctx); err != nil {
		return false, fmt.Errorf("checkpoint: %w", err)
	}
	var busy, inLog, moved int64
	if err := c.truncate.QueryRowContext(ctx).Scan(&busy, &inLog, &moved); err != nil {
		return false, fmt.Errorf("empty log: %w", err)
	}
	return busy == 0, nil
}

func (c *checkpointer) close() error {
	close(c.quit)
	<-c.done
	return errors.Join(c.statements.close(), c.conn.Close())
}
