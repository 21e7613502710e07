package store

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/testenv"
)

// bothDatabases runs a test on an empty database of each kind.
func bothDatabases(t *testing.T, test func(t *testing.T, db *sql.DB, url string, d dialect)) {
	t.Run("SQLite", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "carrel.db")
		db, err := openPool(file, writerPragmas, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		test(t, db, file, sqliteDialect)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		url := testenv.Postgres(t)
		db, err := sql.Open("pgx", url)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		test(t, db, url, postgresDialect)
	})
}

func TestBothDialectsHaveTheSameMigrations(t *testing.T) {
	var lists [2][]string
	for i, d := range []dialect{postgresDialect, sqliteDialect} {
		rendered, err := d.render(migrationFiles)
		if err != nil {
			t.Fatal(err)
		}
		if lists[i], err = fs.Glob(rendered, "*"); err != nil {
			t.Fatal(err)
		}
		for _, name := range lists[i] {
			b, err := fs.ReadFile(rendered, name)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(b), "goose Down") {
				t.Errorf("%s has a way back, which nobody would test", name)
			}
			for _, word := range []string{"BYTEA", `"C"`} {
				if i == 1 && strings.Contains(string(b), word) {
					t.Errorf("%s for SQLite has the word %s", name, word)
				}
			}
		}
	}
	if len(lists[0]) == 0 || !slices.Equal(lists[0], lists[1]) {
		t.Errorf("PostgreSQL has %v, SQLite has %v", lists[0], lists[1])
	}
}

func TestMigrationsRunOnce(t *testing.T) {
	bothDatabases(t, func(t *testing.T, db *sql.DB, _ string, d dialect) {
		for range 2 {
			if err := migrate(t.Context(), db, d); err != nil {
				t.Fatal(err)
			}
		}
		if got := version(t, db); got != int(ownVersion()) {
			t.Errorf("the database is at version %d, want %d", got, ownVersion())
		}
	})
}

func TestAFailingMigrationLeavesNothing(t *testing.T) {
	migrations := func(second string) fs.FS {
		return fstest.MapFS{
			"migrations/0001_good.sql": {
				Data: []byte("-- +goose Up\nCREATE TABLE one (id TEXT COLLATE \"C\" PRIMARY KEY, data BYTEA);\n"),
			},
			"migrations/0002_second.sql": {
				Data: []byte("-- +goose Up\nCREATE TABLE two (id BIGINT);\n" +
					"INSERT INTO one (id) VALUES ('x');\n" + second),
			},
		}
	}
	bothDatabases(t, func(t *testing.T, db *sql.DB, _ string, d dialect) {
		if err := migrateFrom(t.Context(), db, d, migrations("INSERT INTO nowhere VALUES (1);\n")); err == nil {
			t.Fatal("a migration into nowhere succeeded")
		}
		if got := version(t, db); got != 1 {
			t.Errorf("the database is at version %d, want 1", got)
		}
		var rows int
		if err := db.QueryRow("SELECT COUNT(*) FROM one").Scan(&rows); err != nil || rows != 0 {
			t.Errorf("table one has %d rows, %v", rows, err)
		}
		if err := db.QueryRow("SELECT COUNT(*) FROM two").Scan(&rows); err == nil {
			t.Error("table two is there")
		}
		if err := migrateFrom(t.Context(), db, d, migrations("")); err != nil {
			t.Fatal(err)
		}
		if got := version(t, db); got != 2 {
			t.Errorf("the database is at version %d, want 2", got)
		}
	})
}

func TestManyOpenANewDatabaseAtOnce(t *testing.T) {
	bothDatabases(t, func(t *testing.T, _ *sql.DB, url string, _ dialect) {
		var done sync.WaitGroup
		for range 4 {
			done.Go(func() {
				db, err := Open(context.Background(), url)
				if err != nil {
					t.Error(err)
					return
				}
				if err := db.Check(context.Background()); err != nil {
					t.Error(err)
				}
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		done.Wait()
	})
}

func version(t *testing.T, db *sql.DB) (v int) {
	t.Helper()
	if err := db.QueryRow("SELECT MAX(version_id) FROM goose_db_version").Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// An account at a provider that was connected before accounts belonged to grants gets the grant that the activity
// names with it, or none if that has ended. Without such an event it gets the newest grant to write that its
// application has.
func TestMigrationGivesAccountsAGrant(t *testing.T) {
	before := fstest.MapFS{}
	files, err := fs.Glob(migrationFiles, "migrations/000[1-6]*")
	if err != nil || len(files) != 6 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		b, err := fs.ReadFile(migrationFiles, name)
		if err != nil {
			t.Fatal(err)
		}
		before[name] = &fstest.MapFile{Data: b}
	}
	bothDatabases(t, func(t *testing.T, db *sql.DB, _ string, d dialect) {
		if err := migrateFrom(t.Context(), db, d, before); err != nil {
			t.Fatal(err)
		}
		run := func(statement string) {
			t.Helper()
			if _, err := db.Exec(statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		const never = "9999999999999"
		for _, l := range []string{"l1", "l2"} {
			run(`INSERT INTO libraries (id, email, public_key, created_at, code_saved, code_made_at, delete_at)
				VALUES ('` + l + `', '` + l + `', 'k', 1, TRUE, 1, 0)`)
		}
		for _, a := range []string{"a1", "a2"} {
			run(`INSERT INTO applications (id, name, partner_id, about, checked, created_at, disabled_at)
				VALUES ('` + a + `', 'n', '', '', TRUE, 1, 0)`)
			for _, access := range []library.Access{library.Write, library.Read} {
				run(`INSERT INTO contracts (id, application_id, access, public_key, redirect_uris, scope, purpose,
						terms, privacy, grant_for, created_at, expires_at, disabled_at)
					VALUES ('` + a + string(access) + `', '` + a + `', '` + string(access) + `', '', '[]', '{}', '',
						'', '', 0, 1, ` + never + `, 0)`)
			}
		}
		grant := func(id, owner, application string, access library.Access, created, expires, revoked string) {
			t.Helper()
			ids := strings.Join([]string{id, owner, application, application + string(access)}, "', '")
			run(`INSERT INTO grants (id, library_id, application_id, contract_id, created_at, expires_at, last_used_at,
				revoked_at) VALUES ('` + ids + `', ` + created + `, ` + expires + `, 0, ` + revoked + `)`)
		}
		grant("older", "l1", "a1", library.Write, "1", never, "0")
		grant("newest", "l1", "a1", library.Write, "2", never, "0")
		grant("expired", "l1", "a1", library.Write, "3", "4", "0")
		grant("revoked", "l1", "a1", library.Write, "4", never, "5")
		grant("reads", "l1", "a1", library.Read, "5", never, "0")
		grant("reads2", "l1", "a2", library.Read, "5", never, "0")
		grant("another", "l2", "a1", library.Write, "6", never, "0")
		connected := 0
		names := func(library, kind, account, grant string) {
			t.Helper()
			connected++
			run(fmt.Sprintf(`INSERT INTO events (library_id, seq, at, kind, details, previous, hash)
				VALUES ('%s', %d, 1, '%s', '{"account":"%s","grant":"%s","provider":"P"}', 'p', 'h')`,
				library, connected, kind, account, grant))
		}
		names("l1", "app.allowed", "by older", "newest")
		names("l1", "app.renewed", "by older", "older")
		names("l1", "account.connected", "one", "older") // says nothing of consent
		names("l1", "app.allowed", "by revoked", "revoked")
		names("l1", "app.allowed", "by expired", "expired")
		names("l1", "app.allowed", "by another", "another")
		account := func(id, library, application, source, pending string) {
			t.Helper()
			ids := strings.Join([]string{id, "r", library, application}, "', '")
			run(`INSERT INTO provider_accounts (id, reference, library_id, application_id, source_id, source, pending,
				access, access_version, access_until, renewal_until, ended_at, correlation, created_at, updated_at,
				last_used_at)
				VALUES ('` + ids + `', ` + source + `, '{}', ` + pending + `, 'tokens', 7, 8, 9, 10, 'c', 11, 12, 13)`)
		}
		account("one", "l1", "a1", "1", "FALSE")
		account("two", "l1", "a1", "2", "FALSE")
		account("pending", "l1", "a1", "3", "TRUE")
		account("without", "l1", "a2", "1", "FALSE")
		account("elsewhere", "l2", "a1", "1", "FALSE")
		for i, by := range []string{"older", "revoked", "expired", "another"} {
			account("by "+by, "l1", "a1", fmt.Sprint(4+i), "FALSE")
		}

		if err := migrate(t.Context(), db, d); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		rows, err := db.Query(`SELECT id, grant_id, access_version + access_until + renewal_until + ended_at +
			created_at + updated_at + last_used_at + source_id FROM provider_accounts`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var id, grant string
			var sum int
			if err := rows.Scan(&id, &grant, &sum); err != nil {
				t.Fatal(err)
			}
			got[id] = grant
			if sum < 71 || sum > 77 {
				t.Errorf("account %s has other values than before", id)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{
			"one": "newest", "two": "newest", "pending": "", "without": "", "elsewhere": "another",
			"by older": "older", "by revoked": "", "by expired": "", "by another": "",
		}
		if !maps.Equal(got, want) {
			t.Errorf("grants of the accounts: %v, want %v", got, want)
		}
		run(`DELETE FROM libraries WHERE id = 'l1'`)
		var left int
		if err := db.QueryRow(`SELECT COUNT(*) FROM provider_accounts`).Scan(&left); err != nil || left != 1 {
			t.Errorf("after a library was deleted there are %d accounts, %v", left, err)
		}
	})
}
