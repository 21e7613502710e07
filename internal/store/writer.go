package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// maxBatch is how many ops may share one transaction.
const maxBatch = 256

// A groupWriter does all writing to an SQLite database, in one goroutine on one connection. It
// takes all ops that wait and commits them together, so that they share one sync (group commit).
// It has no timer: while the disk syncs one batch, the next one gathers.
type groupWriter struct {
	pool         *sql.DB
	queries      *query.Queries // on cache, for all ops but pushes, which memory adds
	cache        *statementCache
	memory       *pushMemory
	statements   statements
	checkpointer *checkpointer
	eraser       eraser
	file         databaseFile

	*batchQueue[op]
	done chan struct{}

	closing    sync.Once
	closeError error
}

// statements begin and end transactions.
type statements struct {
	conn *sql.Conn
	all  preparedStatements

	begin, commit, rollback             *sql.Stmt
	savepoint, release, backToSavepoint *sql.Stmt
}

// newGroupWriter returns a writer that keeps two of the pool's connections, to the database at path. Clean says that
// its last process has closed the database and left nothing to erase.
func newGroupWriter(ctx context.Context, pool *sql.DB, path string, clean bool) (*groupWriter, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	cache := newStatementCache(conn)
	memory := newPushMemory(cache)
	w := &groupWriter{
		pool: pool, queries: query.New(newForgettingDB(cache, memory)), cache: cache, memory: memory,
		batchQueue: newBatchQueue[op](maxWaiting),
		done:       make(chan struct{}),
	}
	w.eraser.log.path, w.eraser.complete = path+"-wal", clean
	err = w.statements.prepare(ctx, conn)
	if err == nil {
		err = w.statements.all.prepare(ctx, conn, map[string]**sql.Stmt{"PRAGMA data_version": &memory.getVersion})
	}
	if err == nil {
		err = w.eraser.prepare(ctx, conn)
	}
	if err == nil {
		w.checkpointer, err = newCheckpointer(ctx, pool)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	w.eraser.wrote() // the migrations
	w.file = openedFile(path)
	go w.run()
	return w, nil
}

// write gives f to the writer and waits for its result.
func (w *groupWriter) write(ctx context.Context, f op) error { return w.do(ctx, f) }

// add implements [pushAdder].
func (w *groupWriter) add(ctx context.Context, p *push) error {
	return w.do(ctx, func(ctx context.Context, _ *query.Queries) error { return w.memory.add(ctx, p) })
}

// setBinder implements [pushAdder].
func (w *groupWriter) setBinder(b Binder) { w.memory.binder = b }

func (w *groupWriter) drain() {
	w.batchQueue.close()
	<-w.done
}

func (w *groupWriter) close() error {
	w.drain()
	w.closing.Do(func() { w.closeError = w.finish() })
	return w.closeError
}

// finish leaves one file, from which what was removed is erased. If another process has the database open, that process
// does the rest.
func (w *groupWriter) finish() error {
	ctx := context.Background()
	// Nothing writes any more, so this is the writer.
	run := func(o op) error {
		results, err := w.commit([]*job[op]{{ctx: ctx, work: o}})
		w.eraser.wrote()
		return errors.Join(append(results, err)...)
	}
	err := w.eraser.finish(ctx, w.checkpointer.conn, run)
	if err == nil {
		_, err = w.checkpointer.empty(ctx)
	}
	w.eraser.log.close()
	// The last connection that is closed deletes the log. SQLite closes a connection only after its statements, and
	// database/sql does not close those that were prepared on an sql.Conn.
	return errors.Join(err, w.checkpointer.close(), w.cache.close(), w.eraser.statements.close(),
		w.statements.all.close(), w.statements.conn.Close(), w.pool.Close())
}

func (w *groupWriter) run() {
	defer close(w.done)
	w.batches(maxBatch, func(batch []*job[op]) {
		var results []error
		err := w.file.check()
		if err == nil {
			results, err = w.commit(batch)
		}
		for i, j := range batch {
			if err != nil {
				j.result <- err
			} else {
				j.result <- results[i]
			}
		}
		w.eraser.wrote()
		w.checkpointer.wrote(len(batch))
	})
}

// errOneFailed says that a batch has to run again, each op in a savepoint of its own.
var errOneFailed = errors.New("an operation of the batch failed")

// commit runs the batch as one transaction. It returns a result for each op, or an error if the
// transaction failed. It first runs the ops without savepoints. If one fails, it runs all of them
// again, each in a savepoint of its own, and undoes only those that fail. Savepoints more than
// double what is written, and failures are rare.
func (w *groupWriter) commit(batch []*job[op]) ([]error, error) {
	results, err := w.transaction(batch, false)
	if errors.Is(err, errOneFailed) {
		results, err = w.transaction(batch, true)
	}
	return results, err
}

func (w *groupWriter) transaction(batch []*job[op], apart bool) (results []error, err error) {
	if err := w.statements.do(w.statements.begin); err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	w.memory.begin()
	defer func() {
		if err != nil {
			// An error here means that SQLite has rolled back by itself.
			_ = w.statements.do(w.statements.rollback)
		}
	}()
	results = make([]error, len(batch))
	for i, j := range batch {
		if apart {
			results[i], err = w.runApart(j)
			if err != nil {
				return nil, err
			}
		} else if err := j.work(j.ctx, w.queries); err != nil {
			if len(batch) > 1 {
				err = errOneFailed
			}
			return nil, err
		}
	}
	if err := w.statements.do(w.statements.commit); err != nil {
		w.memory.forget()
		return nil, fmt.Errorf("commit: %w", err)
	}
	w.memory.commit()
	return results, nil
}

// runApart runs one op in a savepoint of its own.
func (w *groupWriter) runApart(j *job[op]) (result, err error) {
	if err := w.statements.do(w.statements.savepoint); err != nil {
		return nil, fmt.Errorf("savepoint: %w", err)
	}
	if result = j.work(j.ctx, w.queries); result != nil {
		if err := w.statements.do(w.statements.backToSavepoint); err != nil {
			return nil, fmt.Errorf("%w, and back to savepoint: %w", result, err)
		}
	}
	if err := w.statements.do(w.statements.release); err != nil {
		return nil, fmt.Errorf("release savepoint: %w", err)
	}
	return result, nil
}

// prepare makes the statements on the writer's connection.
func (s *statements) prepare(ctx context.Context, conn *sql.Conn) error {
	s.conn = conn
	return s.all.prepare(ctx, conn, map[string]**sql.Stmt{
		"BEGIN IMMEDIATE":       &s.begin,
		"COMMIT":                &s.commit,
		"ROLLBACK":              &s.rollback,
		"SAVEPOINT operation":   &s.savepoint,
		"RELEASE operation":     &s.release,
		"ROLLBACK TO operation": &s.backToSavepoint,
	})
}

func (s *statements) do(stmt *sql.Stmt) error {
	_, err := stmt.ExecContext(context.Background())
	return err
}

// preparedStatements are statements of one connection, which have to be closed before it.
type preparedStatements []*sql.Stmt

func (p *preparedStatements) prepare(ctx context.Context, conn *sql.Conn, texts map[string]**sql.Stmt) error {
	for text, into := range texts {
		stmt, err := conn.PrepareContext(ctx, text) //nolint:sqlclosecheck // close closes it
		if err != nil {
			return fmt.Errorf("prepare %s: %w", text, err)
		}
		*p, *into = append(*p, stmt), stmt
	}
	return nil
}

func (p *preparedStatements) close() (err error) {
	for _, stmt := range *p {
		err = errors.Join(err, stmt.Close())
	}
	return err
}
