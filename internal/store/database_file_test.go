package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// TestDatabaseReplaced renames another file over that of an open database, or over its log: nothing is written any
// more, until the file is back.
func TestDatabaseReplaced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "carrel.db")
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	write := func() error {
		return db.add(t.Context(), "write", func(context.Context, *query.Queries) error { return nil })
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if err := errors.Join(os.Rename(name, name+".away"), os.WriteFile(name, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{write(), db.Check(t.Context())} {
			if !errors.Is(err, errMoved) || !strings.Contains(err.Error(), "the file "+name+" was moved") {
				t.Errorf("%s was replaced: %v", name, err)
			}
		}
		if err := os.Rename(name+".away", name); err != nil {
			t.Fatal(err)
		}
		if err := write(); err != nil {
			t.Errorf("%s is back: %v", name, err)
		}
	}
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	if err := write(); !errors.Is(err, errMoved) {
		t.Errorf("the file is away: %v", err)
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
}

// TestOpenThroughLink opens a database through a symbolic link: its log is beside the file.
func TestOpenThroughLink(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "elsewhere", "carrel.db")
	link := filepath.Join(folder, "linked.db")
	if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o700), os.Symlink(path, link)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the file is made, and is there
		db, err := Open(t.Context(), link)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path + "-wal"); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(link + "-wal"); err == nil {
		t.Error("there is a log beside the link")
	}
	if s, err := Inspect(t.Context(), link); err != nil || !s.Tables {
		t.Errorf("inspect: %+v, %v", s, err)
	}
}
