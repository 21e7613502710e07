package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
)

// TestNewerDatabase: a database that a newer program has migrated opens only if that program has recorded that this
// one may use it. A migration that has recorded nothing counts as one that may not.
func TestNewerDatabase(t *testing.T) {
	t.Parallel()
	bothDatabases(t, func(t *testing.T, db *sql.DB, url string, d dialect) {
		opened, err := Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		own := ownVersion()
		const oldest = 25 // what the migrations say
		if c := compatibilityOf(t, db, d); c.version != own || c.oldest != oldest || c.program != programVersion() {
			t.Errorf("after the migrations the database says %+v", c)
		}
		exec(t, db, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)")
		record := func(version, oldest int64) {
			exec(t, db, fmt.Sprintf("UPDATE schema_compatibility SET version = %d, oldest = %d, program = 'v9.9.9'",
				version, oldest))
		}
		for _, tt := range []struct {
			name   string
			record func()
			says   []string // nothing if it opens
		}{
			{"nothing is recorded", func() {}, []string{"newer program", "9999", fmt.Sprintf("version %d", own)}},
			{"this program is too old", func() { record(9999, own+1) },
				[]string{"v9.9.9", "9999", fmt.Sprint(own + 1)}},
			{"an older program may", func() { record(9999, own-1) }, nil},
			{"this program may", func() { record(9999, own) }, nil},
			{"an earlier migration may", func() { record(9998, own) }, []string{"9999"}},
		} {
			tt.record()
			for how, open := range map[string]func(context.Context, string) (*DB, error){
				"open": Open, "open existing": OpenExisting,
			} {
				again, err := open(t.Context(), url)
				if err == nil {
					err = errors.Join(again.Check(t.Context()), again.Close())
				}
				checkRefusal(t, tt.name+": "+how, err, tt.says)
			}
			checkRefusal(t, tt.name+": check", opened.Check(t.Context()), tt.says)
		}
	})
}

func checkRefusal(t *testing.T, what string, err error, says []string) {
	t.Helper()
	if len(says) == 0 {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		return
	}
	if !errors.Is(err, ErrNewer) {
		t.Errorf("%s: %v, want ErrNewer", what, err)
		return
	}
	for _, word := range says {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%s: the error does not say %q: %v", what, word, err)
		}
	}
}

func compatibilityOf(t *testing.T, db *sql.DB, d dialect) compatibility {
	t.Helper()
	c, err := readCompatibility(t.Context(), db, d)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func exec(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// TestMigrationsRecordTheOldestProgram: each migration is for its own program only, unless its file says otherwise, and
// nothing that it says takes back what one before has said.
func TestMigrationsRecordTheOldestProgram(t *testing.T) {
	t.Parallel()
	text, err := fs.ReadFile(migrationFiles, "migrations/0008_installation.sql")
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{"migrations/0008_installation.sql": {Data: text}}
	bothDatabases(t, func(t *testing.T, db *sql.DB, _ string, d dialect) {
		for i, tt := range []struct {
			header string
			oldest int64
		}{
			{"-- oldest program: 8", 8},
			{"-- Something else.", 10},
			{"-- Another\n-- oldest program: 8", 10},
			{"-- oldest program: 12", 12},
		} {
			files := fstest.MapFS{"migrations/0008_installation.sql": files["migrations/0008_installation.sql"]}
			version := 9 + i
			files[fmt.Sprintf("migrations/%04d_next.sql", version)] = &fstest.MapFile{
				Data: fmt.Appendf(nil, "%s\n-- +goose Up\nCREATE TABLE next%d (id BIGINT);\n", tt.header, version),
			}
			if err := migrateFrom(t.Context(), db, d, files); err != nil {
				t.Fatal(err)
			}
			if c := compatibilityOf(t, db, d); c.version != int64(version) || c.oldest != tt.oldest {
				t.Errorf("after %q the database says %+v, want version %d and oldest %d",
					tt.header, c, version, tt.oldest)
			}
		}
	})
}

// TestOpenExistingMakesNothing: what only reads makes no file, no folder and no table, and migrates nothing.
func TestOpenExistingMakesNothing(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	missing := filepath.Join(folder, "below", "carrel.db")
	if _, err := OpenExisting(t.Context(), missing); !errors.Is(err, ErrNoDatabase) {
		t.Errorf("a missing file: %v", err)
	}
	if s, err := Inspect(t.Context(), missing); err != nil || !reflect.DeepEqual(s, State{}) {
		t.Errorf("inspect a missing file: %+v, %v", s, err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 0 {
		t.Errorf("the folder has %v, %v", entries, err)
	}
	bothDatabases(t, func(t *testing.T, db *sql.DB, url string, d dialect) {
		if _, err := OpenExisting(t.Context(), url); !errors.Is(err, ErrNoDatabase) {
			t.Errorf("an empty database: %v", err)
		}
		if s, err := Inspect(t.Context(), url); err != nil || !reflect.DeepEqual(s, State{}) {
			t.Errorf("inspect an empty database: %+v, %v", s, err)
		}
		older := fstest.MapFS{}
		for _, name := range []string{"0001_clients.sql", "0002_libraries.sql"} {
			text, err := fs.ReadFile(migrationFiles, "migrations/"+name)
			if err != nil {
				t.Fatal(err)
			}
			older["migrations/"+name] = &fstest.MapFile{Data: text}
		}
		if err := migrateFrom(t.Context(), db, d, older); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenExisting(t.Context(), url); !errors.Is(err, ErrOlder) {
			t.Errorf("an older database: %v", err)
		}
		if s, err := Inspect(t.Context(), url); err != nil || !reflect.DeepEqual(s, State{Tables: true, Version: 2}) {
			t.Errorf("inspect an older database: %+v, %v", s, err)
		}
		if got := version(t, db); got != 2 {
			t.Errorf("the database was brought to version %d", got)
		}
	})
}
