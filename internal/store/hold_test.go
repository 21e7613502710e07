package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/testenv"
)

// TestHold: whoever needs a database alone waits for its servers to end, and a server for it. On PostgreSQL servers
// share one, and a server whose connection has ended holds it again.
func TestHold(t *testing.T) {
	t.Parallel()
	bothDatabases(t, func(t *testing.T, db *sql.DB, url string, _ dialect) {
		server, err := HoldForServer(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		alone := func(want error) {
			t.Helper()
			h, err := HoldAlone(t.Context(), url)
			if !errors.Is(err, want) {
				t.Errorf("alone: %v, want %v", err, want)
			}
			if err := h.Release(); err != nil {
				t.Error(err)
			}
		}
		alone(ErrHeld)
		second, err := HoldForServer(t.Context(), url)
		if isPostgres(url) != (err == nil) {
			t.Errorf("a second server: %v", err)
		}
		if err := second.Release(); err != nil {
			t.Error(err)
		}
		alone(ErrHeld)
		if isPostgres(url) {
			var ended bool
			err := db.QueryRowContext(t.Context(), "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks "+
				"WHERE locktype = 'advisory' AND classid = $1", holdClass).Scan(&ended)
			if err != nil || !ended {
				t.Fatalf("end the connection of the server: %t, %v", ended, err)
			}
			alone(nil)
		}
		if err := server.Check(t.Context()); err != nil {
			t.Error(err)
		}
		alone(ErrHeld)
		if err := server.Release(); err != nil {
			t.Error(err)
		}
		h, err := HoldAlone(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		_, err = HoldForServer(t.Context(), url)
		if !errors.Is(err, ErrHeld) || !strings.Contains(err.Error(), "alone") {
			t.Errorf("a server beside a command: %v", err)
		}
		if err := h.Release(); err != nil {
			t.Error(err)
		}
	})
}

// TestHoldAfterRestartOfPostgres: PostgreSQL ends the connection that has a server's lock. A command does not take the
// database before the server has taken the lock again.
func TestHoldAfterRestartOfPostgres(t *testing.T) {
	t.Parallel()
	url := testenv.Postgres(t)
	if h, err := HoldAlone(t.Context(), url); err != nil {
		t.Fatalf("without tables: %v", err)
	} else if err := h.Release(); err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	alone := func(want error) {
		t.Helper()
		h, err := HoldAlone(t.Context(), url)
		if !errors.Is(err, want) || want != nil && !strings.Contains(err.Error(), "again in ") {
			t.Errorf("alone: %v, want %v", err, want)
		}
		if err := h.Release(); err != nil {
			t.Error(err)
		}
	}
	// A server whose connection has ended, and whose row is there.
	for beat := range int64(2) {
		if err := db.RenewServer(t.Context(), "a", beat+6); err != nil {
			t.Fatal(err)
		}
	}
	alone(ErrHeld)
	list, err := db.ListServers(t.Context())
	if err != nil || len(list) != 1 || list[0].ID != "a" || list[0].Beat != 7 {
		t.Errorf("the servers are %+v, %v", list, err)
	}
	if err := db.RemoveServer(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	alone(nil)
}

// TestHoldGoesByFile: another path to the same file meets the same lock, and a file with two names is refused.
func TestHoldGoesByFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path, linked := filepath.Join(folder, "data", "carrel.db"), filepath.Join(folder, "linked")
	dangling := filepath.Join(folder, "dangling.db")
	if err := errors.Join(os.Symlink("data", linked), os.Symlink("data/carrel.db", dangling)); err != nil {
		t.Fatal(err)
	}
	server, err := HoldForServer(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	held := func(paths ...string) {
		t.Helper()
		for _, other := range paths {
			for _, hold := range []func(context.Context, string) (*Hold, error){HoldForServer, HoldAlone} {
				if h, err := hold(t.Context(), other); !errors.Is(err, ErrHeld) {
					t.Errorf("%s is not held: %v", other, errors.Join(err, h.Release()))
				}
			}
		}
	}
	held(path, filepath.Join(linked, "carrel.db"), dangling) // before there is a database
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	held(path, filepath.Join(linked, "carrel.db"), dangling)

	// Somebody removes the lock.
	if err := os.Remove(path + holdSuffix); err != nil {
		t.Fatal(err)
	}
	if err := server.Check(t.Context()); err != nil {
		t.Error(err)
	}
	held(path)
	if err := os.Remove(path + holdSuffix); err != nil {
		t.Fatal(err)
	}
	second, err := HoldForServer(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Check(t.Context()); !errors.Is(err, ErrHeld) {
		t.Errorf("two servers have the database: %v", err)
	}
	if err := errors.Join(second.Release(), server.Release()); err != nil {
		t.Error(err)
	}

	if err := os.Link(path, filepath.Join(folder, "second.db")); err != nil {
		t.Fatal(err)
	}
	if h, err := HoldForServer(t.Context(), path); err == nil || !strings.Contains(err.Error(), "hard links") {
		t.Errorf("a file with two names: %v", errors.Join(err, h.Release()))
	}
}
