package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/library/librarytest"
	"github.com/carrelhq/carrel/internal/store"
	"github.com/carrelhq/carrel/internal/testenv"
)

// openWithGrants opens a PostgreSQL database with grants of twenty libraries, and another connection to it.
func openWithGrants(t *testing.T) (db *store.DB, direct *sql.DB, grants []library.Grant) {
	t.Helper()
	url := testenv.Postgres(t)
	db = open(t, url)
	direct = carreltest.Must(sql.Open("pgx", url))(t)
	t.Cleanup(func() { _ = direct.Close() })
	for range 20 {
		grants = append(grants, librarytest.AddGrant(t, db))
	}
	return db, direct, grants
}

// TestPushesShareTransactions: pushes that wait together are added by few transactions, into whichever libraries. One
// that PostgreSQL does not take fails alone.
func TestPushesShareTransactions(t *testing.T) {
	t.Parallel()
	db, direct, grants := openWithGrants(t)
	const pushes, bad = 400, 77
	atOnce := func(change func(i int, file *library.NewFile)) (errs [pushes]error) {
		var wait sync.WaitGroup
		for i := range errs {
			file := librarytest.NewFile(grants[i%len(grants)], librarytest.Later(time.Duration(i)*time.Second))
			change(i, &file)
			wait.Go(func() { errs[i] = db.AddFile(t.Context(), file) })
		}
		wait.Wait()
		return errs
	}
	for i, err := range atOnce(func(int, *library.NewFile) {}) {
		if err != nil {
			t.Errorf("push %d: %v", i, err)
		}
	}
	var files, transactions int
	err := direct.QueryRowContext(t.Context(), "SELECT COUNT(*), COUNT(DISTINCT xmin::text) FROM files").
		Scan(&files, &transactions)
	if err != nil {
		t.Fatal(err)
	}
	if files != pushes || transactions > pushes/2 {
		t.Errorf("%d files by %d transactions", files, transactions)
	}
	for i, err := range atOnce(func(i int, file *library.NewFile) {
		if i == bad {
			file.File.ID = "no\x00text"
		}
	}) {
		if i == bad && !errors.Is(err, library.ErrNotFound) || i != bad && err != nil {
			t.Errorf("push %d of those with a bad one: %v", i, err)
		}
	}
}

// TestPushesBesideALockedLibrary: while somebody keeps a library locked, pushes into others do not wait, and neither
// does what else locks those. The push into it is stored when it is free.
func TestPushesBesideALockedLibrary(t *testing.T) {
	t.Parallel()
	db, direct, grants := openWithGrants(t)
	lock := carreltest.Must(direct.BeginTx(t.Context(), nil))(t)
	carreltest.Must(lock.ExecContext(t.Context(), "UPDATE chains SET events = events WHERE library_id = $1",
		string(grants[0].Library)))(t)
	locked := make(chan error, 1)
	var wait sync.WaitGroup
	for i, g := range grants {
		add := func() error { return db.AddFile(t.Context(), librarytest.NewFile(g, librarytest.Now)) }
		if i == 0 {
			go func() { locked <- add() }()
			continue
		}
		wait.Go(func() {
			for range 10 {
				if err := add(); err != nil {
					t.Error(err)
				}
			}
			if err := db.AddEvent(t.Context(), librarytest.AnyEvent(g.Library)); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait() // or the push into the locked library would have to end first
	select {
	case err := <-locked:
		t.Errorf("a push into a locked library ends with %v", err)
	default:
	}
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-locked; err != nil {
		t.Error(err)
	}
}

// TestPushesBesideOtherWork: pushes and what else locks libraries, on two servers, do not fail for each other.
func TestPushesBesideOtherWork(t *testing.T) {
	t.Parallel()
	url := testenv.Postgres(t)
	servers := []interface {
		librarytest.Store
		UseNonce(context.Context, library.Nonce) error
	}{open(t, url), open(t, url)}
	grants := make([]library.Grant, 12)
	for i := range grants {
		grants[i] = librarytest.AddGrant(t, servers[0])
	}
	var mu sync.Mutex
	added := map[library.ID]int{}
	var wait sync.WaitGroup
	for worker := range 24 {
		wait.Go(func() {
			for n := range 20 {
				g := grants[(worker*7+n*5)%len(grants)]
				s := servers[(worker+n)%len(servers)]
				var err error
				switch file := librarytest.NewFile(g, librarytest.Later(time.Duration(n)*time.Second)); {
				case worker%6 == 5:
					err = s.AddEvent(t.Context(), librarytest.AnyEvent(g.Library))
				case worker%6 == 4:
					err = s.UseNonce(t.Context(), library.Nonce{Value: wire.NewNonce(), KeepFor: time.Minute})
				default:
					if err = s.AddFile(t.Context(), file); err == nil {
						mu.Lock()
						added[g.Library]++
						mu.Unlock()
					}
				}
				if err != nil {
					t.Error(fmt.Errorf("worker %d: %w", worker, err))
				}
			}
		})
	}
	wait.Wait()
	f := librarytest.Fixture{Store: servers[0], T: t}
	for _, g := range grants {
		f.Events(g.Library) // an unbroken chain
		if n := carreltest.Must(servers[1].CountFiles(t.Context(), g.Library))(t); n != added[g.Library] {
			t.Errorf("library %s has %d files, want %d", g.Library, n, added[g.Library])
		}
	}
}
