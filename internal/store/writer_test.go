package store

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

func openForWriting(t *testing.T) (*DB, *groupWriter, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "carrel.db")
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db, db.writer.(*groupWriter), path
}

// occupy keeps the writer at work until the returned function is called.
func occupy(t *testing.T, db *DB) (release func()) {
	t.Helper()
	begun, end, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- db.write(context.Background(), "wait", func(context.Context, *query.Queries) error {
			close(begun)
			<-end
			return nil
		})
	}()
	<-begun
	return func() {
		t.Helper()
		close(end)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// queue starts a write and returns once it waits.
func queue(t *testing.T, ctx context.Context, db *DB, f op) (verdict chan error) {
	t.Helper()
	w := db.writer.(*groupWriter)
	before := len(w.queue)
	verdict = make(chan error, 1)
	go func() { verdict <- db.write(ctx, "test", f) }()
	for len(w.queue) == before {
		time.Sleep(50 * time.Microsecond)
	}
	return verdict
}

// useOneNonce uses up the nonce of that number.
func useOneNonce(i int) op {
	return func(ctx context.Context, q *query.Queries) error {
		return new(DB).useNonce(ctx, q, library.Nonce{Value: strconv.Itoa(i)})
	}
}

func TestWhatWaitsSharesOneSync(t *testing.T) {
	db, _, path := openForWriting(t)
	release := occupy(t, db)
	var verdicts []chan error
	for i := range 100 {
		verdicts = append(verdicts, queue(t, t.Context(), db, useOneNonce(i)))
	}
	before := commits(t, path)
	release()
	for _, v := range verdicts {
		if err := <-v; err != nil {
			t.Error(err)
		}
	}
	if n := commits(t, path) - before; n != 1 {
		t.Errorf("100 waiting writes were committed %d times, want once", n)
	}
}

func TestOneThatFailsIsUndoneAlone(t *testing.T) {
	db, _, path := openForWriting(t)
	release := occupy(t, db)
	before := commits(t, path)
	refused := errors.New("refused")
	var verdicts []chan error
	for i := range 9 {
		verdicts = append(verdicts, queue(t, t.Context(), db, func(ctx context.Context, q *query.Queries) error {
			if err := useOneNonce(i)(ctx, q); err != nil || i%3 != 1 {
				return err
			}
			return refused
		}))
	}
	release()
	for i, v := range verdicts {
		if err := <-v; (i%3 == 1) != errors.Is(err, refused) {
			t.Errorf("write %d: %v", i, err)
		}
	}
	if n := commits(t, path) - before; n != 1 {
		t.Errorf("they were committed %d times, want once", n)
	}
	for i := range 9 {
		err := db.write(t.Context(), "test", useOneNonce(i))
		if there := errors.Is(err, library.ErrReplayed); there != (i%3 != 1) {
			t.Errorf("what write %d wrote is there: %t", i, there)
		}
	}
}

func TestAllHearOfAFailedCommit(t *testing.T) {
	db, w, _ := openForWriting(t)
	release := occupy(t, db)
	violate := func(ctx context.Context, q *query.Queries) error {
		// A violated foreign key that shows in the end only.
		if _, err := w.statements.conn.ExecContext(ctx, "PRAGMA defer_foreign_keys = ON"); err != nil {
			return err
		}
		return q.AddToken(ctx, query.AddTokenParams{Hash: seal.NewSecret().Hash(), GrantID: "none"})
	}
	verdicts := []chan error{
		queue(t, t.Context(), db, useOneNonce(1)),
		queue(t, t.Context(), db, violate),
		queue(t, t.Context(), db, useOneNonce(2)),
	}
	release()
	for i, v := range verdicts {
		if err := <-v; err == nil {
			t.Errorf("write %d succeeded", i)
		}
	}
	for i := range 2 {
		if err := db.write(t.Context(), "test", useOneNonce(i+1)); err != nil {
			t.Errorf("after the failed commit: %v", err)
		}
	}
}

func TestTooManyAreRefused(t *testing.T) {
	db, w, _ := openForWriting(t)
	release := occupy(t, db)
	var waiting sync.WaitGroup
	for i := range maxWaiting {
		waiting.Go(func() {
			if err := db.write(context.Background(), "test", useOneNonce(i)); err != nil {
				t.Error(err)
			}
		})
	}
	for len(w.queue) < maxWaiting {
		time.Sleep(time.Millisecond)
	}
	if err := db.write(t.Context(), "test", useOneNonce(-1)); !errors.Is(err, library.ErrBusy) {
		t.Errorf("one more: %v, want ErrBusy", err)
	}
	release()
	waiting.Wait()
	if err := db.write(t.Context(), "test", useOneNonce(-1)); err != nil {
		t.Errorf("when none waits: %v", err)
	}
}

func TestWhoGoesWhileWaitingWritesNothing(t *testing.T) {
	db, _, _ := openForWriting(t)
	release := occupy(t, db)
	ctx, cancel := context.WithCancel(t.Context())
	v := queue(t, ctx, db, useOneNonce(1))
	cancel()
	if err := <-v; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	release()
	if err := db.write(t.Context(), "test", useOneNonce(1)); err != nil {
		t.Errorf("the nonce was used although its caller had gone: %v", err)
	}
}

func TestWhatHasBegunIsFinished(t *testing.T) {
	db, _, _ := openForWriting(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := db.write(ctx, "test", func(ctx context.Context, q *query.Queries) error {
		cancel()
		return useOneNonce(1)(ctx, q)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.write(t.Context(), "test", useOneNonce(1)); !errors.Is(err, library.ErrReplayed) {
		t.Errorf("got %v, want ErrReplayed", err)
	}
}

func TestCloseFinishesWhatWaits(t *testing.T) {
	db, _, path := openForWriting(t)
	release := occupy(t, db)
	v := queue(t, t.Context(), db, useOneNonce(1))
	closed := make(chan error)
	go func() { closed <- db.Close() }()
	time.Sleep(10 * time.Millisecond)
	release()
	if err := <-v; err != nil {
		t.Error(err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := db.write(t.Context(), "test", useOneNonce(2)); !errors.Is(err, errClosed) {
		t.Errorf("write to a closed store: %v", err)
	}
	if err := db.Check(t.Context()); err == nil {
		t.Error("a closed store is well")
	}
	again, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := again.write(t.Context(), "test", useOneNonce(1)); !errors.Is(err, library.ErrReplayed) {
		t.Errorf("got %v, want ErrReplayed", err)
	}
}

func TestLogIsMovedIntoTheDatabase(t *testing.T) {
	db, _, path := openForWriting(t)
	var done sync.WaitGroup
	for i := range 8 {
		done.Go(func() {
			for j := range 2 * checkpointAfter / 8 {
				if err := db.write(t.Context(), "test", useOneNonce(i<<16|j)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
	deadline := time.Now().Add(10 * time.Second)
	for {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > 50<<10 { // what the migrations left is in the log at first
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the database still has %d bytes", info.Size())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestLogStartsAgain: once little is left of the log, the next batch moves it, and a later one begins anew.
func TestLogStartsAgain(t *testing.T) {
	db, w, path := openForWriting(t)
	write := func(i int) uint64 {
		if err := db.write(t.Context(), "test", useOneNonce(i)); err != nil {
			t.Fatal(err)
		}
		return saltsOfLog(t, path)
	}
	before := write(0)
	for i := 1; i < 100; i++ { // far less than checkpointAfter
		w.checkpointer.near.Store(true) // a reader can be in the way of one
		if write(i) != before {
			return
		}
	}
	t.Error("the log goes on after its end was moved into the database")
}

// saltsOfLog returns what tells the generations of the log apart.
func saltsOfLog(t *testing.T, path string) uint64 {
	t.Helper()
	log, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return binary.BigEndian.Uint64(log[16:])
}

// commits counts the transactions in the database's log.
func commits(t *testing.T, path string) (n int) {
	t.Helper()
	log, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	const header, frame = 32, 24 + 4096
	for at := header; at+frame <= len(log); at += frame {
		// The second word of a frame is not 0 in the last of a transaction.
		if binary.BigEndian.Uint32(log[at+4:]) != 0 {
			n++
		}
	}
	return n
}
