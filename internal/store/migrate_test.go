package store

import (
	"context"
	"database/sql"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/carrelhq/carrel/internal/testenv"
)

// bothDatabases runs a test on an empty database of each kind.
func bothDatabases(t *testing.T, test func(t *testing.T, db *sql.DB, url string, d dialect)) {
	t.Run("SQLite", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "carrel.db")
		db, err := openPool(file, writerPragmas, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		test(t, db, file, sqliteDialect)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		url := testenv.Postgres(t)
		db, err := sql.Open("pgx", url)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		test(t, db, url, postgresDialect)
	})
}

func TestBothDialectsHaveTheSameMigrations(t *testing.T) {
	var lists [2][]string
	for i, d := range []dialect{postgresDialect, sqliteDialect} {
		rendered, err := d.render(migrationFiles)
		if err != nil {
			t.Fatal(err)
		}
		if lists[i], err = fs.Glob(rendered, "*"); err != nil {
			t.Fatal(err)
		}
		for _, name := range lists[i] {
			b, err := fs.ReadFile(rendered, name)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(b), "goose Down") {
				t.Errorf("%s has a way back, which nobody would test", name)
			}
			for _, word := range []string{"BYTEA", `"C"`} {
				if i == 1 && strings.Contains(string(b), word) {
					t.Errorf("%s for SQLite has the word %s", name, word)
				}
			}
		}
	}
	if len(lists[0]) == 0 || !slices.Equal(lists[0], lists[1]) {
		t.Errorf("PostgreSQL has %v, SQLite has %v", lists[0], lists[1])
	}
}

func TestMigrationsRunOnce(t *testing.T) {
	bothDatabases(t, func(t *testing.T, db *sql.DB, _ string, d dialect) {
		for range 2 {
			if err := migrate(t.Context(), db, d); err != nil {
				t.Fatal(err)
			}
		}
		if got := version(t, db); got != int(ownVersion()) {
			t.Errorf("the database is at version %d, want %d", got, ownVersion())
		}
	})
}

func TestAFailingMigrationLeavesNothing(t *testing.T) {
	migrations := func(second string) fs.FS {
		return fstest.MapFS{
			"migrations/0001_good.sql": {
				Data: []byte("-- +goose Up\nCREATE TABLE one (id TEXT COLLATE \"C\" PRIMARY KEY, data BYTEA);\n"),
			},
			"migrations/0002_second.sql": {
				Data: []byte("-- +goose Up\nCREATE TABLE two (id BIGINT);\n" +
					"INSERT INTO one (id) VALUES ('x');\n" + second),
			},
		}
	}
	bothDatabases(t, func(t *testing.T, db *sql.DB, _ string, d dialect) {
		if err := migrateFrom(t.Context(), db, d, migrations("INSERT INTO nowhere VALUES (1);\n")); err == nil {
			t.Fatal("a migration into nowhere succeeded")
		}
		if got := version(t, db); got != 1 {
			t.Errorf("the database is at version %d, want 1", got)
		}
		var rows int
		if err := db.QueryRow("SELECT COUNT(*) FROM one").Scan(&rows); err != nil || rows != 0 {
			t.Errorf("table one has %d rows, %v", rows, err)
		}
		if err := db.QueryRow("SELECT COUNT(*) FROM two").Scan(&rows); err == nil {
			t.Error("table two is there")
		}
		if err := migrateFrom(t.Context(), db, d, migrations("")); err != nil {
			t.Fatal(err)
		}
		if got := version(t, db); got != 2 {
			t.Errorf("the database is at version %d, want 2", got)
		}
	})
}

func TestManyOpenANewDatabaseAtOnce(t *testing.T) {
	bothDatabases(t, func(t *testing.T, _ *sql.DB, url string, _ dialect) {
		var done sync.WaitGroup
		for range 4 {
			done.Go(func() {
				db, err := Open(context.Background(), url)
				if err != nil {
					t.Error(err)
					return
				}
				if err := db.Check(context.Background()); err != nil {
					t.Error(err)
				}
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		done.Wait()
	})
}

func version(t *testing.T, db *sql.DB) (v int) {
	t.Helper()
	if err := db.QueryRow("SELECT MAX(version_id) FROM goose_db_version").Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
