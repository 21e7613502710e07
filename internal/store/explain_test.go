package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"modernc.org/sqlite"
)

// TestExplain makes SQLite return the errors of disks, and reads what an operator is told.
func TestExplain(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		prepare   func(path string) error
		pragma    string
		statement string
		says      string
	}{
		"full": {
			pragma: "_pragma=max_page_count(1)", statement: "CREATE TABLE t (a)", says: "the disk is full",
		},
		"read only": {
			pragma: "_pragma=query_only(1)", statement: "CREATE TABLE t (a)", says: "cannot be written: check that",
		},
		"no folder": {prepare: os.Remove, says: "check that its folder exists"},
		"a folder": {
			prepare: func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
			says:    "cannot be opened",
		},
		"no database": {
			prepare: func(path string) error {
				return os.WriteFile(path, []byte(strings.Repeat("text ", 1000)), 0o600)
			},
			says: "no SQLite database",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "carrel.db")
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if tt.prepare != nil {
				if err := tt.prepare(path); err != nil {
					t.Fatal(err)
				}
			}
			if name == "no folder" {
				path = filepath.Join(filepath.Dir(path), "none", "carrel.db")
			}
			pool, err := openPool(path, tt.pragma, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer pool.Close()
			_, err = pool.ExecContext(t.Context(), "SELECT * FROM sqlite_schema; "+tt.statement)
			var lite *sqlite.Error
			said := wrap("push", err)
			if err == nil || !strings.Contains(said.Error(), tt.says) || !errors.As(said, &lite) {
				t.Errorf("%v is explained as %q", err, said)
			}
			if strings.Contains(said.Error(), "(") && !strings.Contains(said.Error(), "CARREL_DATABASE") {
				t.Errorf("the sentence has a code: %s", said)
			}
		})
	}
}
