package main

import (
	"bytes"
	"context"
	"database/sql"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/testenv"
)

// These tests make the mistakes of an operator: the wrong database, the wrong folder, an old program, a lost keyring.
// Each must be refused in a sentence, and may take nothing away.

// bothDatabases runs a test with the address of a new database of each kind.
func bothDatabases(t *testing.T, test func(t *testing.T, database string)) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		test(t, filepath.Join(t.TempDir(), "carrel.db"))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		test(t, testenv.Postgres(t))
	})
}

// settings returns the flags of a server.
func settings(data, database string) []string {
	return []string{"--data", data, "--database", database}
}

// runsOnce starts a server and stops it again.
func runsOnce(t testing.TB, data, database string) {
	t.Helper()
	startServe(t, freeAddress(t), settings(data, database)...).stop(t, syscall.SIGTERM)
}

// largeContents is how many contents [inUse] stores outside the database.
const largeContents = 3

// inUse makes a data folder and a database in which a person has large contents that are older than the sweep of
// contents needs.
func inUse(t *testing.T, data, database string) *carreltest.World {
	t.Helper()
	runsOnce(t, data, database)
	w := storesOf(t, data, database)
	writer := w.Person().Allows(w.Application().Contract(library.Write))
	for i := range largeContents {
		if _, err := writer.Pushes("scan "+strconv.Itoa(i), carreltest.Large("scan")); err != nil {
			t.Fatal(err)
		}
	}
	age(t, filepath.Join(data, "blobs"), 48*time.Hour)
	return w
}

// storesOf opens the stores of a server from beside it.
func storesOf(t *testing.T, data, database string) *carreltest.World {
	t.Helper()
	return carreltest.New(t, func(c *server.Config) {
		c.Database, c.Blobs, c.Keyring = database, filepath.Join(data, "blobs"), filepath.Join(data, "master.key")
	})
}

// age makes each file in a folder older.
func age(t *testing.T, folder string, by time.Duration) {
	t.Helper()
	at := time.Now().Add(-by)
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		return os.Chtimes(path, at, at)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// contentCount counts the contents in a data folder: what is two folders down.
func contentCount(t *testing.T, data string) int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(data, "blobs", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

// refused runs a command that must fail, and returns what it says. A server that starts all the same is given the time
// of an answer, and stopped.
func refused(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	address := freeAddress(t)
	if args[0] == "serve" {
		args = append(args, "--listen", address)
	}
	var said bytes.Buffer
	cmd := carrel(ctx, args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if args[0] == "serve" {
		go func() {
			for ; ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
				if r, err := http.Get("http://" + address + "/healthz"); err == nil {
					_ = r.Body.Close()
					_ = cmd.Process.Signal(syscall.SIGTERM)
					return
				}
			}
		}()
	}
	err := cmd.Wait()
	cancel()
	if err == nil {
		t.Errorf("carrel %s succeeds:\n%s", strings.Join(args, " "), &said)
	}
	return said.String()
}

// says fails the test unless a text contains each of the words.
func says(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("nothing says %q:\n%s", word, text)
		}
	}
}

// TestAttackWrongDatabase starts a server once with another database than the one that its contents belong to.
func TestAttackWrongDatabase(t *testing.T) {
	t.Parallel()
	bothDatabases(t, func(t *testing.T, database string) {
		data := t.TempDir()
		w := inUse(t, data, database)
		other := t.TempDir()
		runsOnce(t, other, filepath.Join(other, "carrel.db"))
		empty := filepath.Join(t.TempDir(), "carrel.db")
		for name, wrong := range map[string]string{
			"no file":             empty,
			"an empty PostgreSQL": testenv.Postgres(t),
			"another server's":    filepath.Join(other, "carrel.db"),
		} {
			said := refused(t, append([]string{"serve"}, settings(data, wrong)...)...)
			says(t, said, "installation", "--database")
			said = refused(t, append([]string{"application", "add", "--name", "Clinic"}, settings(data, wrong)...)...)
			says(t, said, "installation", "--database")
			if n := contentCount(t, data); n != largeContents {
				t.Errorf("%s: %d of %d contents are left", name, n, largeContents)
			}
		}
		if _, err := os.Stat(empty); !os.IsNotExist(err) {
			t.Errorf("a database was made beside the contents of another: %v", err)
		}
		said := refused(t, append([]string{"serve"}, settings(other, database)...)...)
		says(t, said, "installation", "--data")
		opensAll(t, w)
		runsOnce(t, data, database)
	})
}

// opensAll reads every content as it is stored.
func opensAll(t *testing.T, w *carreltest.World) {
	t.Helper()
	keys := w.BlobKeys()
	if len(keys) != largeContents {
		t.Errorf("%d of %d contents are left", len(keys), largeContents)
	}
	for _, key := range keys {
		r, err := w.Blobs.Open(t.Context(), key)
		if err != nil {
			t.Error(err)
			continue
		}
		if n, err := io.Copy(io.Discard, r); err != nil || n < library.InlineLimit {
			t.Errorf("content %s has %d bytes, %v", key, n, err)
		}
		_ = r.Close()
	}
}

// TestAttackContentsNotShared starts a second server on the same database, with a content folder of its own.
func TestAttackContentsNotShared(t *testing.T) {
	t.Parallel()
	bothDatabases(t, func(t *testing.T, database string) {
		data, second := t.TempDir(), t.TempDir()
		inUse(t, data, database)
		text, err := os.ReadFile(filepath.Join(data, "master.key"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(second, "master.key"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		says(t, refused(t, append([]string{"serve"}, settings(second, database)...)...), "folder of large contents",
			"carrel installation accept")
		runsOnce(t, data, database)
	})
}

// TestAttackNewerDatabase opens a database that a newer program has migrated.
func TestAttackNewerDatabase(t *testing.T) {
	t.Parallel()
	bothDatabases(t, func(t *testing.T, database string) {
		data := t.TempDir()
		runsOnce(t, data, database)
		change(t, database, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)")
		for _, command := range []string{"serve", "application list", "application add --name Clinic"} {
			said := refused(t, append(strings.Fields(command), settings(data, database)...)...)
			says(t, said, "tables to version 9999", "newer", "this program, carrel ", "has version ")
		}
	})
}

// change runs a statement on a database from beside the server.
func change(t *testing.T, database, statement string, arguments ...any) {
	t.Helper()
	driver, name := "sqlite", "file:"+database+"?_pragma=busy_timeout(5000)"
	if strings.Contains(database, "://") {
		driver, name = "pgx", database
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement, arguments...); err != nil {
		t.Fatal(err)
	}
}

// TestAttackLostKeyring starts a server whose master keys are gone.
func TestAttackLostKeyring(t *testing.T) {
	t.Parallel()
	bothDatabases(t, func(t *testing.T, database string) {
		data := t.TempDir()
		runsOnce(t, data, database)
		ring := filepath.Join(data, "master.key")
		if err := os.Remove(ring); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			said := refused(t, append([]string{"serve"}, settings(data, database)...)...)
			says(t, said, "backup", "carrel keys reset")
			if _, err := os.Stat(ring); !os.IsNotExist(err) {
				t.Errorf("a keyring was made beside a database that it does not open: %v", err)
			}
		}
	})
}
