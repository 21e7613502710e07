package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
	"github.com/carrelhq/carrel/internal/testenv"
)

// TestLostConnections ends the connections of the pool that are idle, as a restart of PostgreSQL does: nobody who comes
// then notices it, whether they read or write.
func TestLostConnections(t *testing.T) {
	t.Parallel()
	url := testenv.Postgres(t)
	db, err := Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const together = 16
	all := func(round int) {
		t.Helper()
		var wait sync.WaitGroup
		for i := range together {
			wait.Go(func() {
				var err error
				switch i % 4 {
				case 0:
					_, err = db.GetInstallation(t.Context())
				case 1:
					_, err = db.ListSigningKeys(t.Context())
				case 2:
					err = db.RenewServer(t.Context(), fmt.Sprint(i), 1)
				default:
					err = db.UseNonce(t.Context(), library.Nonce{
						Value: fmt.Sprint(round, i), At: time.Now(), KeepFor: time.Minute,
					})
				}
				if err != nil && !errors.Is(err, library.ErrNotFound) {
					t.Errorf("round %d, %d: %v", round, i, err)
				}
			})
		}
		wait.Wait()
	}
	for round := range 5 {
		all(2 * round) // so that there are connections, which the pool has just used
		endConnections(t, url)
		all(2*round + 1)
	}
}

// endConnections ends all other connections to a database, and waits until they have ended.
func endConnections(t *testing.T, url string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	const others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
	var ended, left int
	err = conn.QueryRow(t.Context(), "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) "+others).Scan(&ended)
	if err != nil || ended == 0 {
		t.Fatalf("%d connections ended: %v", ended, err)
	}
	for left = ended; left > 0; time.Sleep(time.Millisecond) {
		if err := conn.QueryRow(t.Context(), "SELECT count(*) "+others).Scan(&left); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLostInTransaction: an op whose connection ends before its commit runs again, and leaves nothing of the first run.
func TestLostInTransaction(t *testing.T) {
	t.Parallel()
	url := testenv.Postgres(t)
	db, err := Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	runs := 0
	err = db.write(t.Context(), "test", func(ctx context.Context, q *query.Queries) error {
		runs++
		// Would be there already in the second run, if the first had left it.
		if err := db.useNonce(ctx, q, library.Nonce{Value: "once"}); err != nil {
			return err
		}
		if runs < maxConnectionsLost {
			endConnections(t, url)
		}
		_, err := q.ListSigningKeys(ctx)
		return err
	})
	if err != nil || runs != maxConnectionsLost {
		t.Errorf("%v after %d runs", err, runs)
	}
}

// TestConnectionLost tells what was certainly not stored from what may have been.
func TestConnectionLost(t *testing.T) {
	t.Parallel()
	fatal := &pgconn.PgError{Severity: "FATAL", Code: "57P01"}
	reset := &net.OpError{Op: "read", Err: syscall.ECONNRESET}
	for _, tt := range []struct {
		err                     error
		inOp, inCommit, unknown bool // tried again; its outcome unknown
	}{
		{fatal, true, false, true},
		{reset, true, false, true},
		{io.ErrUnexpectedEOF, true, false, true},
		{context.DeadlineExceeded, false, false, true},
		{pgconn.ErrConnClosed, true, false, true},
		{&pgconn.PgError{Severity: "ERROR", Code: pgSerialization}, false, false, false},
		{&pgconn.PgError{Severity: "ERROR", Code: pgUniqueViolation}, false, false, false},
		{pgx.ErrTxCommitRollback, false, false, false},
		{notSent{errors.New("broken pipe")}, true, true, false},
		{notSent{pgconn.ErrConnClosed}, true, false, true},
	} {
		var lost lostConnections
		if got := lost.note(fmt.Errorf("in an op: %w", tt.err)); got != tt.inOp || got != (lost.at.Load() > 0) {
			t.Errorf("%v in an op: tried again: %v", tt.err, got)
		}
		err := commitError(tt.err)
		if got := lost.note(err); got != tt.inCommit {
			t.Errorf("%v in a commit: tried again: %v", tt.err, got)
		}
		err = wrap("test", err)
		if got := errors.Is(err, library.ErrOutcomeUnknown); got != tt.unknown ||
			got && !errors.Is(err, library.ErrUnavailable) {
			t.Errorf("%v in a commit: %v, unknown: %v", tt.err, err, got)
		}
	}
}

// notSent is an error of which pgconn says that nothing was sent before it.
type notSent struct{ error }

func (notSent) SafeToRetry() bool { return true }
func (e notSent) Unwrap() error   { return e.error }
