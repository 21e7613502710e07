package store_test

import (
	"database/sql"
	"sync"
	"testing"

	"github.com/carrelhq/carrel/internal/delivery/deliverytest"
	"github.com/carrelhq/carrel/internal/fetch/fetchtest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/library/librarytest"
	"github.com/carrelhq/carrel/internal/storage/storagetest"
	"github.com/carrelhq/carrel/internal/store"
	"github.com/carrelhq/carrel/internal/store/storetest"
	"github.com/carrelhq/carrel/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func TestStoreOnSQLite(t *testing.T) { testStore(t, newSQLite) }

func TestStoreOnPostgres(t *testing.T) { testStore(t, testenv.Postgres) }

// testStore runs the conformance tests on a kind of database; newURL gives a new one.
func testStore(t *testing.T, newURL func(t testing.TB) string) {
	stores := &storePool{t: t, newURL: newURL}
	var parallel sync.Map // the tests that run in parallel: some open more than one store
	open := func(t *testing.T) *store.DB {
		if _, already := parallel.LoadOrStore(t, true); !already {
			t.Parallel()
		}
		return stores.get(t)
	}
	librarytest.TestStore(t, func(t *testing.T) librarytest.Store { return open(t) })
	deliverytest.TestStore(t, func(t *testing.T) deliverytest.Store { return open(t) })
	fetchtest.TestStore(t, func(t *testing.T) fetchtest.Store { return open(t) })
	storagetest.TestStore(t, func(t *testing.T) storagetest.Store { return open(t) })
}

// A storePool lends empty stores. It opens no more than are used at the same time, because to open
// one takes much longer than to empty it.
type storePool struct {
	t      *testing.T // closes the stores when it ends
	newURL func(t testing.TB) string

	mu   sync.Mutex
	free []pooledStore
}

type pooledStore struct {
	*store.DB
	raw   *sql.DB
	empty string // the statements that delete all rows
}

// get returns an empty store that no other test uses until t ends.
func (p *storePool) get(t *testing.T) *store.DB {
	t.Helper()
	s := p.take()
	if _, err := s.raw.Exec(s.empty); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.SetLimits(library.DefaultLimits) // a test may have set its own
		p.mu.Lock()
		defer p.mu.Unlock()
		p.free = append(p.free, s)
	})
	return s.DB
}

func (p *storePool) take() pooledStore {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		s := p.free[n-1]
		p.free = p.free[:n-1]
		return s
	}
	url := p.newURL(p.t)
	s := pooledStore{DB: open(p.t, url), raw: openRaw(p.t, url)}
	// Contracts first: what belongs to a library goes with it, they do not go with
	// their application.
	s.empty = "DELETE FROM contracts"
	for _, table := range tables(p.t, s.raw) {
		if table != "contracts" && table != "goose_db_version" {
			s.empty += "; DELETE FROM " + table
		}
	}
	return s
}

// onEach runs a test on each kind of database; newURL gives a new one.
func onEach(t *testing.T, test func(t *testing.T, newURL func(t testing.TB) string)) {
	t.Run("SQLite", func(t *testing.T) { test(t, newSQLite) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, testenv.Postgres) })
}

func newSQLite(t testing.TB) string { return "sqlite:" + storetest.SQLite(t) }

func open(t testing.TB, url string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	storetest.Bind(t, db)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}
