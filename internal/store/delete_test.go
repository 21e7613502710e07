package store_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/delivery/deliverytest"
	"github.com/carrelhq/carrel/internal/fetch"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/library/librarytest"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/storage"
	"github.com/carrelhq/carrel/internal/store"
)

// A deleted library is in no row of any table. What is remembered of it is the
// hashes of its access tokens and logins, and the tokens that are to be revoked at providers.
func TestDeleteLibraryLeavesNoRow(t *testing.T) {
	onEach(t, func(t *testing.T, newURL func(t testing.TB) string) {
		url := newURL(t)
		db := open(t, url)
		ctx, now := t.Context(), time.Now()
		kept := librarytest.AddGrant(t, db)
		if err := db.AddFile(ctx, librarytest.NewFile(kept, now)); err != nil {
			t.Fatal(err)
		}
		raw := openRaw(t, url)
		before := dump(t, raw)
		id, words := fillLibrary(t, db, now)
		for table, rows := range dump(t, raw) {
			if len(rows) == len(before[table]) && !unmoved[table] {
				t.Errorf("this test puts nothing into %s", table)
			}
		}
		if err := db.DeleteLibrary(ctx, id, now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		after := dump(t, raw)
		for table, rows := range after {
			if !notOfLibraries[table] {
				checkForgotten(t, table, rows, len(before[table]), words)
			}
		}
		if n := len(after["deleted_tokens"]); n != 2 {
			t.Errorf("%d hashes are remembered, want those of a token and a login", n)
		}
		// The tokens of the account at the provider are kept until they are revoked there, and no longer.
		revocations, err := db.ClaimTokenRevocations(ctx, now, now.Add(time.Hour), 10)
		if err != nil || len(revocations) != 1 || !slices.Contains(words, string(revocations[0].ID)) {
			t.Fatalf("revocations %+v, %v", revocations, err)
		}
		if err := db.DeleteTokenRevocation(ctx, revocations[0].ID); err != nil {
			t.Fatal(err)
		}
		if rows := dump(t, raw)["token_revocations"]; len(rows) != 0 {
			t.Errorf("token_revocations still has %s", rows)
		}
		// So are the keys of the large contents of its storages.
		removals, err := db.ListStorageRemovals(ctx, 10)
		if err != nil || len(removals) != 2 || !slices.Contains(words, string(removals[0].Storage)) {
			t.Fatalf("removals %+v, %v", removals, err)
		}
		if err := db.ForgetStorageRemovals(ctx, removals); err != nil {
			t.Fatal(err)
		}
		if rows := dump(t, raw)["storage_removals"]; len(rows) != 0 {
			t.Errorf("storage_removals still has %s", rows)
		}
	})
}

// fillLibrary adds a library that has something in every table, and returns the words by which it is
// known.
func fillLibrary(t *testing.T, db *store.DB, now time.Time) (id library.ID, words []string) {
	t.Helper()
	ctx := t.Context()
	g, connected := deliverytest.AddSender(t, db)
	account, err := db.ListAccounts(ctx, g.Library, g.Application)
	if err != nil {
		t.Fatal(err)
	}
	client := librarytest.ClientOf(g)
	inEpoch := librarytest.NewFile(g, now)
	inEpoch.Epoch = &library.Epoch{ID: seal.NewEpochID(), Library: g.Library, Encapsulation: []byte{1}, CreatedAt: now}
	access := library.Token{Hash: seal.NewSecret().Hash(), Use: library.UseAccess, Grant: g.ID}
	for _, err := range []error{
		db.AddFile(ctx, inEpoch),
		db.AddToken(ctx, access),
		db.AddSession(ctx, library.Session{Hash: seal.NewSecret().Hash(), Client: client, Grant: g.ID}),
		db.AddAccountHandle(ctx, library.AccountHandle{ID: "r", Client: client, Account: account[0].ID}),
		db.AddAuthRequest(ctx, library.AuthRequest{Hash: seal.NewSecret().Hash(), ClientID: client,
			Library: g.Library}, library.Session{}),
		db.AddAuthRequest(ctx, library.AuthRequest{Hash: seal.NewSecret().Hash(), ClientID: client,
			Account: connected.ID}, library.Session{}),
		db.AddAuthorization(ctx, delivery.Authorization{State: seal.NewSecret().Hash(), Library: g.Library}),
		db.AddEventCheckpoints(ctx,
			[]library.EventCheckpoint{{Library: g.Library, Seq: 1, Hash: []byte{1}, MAC: []byte{2}}}),
		db.AddDelivery(ctx, deliverytest.NewDelivery(g, connected, now), deliverytest.NoLimit),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.AddPostbox(ctx, library.Postbox{ID: "postbox", Library: g.Library, Application: g.Application,
		Contract: g.Contract, Box: []byte{1}, CreatedAt: now}); err != nil {
		t.Fatal(err)
	}
	stored := fillStorage(t, db, g, now)
	fillFetch(t, db, g, connected, now)
	return g.Library, []string{string(g.Library), string(g.ID), string(account[0].ID), account[0].Subject,
		string(connected.ID), string(stored)}
}

// fillFetch gives the library of a grant a fetch from an account, and a file that it has stored.
func fillFetch(t *testing.T, db *store.DB, g library.Grant, from delivery.Connection, now time.Time) {
	t.Helper()
	ctx := t.Context()
	err := db.RequestFetch(ctx, fetch.Fetch{Account: from.ID, Library: g.Library, Application: g.Application,
		Contract: g.Contract, Grant: g.ID, CreatedAt: now})
	if err != nil {
		t.Fatal(err)
	}
	if held, err := db.ClaimFetches(ctx, "lease", now, now.Add(time.Minute), 1, 1); err != nil || len(held) != 1 {
		t.Fatalf("claimed %+v, %v", held, err)
	}
	file := librarytest.NewFile(g, now)
	file.File.Collected = &library.Collected{Account: from.ID, Key: "key"}
	step := fetch.Step{Account: from.ID, Lease: "lease", Now: now, Position: "1"}
	err = db.StoreItem(ctx, step, &library.CollectedFile{File: file.File, Content: file.Content, Grant: g.ID,
		Fingerprint: []byte{1}, Binding: []byte{2}, IsNew: true})
	if err != nil {
		t.Fatal(err)
	}
}

// fillStorage gives the library of a grant a storage with files, and a handle.
func fillStorage(t *testing.T, db *store.DB, g library.Grant, now time.Time) storage.ID {
	t.Helper()
	ctx := t.Context()
	client, err := db.GetClient(ctx, librarytest.ClientOf(g))
	if err != nil {
		t.Fatal(err)
	}
	request, _ := librarytest.FixtureOf(t, db).AnyRequest(client)
	person := librarytest.Person{Library: library.Library{ID: g.Library}}
	approval := librarytest.NewApproval(person, client, request, now)
	approval.Storage = storage.ID(librarytest.AnyID())
	file := func(name string, content []byte) storage.NewFile {
		p, err := storage.ParsePath([]string{name}, false)
		if err != nil {
			t.Fatal(err)
		}
		return storage.NewFile{File: storage.File{ID: librarytest.AnyID(), Storage: approval.Storage, Path: p, Size: 1,
			SHA256: []byte{1}, CreatedAt: now}, Content: content}
	}
	steps := []func() error{
		func() error {
			return db.AddStorage(ctx, storage.Storage{ID: approval.Storage, Application: g.Application, CreatedAt: now,
				ChangedAt: now, ExpiresAt: now.Add(time.Hour)})
		},
		func() error { _, _, err := db.Allow(ctx, approval); return err },
		func() error {
			return db.AddAccountHandle(ctx, library.AccountHandle{ID: "s", Kind: library.HandleOfStorage,
				Client: librarytest.ClientOf(g), Account: wire.AccountID(approval.Storage)})
		},
		func() error { return db.PutStorageFile(ctx, file("small", []byte("x")), library.Quota{}) },
		func() error { return db.PutStorageFile(ctx, file("large", nil), library.Quota{}) },
		func() error { return db.PutStorageFile(ctx, file("Large", nil), library.Quota{}) }, // in its place
	}
	for _, step := range steps {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return approval.Storage
}

// checkForgotten checks that the rows of a table have none of the words, and are as many as before.
func checkForgotten(t *testing.T, table string, rows []string, before int, words []string) {
	t.Helper()
	for _, row := range rows {
		for _, word := range words {
			if strings.Contains(row, word) {
				t.Errorf("%s still has %s", table, row)
			}
		}
	}
	if len(rows) != before {
		t.Errorf("%s has %d rows more than before", table, len(rows)-before)
	}
}

var (
	// unmoved are the tables into which the test puts nothing.
	unmoved = map[string]bool{"goose_db_version": true, "sqlite_sequence": true, "signing_keys": true,
		"deleted_tokens": true, "adoptions": true, "installation": true, "schema_compatibility": true,
		"token_revocations": true, "servers": true, "audit_entries": true}
	// notOfLibraries are those that have rows of applications, or of nobody.
	notOfLibraries = map[string]bool{"applications": true, "contracts": true, "nonces": true, "deleted_tokens": true,
		"token_revocations": true, "storage_removals": true}
)

func openRaw(t testing.TB, url string) *sql.DB {
	t.Helper()
	driver := "pgx"
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, url = "sqlite", path+"?_pragma=busy_timeout(5000)"
	}
	if driver == "pgx" {
		url += "&default_query_exec_mode=simple_protocol" // several statements at once
	}
	raw, err := sql.Open(driver, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	return raw
}

// dump is every row of every table, as text.
func dump(t *testing.T, raw *sql.DB) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, table := range tables(t, raw) {
		all[table] = texts(t, raw, "SELECT * FROM "+table)
	}
	return all
}

// tables is the names of all tables.
func tables(t *testing.T, raw *sql.DB) []string {
	t.Helper()
	list := "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
	if _, err := raw.Exec("SELECT 1 FROM sqlite_schema"); err == nil {
		list = "SELECT name FROM sqlite_schema WHERE type = 'table'"
	}
	return texts(t, raw, list)
}

// texts is the rows of a query, the columns of each set side by side.
func texts(t *testing.T, raw *sql.DB, query string) (out []string) {
	t.Helper()
	rows, err := raw.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values := make([]sql.RawBytes, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		parts := make([]string, len(columns))
		for i, v := range values {
			parts[i] = string(v)
		}
		out = append(out, strings.Join(parts, " "))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", query, err))
	}
	return out
}
