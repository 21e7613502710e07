// Package storetest gives tests an empty SQLite database with all its tables. The migrations run
// once in each test binary; every database is a copy of what they made.
package storetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store"
)

// keyring returns a keyring for all databases of the test binary.
var keyring = sync.OnceValues(func() (*seal.Keyring, error) { return seal.ParseKeyring(seal.NewKeyringText()) })

// Bind gives a store a keyring to authenticate with what it adds: the same one in each call.
func Bind(t testing.TB, db *store.DB) {
	t.Helper()
	ring, err := keyring()
	if err != nil {
		t.Fatal(err)
	}
	db.SetBinder(library.NewIntegrity(ring, db, time.Now))
}

// migrated returns the bytes of a database on which the migrations have run.
var migrated = sync.OnceValues(func() ([]byte, error) { return Template(func(*store.DB) error { return nil }) })

// Template returns the bytes of a database on which the migrations and fill have run.
func Template(fill func(*store.DB) error) (_ []byte, err error) {
	folder, err := os.MkdirTemp("", "carrel-storetest-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	path := filepath.Join(folder, "carrel.db")
	db, err := store.Open(context.Background(), path)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(fill(db), db.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// SQLite returns the path of a new, empty database, for [store.Open]. The file is deleted when
// the test ends.
func SQLite(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "carrel.db")
	Create(t, path)
	return path
}

// Create makes a new, empty database at path.
func Create(t testing.TB, path string) {
	t.Helper()
	content, err := migrated()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
