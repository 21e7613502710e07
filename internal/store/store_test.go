package store_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/carrelhq/carrel/internal/delivery/deliverytest"
	"github.com/carrelhq/carrel/internal/library/librarytest"
	"github.com/carrelhq/carrel/internal/store"
	"github.com/carrelhq/carrel/internal/store/storetest"
	"github.com/carrelhq/carrel/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func TestStoreOnSQLite(t *testing.T) {
	var parallel sync.Map // the tests that run in parallel: some open more than one store
	testStore(t, func(t *testing.T) deliverytest.Store {
		if _, already := parallel.LoadOrStore(t, true); !already {
			t.Parallel()
		}
		return open(t, storetest.SQLite(t))
	})
}

// One database serves all tests: to make one takes much longer than to empty it.
func TestStoreOnPostgres(t *testing.T) {
	url := testenv.Postgres(t)
	db, raw := open(t, url), openRaw(t, url)
	// Contracts first: what belongs to a library goes with it, they do not go with
	// their application.
	tables := []string{"contracts"}
	for _, table := range texts(t, raw, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") {
		if table != "contracts" && table != "goose_db_version" {
			tables = append(tables, table)
		}
	}
	empty := "DELETE FROM " + strings.Join(tables, "; DELETE FROM ")
	testStore(t, func(t *testing.T) deliverytest.Store {
		if _, err := raw.Exec(empty); err != nil {
			t.Fatal(err)
		}
		return db
	})
}

func testStore(t *testing.T, open func(t *testing.T) deliverytest.Store) {
	librarytest.TestStore(t, func(t *testing.T) librarytest.Store { return open(t) })
	deliverytest.TestStore(t, open)
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
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}
