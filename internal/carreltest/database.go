package carreltest

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/store"
	"github.com/carrelhq/carrel/internal/store/storetest"
	"github.com/carrelhq/carrel/internal/testenv"
)

// databaseTemplate is an SQLite database with all tables and a signing key, made once for the test binary: migrations
// and an RSA key take longer than most tests.
var databaseTemplate = sync.OnceValues(func() ([]byte, error) { return storetest.Template(addSigner) })

// postgresTemplate is the same in PostgreSQL.
var postgresTemplate = testenv.NewTemplate(func(url string) error {
	db, err := store.Open(context.Background(), url)
	if err != nil {
		return err
	}
	return errors.Join(addSigner(db), db.Close())
})

func addSigner(db *store.DB) error {
	ring, err := seal.ParseKeyring(keyringText())
	if err == nil {
		_, err = library.OpenSigner(context.Background(), db, ring, time.Now, library.DrawSigningKey)
	}
	return err
}

// OnPostgres lets a world have a database in PostgreSQL, with all tables and a signing key.
func OnPostgres(t testing.TB) Option {
	t.Helper()
	url := postgresTemplate.Postgres(t)
	return func(c *server.Config) { c.Database = url }
}

// copyTemplate writes the database's file, unless that is PostgreSQL, and that of the keyring. An option may name files
// that exist.
func (w *World) copyTemplate(c server.Config) {
	w.t.Helper()
	if !strings.Contains(c.Database, "://") {
		w.writeNew(c.Database, Must(databaseTemplate())(w.t))
	}
	w.writeNew(c.Keyring, keyringText())
}

// writeNew writes a file, if it does not exist.
func (w *World) writeNew(path string, content []byte) {
	w.t.Helper()
	if _, err := os.Stat(path); err == nil {
		return
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// Unchanged fails the test if do changes anything that is stored: a row of any table but those for used nonces and
// the given ones, or a blob. It compares the tables themselves: a refused request may not leave traces in a table that
// no part of the domain shows.
func (w *World) Unchanged(what string, do func(), except ...string) {
	w.t.Helper()
	before := w.snapshot()
	do()
	after := w.snapshot()
	for name, now := range after {
		if before[name] != now && !slices.Contains(except, name) {
			w.t.Errorf("%s changed what is stored in %s: %s, before %s", what, name, now, before[name])
		}
	}
}

// snapshot returns for each table, and for the blobs, how much it holds, and a hash of that.
func (w *World) snapshot() map[string]string {
	w.t.Helper()
	db := w.reader()
	w.mu.Lock()
	defer w.mu.Unlock()
	// The version changes with each commit of another connection. Without one, as between two refused calls, the last
	// snapshot still holds.
	if version := w.query(db.version)[0]; version != db.snapshotOf {
		db.snapshot, db.snapshotOf = w.tablesSnapshot(db), version
	}
	s := maps.Clone(db.snapshot)
	s["blobs"] = fmt.Sprintf("%d files", w.BlobCount())
	return s
}

func (w *World) tablesSnapshot(db *databaseReader) map[string]string {
	w.t.Helper()
	s := map[string]string{}
	for table, all := range db.tables {
		if table != "nonces" {
			rows := w.query(all)
			slices.Sort(rows)
			sum := sha256.Sum256([]byte(strings.Join(rows, "\n")))
			s[table] = fmt.Sprintf("%d rows (%s)", len(rows), hex.EncodeToString(sum[:4]))
		}
	}
	return s
}

// query returns each row as text.
func (w *World) query(query *sql.Stmt) (all []string) {
	w.t.Helper()
	rows, err := query.QueryContext(context.WithoutCancel(w.t.Context()))
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	columns := Must(rows.Columns())(w.t)
	values, into := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			w.t.Fatal(err)
		}
		var row []string
		for _, v := range values {
			row = append(row, string(v))
		}
		all = append(all, strings.Join(row, "\x1f"))
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return all
}

// BlobCount counts the files in the folder of the blobs, temporary ones too, and not the one that says which folder it
// is.
func (w *World) BlobCount() (n int) {
	w.t.Helper()
	folder := filepath.Join(w.Folder, "blobs")
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // a temporary file that has just gone
		}
		if err == nil && d.IsDir() && d.Name() == "servers~" { // what servers write to recognise the folder
			return fs.SkipDir
		}
		if err == nil && d.Type().IsRegular() && path != filepath.Join(folder, "installation") {
			n++
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// Rows counts the rows of a table, of which no part of the domain shows how many there are.
func (w *World) Rows(table string) int {
	w.t.Helper()
	return len(w.query(w.reader().tables[table]))
}

// A databaseReader reads the database from beside the store, on one connection. Its queries are prepared once, because
// to prepare one takes longer than to run it.
type databaseReader struct {
	tables  map[string]*sql.Stmt // all rows of each table
	version *sql.Stmt            // the version of the data, as the connection sees it

	// The last snapshot of the tables, and the version that it is of. World.mu guards them.
	snapshot   map[string]string
	snapshotOf string
}

// reader returns the reader of the world's database. The first call opens it.
func (w *World) reader() *databaseReader {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.db != nil {
		return w.db
	}
	db := Must(sql.Open("sqlite", "file:"+w.database+"?mode=ro&_pragma=busy_timeout(5000)"))(w.t)
	w.t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	ctx := context.WithoutCancel(w.t.Context())
	prepare := func(query string) *sql.Stmt { return Must(db.PrepareContext(ctx, query))(w.t) }
	r := &databaseReader{tables: map[string]*sql.Stmt{}, version: prepare(`PRAGMA data_version`)}
	for _, table := range w.query(prepare(`SELECT name FROM sqlite_schema WHERE type = 'table'`)) {
		r.tables[table] = prepare(`SELECT * FROM "` + table + `"`)
	}
	w.db = r
	return r
}

// Mentions lists the tables of which a row holds a text, as an attacker with the database finds it.
func (w *World) Mentions(text string) (tables []string) {
	w.t.Helper()
	for table, all := range w.reader().tables {
		if slices.ContainsFunc(w.query(all), func(row string) bool { return strings.Contains(row, text) }) {
			tables = append(tables, table)
		}
	}
	return tables
}

// BlobKeys lists the blobs of a world of [New].
func (w *World) BlobKeys() (keys []string) {
	w.t.Helper()
	err := w.Blobs.List(w.t.Context(), "", func(key string, _ time.Time) error {
		keys = append(keys, key)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return keys
}

// BytesColumns lists the columns of bytes, each as "table.column".
func (w *World) BytesColumns() (columns []string) {
	w.t.Helper()
	db := Must(sql.Open("sqlite", "file:"+w.database+"?mode=ro&_pragma=busy_timeout(5000)"))(w.t)
	defer func() { _ = db.Close() }()
	return w.query(Must(db.PrepareContext(w.t.Context(), `SELECT s.name || '.' || c.name
		FROM sqlite_schema AS s, pragma_table_info(s.name) AS c WHERE s.type = 'table' AND c.type = 'BLOB'`))(w.t))
}
