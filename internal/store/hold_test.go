package store

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
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
