package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// Erase makes what has been removed from the tables since the last call disappear from the files of the database. The
// caller calls it every few seconds. It returns nil if there is nothing to do, and if it has to be tried again because
// the database is being read. It returns an error if that has lasted for a minute.
//
// On SQLite it empties the write-ahead log, which has earlier versions of each page. PostgreSQL keeps what was removed
// until it overwrites it; docs/operating.md says for how long.
func (db *DB) Erase(ctx context.Context) error {
	return wrap("erase", db.writer.erase(ctx))
}

// cleanVersion is the user_version of an SQLite database that no process has open, and that has no page with a gap that
// is not zero, and no free page that is not zero. While a process has the database open, its user_version is 0, as that
// of a database of an earlier version of this package is.
const cleanVersion = 1

// An eraser knows what is left to be erased from an SQLite database. Three things keep what was removed:
//
//   - The write-ahead log keeps earlier versions of pages. A checkpoint empties it.
//   - Free pages keep what was in them. secure_delete prevents that.
//   - A page keeps the bytes of cells that SQLite has moved to another page. Even secure_delete does not prevent that,
//     so the eraser looks for such pages whenever some are written, and overwrites these bytes before it empties the
//     log.
type eraser struct {
	removed atomic.Bool // something was removed that has not been erased

	mu       sync.Mutex
	moved    pageSet // pages with bytes of cells that were moved
	complete bool    // moved has all such pages; otherwise the whole database has to be searched

	log          walReader // only the writer uses it
	conn         *sql.Conn // the writer's
	statements   preparedStatements
	page, update *sql.Stmt // on conn
	blockedSince time.Time // since when the log cannot be emptied; only erase uses it
	erasing      sync.Mutex
}

func (e *eraser) prepare(ctx context.Context, conn *sql.Conn) error {
	e.conn = conn
	return e.statements.prepare(ctx, conn, map[string]**sql.Stmt{
		"SELECT data FROM sqlite_dbpage WHERE pgno = ?1":     &e.page,
		"UPDATE sqlite_dbpage SET data = ?1 WHERE pgno = ?2": &e.update,
	})
}

// wrote looks at the pages that the last transaction has written.
func (e *eraser) wrote() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.log.read(e.look); err != nil {
		e.complete = false
	}
}

// look adds a page to those that have bytes of moved cells, if it has any. It is called with e.mu held.
func (e *eraser) look(number uint32, page []byte) {
	if !isZero(gapOf(number, page)) {
		e.moved.add(number)
	}
}

// Pages are overwritten in transactions of a few milliseconds, so that no other op waits long.
const overwriteAtOnce = 100

// errStillRead says that the log cannot be emptied because a transaction reads an earlier state of the database.
var errStillRead = errors.New("something has been reading the database for a minute: " +
	"what was deleted since remains in its log until that ends")

// mayBlock is how long reading may keep the log from being emptied until erase returns an error.
const mayBlock = time.Minute

func (w *groupWriter) removedSome() { w.eraser.removed.Store(true) }

func (w *groupWriter) erase(ctx context.Context) error {
	e := &w.eraser
	e.erasing.Lock()
	defer e.erasing.Unlock()
	e.mu.Lock()
	complete := e.complete
	e.mu.Unlock()
	if complete && !e.removed.Load() {
		return nil
	}
	e.removed.Store(false) // before the rest, so that what is removed meanwhile is erased by the next call
	run := func(o op) error { return w.write(ctx, o) }
	err := e.overwrite(ctx, w.checkpointer.conn, run, complete)
	emptied := false
	if err == nil {
		emptied, err = w.checkpointer.empty(ctx)
	}
	if err == nil && emptied {
		e.blockedSince = time.Time{}
		return nil
	}
	e.removed.Store(true)
	switch now := time.Now(); {
	case err != nil && !errors.Is(err, library.ErrBusy):
		return err
	case e.blockedSince.IsZero():
		e.blockedSince = now
	case now.Sub(e.blockedSince) >= mayBlock:
		return errStillRead
	}
	return nil
}

// finish erases what is left before the database is closed, and marks the database as clean. If the whole database
// would have to be searched, it leaves that to the process that serves it next.
func (e *eraser) finish(ctx context.Context, reader *sql.Conn, run func(op) error) error {
	if !e.complete {
		return nil
	}
	if err := e.overwrite(ctx, reader, run, true); err != nil {
		return err
	}
	return run(func(ctx context.Context, _ *query.Queries) error {
		_, err := e.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", cleanVersion))
		return err
	})
}

// overwrite overwrites the bytes of moved cells in all pages. If complete is false it first searches the whole
// database, also for free pages that an earlier version of this package has left as they were. Run runs an op of the
// writer.
func (e *eraser) overwrite(ctx context.Context, reader *sql.Conn, run func(op) error, complete bool) error {
	if !complete {
		if err := e.search(ctx, reader); err != nil {
			return fmt.Errorf("search pages: %w", err)
		}
		if err := run(e.overwriteFree); err != nil {
			return fmt.Errorf("overwrite free pages: %w", err)
		}
	}
	for {
		e.mu.Lock()
		numbers := e.moved.take(overwriteAtOnce)
		e.mu.Unlock()
		if len(numbers) == 0 {
			return nil
		}
		err := run(func(ctx context.Context, _ *query.Queries) error {
			for _, number := range numbers {
				if err := e.overwriteGap(ctx, number); err != nil {
					return fmt.Errorf("overwrite page %d: %w", number, err)
				}
			}
			return nil
		})
		if err != nil {
			e.mu.Lock()
			for _, number := range numbers {
				e.moved.add(number)
			}
			e.mu.Unlock()
			return err
		}
	}
}

// search looks at every page of the database.
func (e *eraser) search(ctx context.Context, conn *sql.Conn) error {
	// What is written from now on is noticed by wrote, what was written before is found here.
	e.mu.Lock()
	e.complete = true
	e.mu.Unlock()
	err := e.lookAtAll(ctx, conn)
	if err != nil {
		e.mu.Lock()
		e.complete = false
		e.mu.Unlock()
	}
	return err
}

func (e *eraser) lookAtAll(ctx context.Context, conn *sql.Conn) error {
	rows, err := conn.QueryContext(ctx, "SELECT pgno, data FROM sqlite_dbpage")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var number uint32
		var page sql.RawBytes
		if err := rows.Scan(&number, &page); err != nil {
			return err
		}
		e.mu.Lock()
		e.look(number, page)
		e.mu.Unlock()
	}
	return rows.Err()
}

// overwriteGap overwrites what a page does not use.
func (e *eraser) overwriteGap(ctx context.Context, number uint32) error {
	if number >= maxPages {
		return nil
	}
	page, err := e.read(ctx, number)
	if err != nil || page == nil {
		return err
	}
	gap := gapOf(number, page)
	if isZero(gap) {
		return nil
	}
	clear(gap)
	_, err = e.update.ExecContext(ctx, page, number)
	return err
}

// read returns a page, or nil if the database has become smaller.
func (e *eraser) read(ctx context.Context, number uint32) (page []byte, err error) {
	err = e.page.QueryRowContext(ctx, number).Scan(&page)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return page, err
}

// overwriteFree overwrites the free pages that are not zero. The list of free pages is one of trunk pages, of which
// each has the numbers of others.
func (e *eraser) overwriteFree(ctx context.Context, _ *query.Queries) error {
	first, err := e.read(ctx, 1)
	if err != nil {
		return err
	}
	visited := uint32(0)
	for trunk := beUint32(first, 32); trunk != 0; {
		page, err := e.read(ctx, trunk)
		if err != nil {
			return err
		}
		if visited++; len(page) != pageSize || visited > beUint32(first, 36) {
			return errors.New("the list of free pages is damaged")
		}
		leaves := beUint32(page, 4)
		if leaves > pageSize/4-2 {
			return errors.New("the list of free pages is damaged")
		}
		for i := range leaves {
			if err := e.overwriteLeaf(ctx, beUint32(page, 8+4*int(i))); err != nil {
				return err
			}
		}
		if rest := page[8+4*leaves:]; !isZero(rest) {
			clear(rest)
			if _, err := e.update.ExecContext(ctx, page, trunk); err != nil {
				return err
			}
		}
		trunk = beUint32(page, 0)
	}
	return nil
}

func (e *eraser) overwriteLeaf(ctx context.Context, number uint32) error {
	page, err := e.read(ctx, number)
	if err != nil || len(page) != pageSize || isZero(page) {
		return err
	}
	_, err = e.update.ExecContext(ctx, zeroPage[:], number)
	return err
}
