package store

import (
	"database/sql"
	"fmt"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/carrelhq/carrel/internal/library"
)

// TestMigrationCountsUsage migrates a database that has files from before usage was counted. A size that this server
// never stores counts as none, and keeps the database from nothing.
func TestMigrationCountsUsage(t *testing.T) {
	before := fstest.MapFS{}
	files, err := fs.Glob(migrationFiles, "migrations/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		b, err := fs.ReadFile(migrationFiles, name)
		if err != nil {
			t.Fatal(err)
		}
		if name < "migrations/0015" {
			before[name] = &fstest.MapFile{Data: b}
		}
	}
	bothDatabases(t, func(t *testing.T, db *sql.DB, url string, d dialect) {
		if err := migrateFrom(t.Context(), db, d, before); err != nil {
			t.Fatal(err)
		}
		run := func(statement string, args ...any) {
			t.Helper()
			if _, err := db.Exec(statement, args...); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		n := 0
		file := func(owner, contract string, size any) {
			n++
			run(`INSERT INTO files (id, library_id, application_id, contract_id, metadata, size, created_at)
				VALUES ($1, $2, 'a', $3, '{}', $4, 1)`, fmt.Sprint("file", n), owner, contract, size)
		}
		file("l1", "c1", 10)
		file("l1", "c1", 0)
		file("l1", "c2", int64(1)<<40)
		file("l2", "c1", 7)
		file("l2", "c1", -5)
		file("l2", "c1", int64(1)<<62)
		file("l2", "c1", int64(1)<<62)
		if d.looselyTyped {
			file("l2", "c1", "a text")
			file("l2", "c1", 0.5)
		} else {
			file("l2", "c1", 0)
			file("l2", "c1", 0)
		}
		if err := migrate(t.Context(), db, d); err != nil {
			t.Fatal(err)
		}
		opened, err := Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := opened.Close(); err != nil {
				t.Error(err)
			}
		})
		for owner, want := range map[library.ID]string{
			"l1": "[{a c1 {2 10}} {a c2 {1 1099511627776}}]", "l2": "[{a c1 {6 7}}]", "l3": "[]",
		} {
			got, err := opened.ListUsage(t.Context(), owner)
			if err != nil || fmt.Sprint(got) != want {
				t.Errorf("usage of %s: %v, %v, want %s", owner, got, err, want)
			}
			if faults, err := opened.ListUsageFaults(t.Context(), owner, 10); err != nil || len(faults) > 0 {
				t.Errorf("faults of %s: %v, %v", owner, faults, err)
			}
		}
	})
}

// TestAttackSpoiledUsage writes what is no count into the usage: it keeps nobody from pushing, reading the usage and
// deleting, and is found and repaired.
func TestAttackSpoiledUsage(t *testing.T) {
	bothDatabases(t, func(t *testing.T, raw *sql.DB, url string, d dialect) {
		db, err := Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		values := []any{-1, int64(-1) << 62, int64(1) << 62}
		if d.looselyTyped {
			values = append(values, "a text", []byte{1, 2}, 1.5, 1e300)
		}
		for i, v := range values {
			owner := fmt.Sprint("l", i)
			if _, err := raw.Exec(`INSERT INTO files (id, library_id, application_id, contract_id, metadata, size,
				created_at) VALUES ($1, $1, 'a', 'c', '{}', 10, 1)`, owner); err != nil {
				t.Fatal(err)
			}
			if _, err := raw.Exec(`INSERT INTO usage (library_id, application_id, contract_id, files, bytes, refused_at)
				VALUES ($1, 'a', 'c', $2, $2, 0), ($1, 'a', 'd', $2, $2, 0), ($1, 'a', 'e', $2, $2, 0)`,
				owner, v); err != nil {
				t.Fatal(err)
			}
			if _, err := db.ListUsage(t.Context(), library.ID(owner)); err != nil {
				t.Errorf("list usage of %v: %v", v, err)
			}
			faults, err := db.ListUsageFaults(t.Context(), library.ID(owner), 10)
			if err != nil || len(faults) == 0 {
				t.Errorf("faults of %v: %v, %v", v, faults, err)
			}
		}
		if _, err := db.SumUsage(t.Context(), "a"); err != nil {
			t.Errorf("sum usage: %v", err)
		}
	})
}
