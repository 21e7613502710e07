package store_test

import (
	"bytes"
	"database/sql"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/library/librarytest"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/testenv"
)

// The statements of docs/operating.md remove what a deletion leaves in the files of PostgreSQL's tables.
func TestDocumentedStatementsEraseOnPostgres(t *testing.T) {
	url := testenv.Postgres(t)
	db, raw := open(t, url), openRaw(t, url)
	kept, gone := librarytest.AddGrant(t, db), librarytest.AddGrant(t, db)
	box := seal.PasswordBox(bytes.Repeat([]byte("a box of a library "), 8))
	sealed := seal.Sealed(bytes.Repeat([]byte("a seal for a token "), 8))
	locks := []library.Lock{{Library: gone.Library, Kind: library.LockPassword, Box: box}}
	for _, err := range []error{
		db.SetLocks(t.Context(), locks, false, "",
			library.Event{Library: gone.Library, At: time.Now(), Kind: library.EventPasswordChanged}),
		db.AddToken(t.Context(), library.Token{
			Hash: seal.NewSecret().Hash(), Use: library.UseAccess, Grant: gone.ID, Seal: sealed,
		}),
		db.AddFile(t.Context(), librarytest.NewFile(gone, time.Now())),
		db.DeleteLibrary(t.Context(), gone.Library, time.Now()),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	removed := []string{string(box[:30]), string(sealed[:30]), string(gone.Library), string(gone.ID)}
	if _, err := raw.Exec("CHECKPOINT"); err != nil {
		t.Fatal(err)
	}
	if n := foundInTables(t, raw, removed); n != len(removed) {
		t.Errorf("before the statements, %d of %d are in the files, and the documentation says that all are",
			n, len(removed))
	}
	for statement := range strings.SplitSeq(documentedStatements(t), ";\n") {
		if _, err := raw.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if n := foundInTables(t, raw, removed); n > 0 {
		t.Errorf("after the statements, %d of %d are in the files", n, len(removed))
	}
	if n := foundInTables(t, raw, []string{string(kept.ID)}); n != 1 {
		t.Error("the other library's rows are not in the files: nothing was tested")
	}
}

// TestDocumentedStatementsNameAllTables: the statements of docs/operating.md rewrite every table that has something of
// a person. A new table has to be added to them, or to the list here of those that have nothing.
func TestDocumentedStatementsNameAllTables(t *testing.T) {
	withoutPeople := map[string]string{
		"applications":         "what the operator has registered",
		"contracts":            "what the operator has registered",
		"signing_keys":         "the server's",
		"nonces":               "hashes of an application's calls",
		"installation":         "the server's",
		"schema_compatibility": "the programs that may use the database",
		"goose_db_version":     "the migrations that have run",
		"adoptions":            "the server's",
		"servers":              "the servers themselves",
		"audit_entries":        "what the operator has done, which is kept",
	}
	rewritten := map[string]bool{}
	for statement := range strings.SplitSeq(documentedStatements(t), ";\n") {
		if names, ok := strings.CutPrefix(statement, "VACUUM (FULL) "); ok {
			for name := range strings.SplitSeq(names, ", ") {
				rewritten[name] = true
			}
		}
	}
	url := testenv.Postgres(t)
	_, raw := open(t, url), openRaw(t, url)
	tables, err := raw.Query("SELECT t.table_name, EXISTS (SELECT 1 FROM information_schema.columns c " +
		"WHERE c.table_schema = t.table_schema AND c.table_name = t.table_name AND c.column_name = 'library_id') " +
		"FROM information_schema.tables t WHERE t.table_schema = current_schema()")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tables.Close() }()
	found := map[string]bool{}
	for tables.Next() {
		var name string
		var ofLibrary bool
		if err := tables.Scan(&name, &ofLibrary); err != nil {
			t.Fatal(err)
		}
		found[name] = true
		reason, without := withoutPeople[name]
		switch {
		case ofLibrary && without:
			t.Errorf("%s has a column library_id, and is listed here as %s", name, reason)
		case rewritten[name] == without:
			t.Errorf("%s: docs/operating.md rewrites it: %t; listed here as without people: %t", name, rewritten[name],
				without)
		}
	}
	if err := tables.Err(); err != nil {
		t.Fatal(err)
	}
	for _, list := range [][]string{slices.Collect(maps.Keys(rewritten)), slices.Collect(maps.Keys(withoutPeople))} {
		for _, name := range list {
			if !found[name] {
				t.Errorf("there is no table %s", name)
			}
		}
	}
}

// documentedStatements returns the statements in the section on PostgreSQL.
func documentedStatements(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(testenv.Root(t), "docs", "operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n### On PostgreSQL\n")
	_, statements, has := strings.Cut(section, "\n```\n")
	statements, _, ends := strings.Cut(statements, ";\n```\n")
	if !found || !has || !ends || !strings.Contains(statements, "VACUUM (FULL)") {
		t.Fatal("docs/operating.md has no statements that erase")
	}
	return statements
}

// foundInTables counts the texts that are in the files of a database's tables.
func foundInTables(t *testing.T, raw *sql.DB, texts []string) (n int) {
	t.Helper()
	var folder, database string
	err := raw.QueryRow("SELECT current_setting('data_directory'), oid::text FROM pg_database "+
		"WHERE datname = current_database()").Scan(&folder, &database)
	if err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	folder = filepath.Join(folder, "base", database)
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		all.Write(content)
		if errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(entry.Name(), "pg_internal.init") {
			return nil // a cache, which PostgreSQL replaces at any time
		}
		return err
	})
	if err != nil {
		testenv.SkipOrFail(t, "the files of PostgreSQL cannot be read: "+err.Error())
	}
	for _, text := range texts {
		if bytes.Contains(all.Bytes(), []byte(text)) {
			n++
		}
	}
	return n
}
