package store

import (
	"context"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// Together has calls that write to an SQLite database share a transaction, in their order, and returns their errors.
func Together(t *testing.T, db *DB, calls ...func() error) (errs []error) {
	t.Helper()
	release := occupy(t, db)
	w := db.writer.(*groupWriter)
	var results []chan error
	for i, call := range calls {
		result := make(chan error, 1)
		results = append(results, result)
		go func() { result <- call() }()
		for len(w.queue) <= i && len(result) == 0 {
			time.Sleep(50 * time.Microsecond)
		}
	}
	release()
	for _, result := range results {
		errs = append(errs, <-result)
	}
	return errs
}

// Remembered returns of how many libraries the writer of an SQLite database remembers something.
func Remembered(t *testing.T, db *DB) (n int) {
	t.Helper()
	err := db.add(t.Context(), "count what is remembered", func(context.Context, *query.Queries) error {
		n = len(db.writer.(*groupWriter).memory.committed)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// LimitRemembered sets the bound of Remembered. Call it before any use.
func LimitRemembered(db *DB, limit int) { db.writer.(*groupWriter).memory.limit = limit }

// RememberNothing makes each push into an SQLite database read what it has to know.
func RememberNothing(db *DB) { db.pushes = forgetfulAdder{db.writer} }

// forgetfulAdder adds each push as an op of its own.
type forgetfulAdder struct{ transactor }

func (a forgetfulAdder) add(ctx context.Context, p *push) error { return a.write(ctx, p.alone) }

func (forgetfulAdder) setBinder(Binder) {}

// AddBatch adds files as one batch, and returns their errors.
func AddBatch(t *testing.T, db *DB, files []library.NewFile) []error {
	t.Helper()
	if _, ok := db.writer.(*groupWriter); ok {
		calls := make([]func() error, len(files))
		for i, file := range files {
			calls[i] = func() error { return db.AddFile(t.Context(), file) }
		}
		return Together(t, db, calls...)
	}
	jobs := make([]*pushJob, len(files))
	for i, file := range files {
		jobs[i] = &pushJob{ctx: t.Context(), work: db.newPush(file), result: make(chan error, 1)}
	}
	db.pushes.(*pushGroup).addAll(jobs)
	errs := make([]error, len(files))
	for i, j := range jobs {
		if err := <-j.result; err != nil {
			errs[i] = wrap("add file", err)
		}
	}
	return errs
}
