package store_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/carrelhq/carrel/internal/library/librarytest"
	"github.com/carrelhq/carrel/internal/store"
	"github.com/carrelhq/carrel/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func TestStoreOnSQLite(t *testing.T) {
	librarytest.TestStore(t, func(t *testing.T) librarytest.Store { return open(t, newSQLite(t)) })
}

// One database serves all tests, as to make one takes much longer than to empty it.
func TestStoreOnPostgres(t *testing.T) {
	url := testenv.Postgres(t)
	db := open(t, url)
	librarytest.TestStore(t, func(t *testing.T) librarytest.Store {
		emptyPostgres(t, url)
		return db
	})
}

// onEach runs a test on each kind of database; newURL gives a new one.
func onEach(t *testing.T, test func(t *testing.T, newURL func(t testing.TB) string)) {
	t.Run("SQLite", func(t *testing.T) { test(t, newSQLite) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, testenv.Postgres) })
}

func newSQLite(t testing.TB) string {
	return "sqlite:" + filepath.Join(t.TempDir(), "carrel.db")
}

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

func emptyPostgres(t *testing.T, url string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(),
		"SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'goose_db_version'")
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "TRUNCATE "+strings.Join(tables, ", ")); err != nil {
		t.Fatal(err)
	}
}
