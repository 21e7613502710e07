package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/library/librarytest"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store"
	"github.com/carrelhq/carrel/internal/store/storetest"
)

// A pushMemoryTest has a database that two stores have open, one of them with a push behind it.
type pushMemoryTest struct {
	*librarytest.Fixture
	db, other *store.DB
	raw       *sql.DB
	person    librarytest.Person
	grant     library.Grant
	token     library.Token
	pushed    atomic.Int64
}

func newPushMemoryTest(t *testing.T) *pushMemoryTest {
	url := newSQLite(t)
	m := &pushMemoryTest{db: open(t, url), other: open(t, url), raw: openRaw(t, url)}
	m.Fixture = librarytest.FixtureOf(t, m.db)
	m.person = m.AnyPerson()
	m.grant, _, _ = m.Approve(m.person, m.AnyClient(library.Write))
	m.token = library.Token{Hash: librarytest.AnyHash(), Use: library.UseAccess, Grant: m.grant.ID,
		Seal: librarytest.AnySeal(), ExpiresAt: librarytest.Later(time.Hour), Binding: librarytest.AnySecretBinding()}
	librarytest.Must(t, m.db.AddToken(t.Context(), m.token))
	librarytest.Must(t, m.push())
	if n := store.Remembered(t, m.db); n != 1 {
		t.Fatalf("%d libraries are remembered after a push", n)
	}
	return m
}

// newFile returns a file to push.
func (m *pushMemoryTest) newFile() library.NewFile {
	file := librarytest.NewFile(m.grant, librarytest.Later(time.Duration(m.pushed.Add(1))*time.Second))
	file.Token = m.token.Hash
	return file
}

func (m *pushMemoryTest) push() error { return m.db.AddFile(m.T.Context(), m.newFile()) }

// exec changes the database behind the back of both stores.
func (m *pushMemoryTest) exec(statement string, args ...any) {
	m.T.Helper()
	if _, err := m.raw.ExecContext(m.T.Context(), statement, args...); err != nil {
		m.T.Fatal(err)
	}
}

// check compares what is stored with the number of files.
func (m *pushMemoryTest) check(files int) {
	m.T.Helper()
	m.Events(m.grant.Library) // an unbroken chain
	librarytest.Same(m.T, "files", librarytest.Value(m.CountFiles(librarytest.Ctx, m.grant.Library))(m.T), files)
	faults, err := m.ListUsageFaults(librarytest.Ctx, m.grant.Library, 10)
	if err != nil || len(faults) > 0 {
		m.T.Errorf("usage: %v, %v", faults, err)
	}
}

// TestPushMemory: a push counts on nothing that something else has changed since the last one, be it of the same store,
// of another one or of another program.
func TestPushMemory(t *testing.T) {
	t.Parallel()
	never := time.Time{}
	for _, c := range []struct {
		name   string
		change func(m *pushMemoryTest, by *store.DB) error
		// refused is what then becomes of a push.
		refused error
	}{
		{"an event", func(m *pushMemoryTest, by *store.DB) error {
			return by.AddEvent(librarytest.Ctx, librarytest.AnyEvent(m.grant.Library))
		}, nil},
		{"a push", func(m *pushMemoryTest, by *store.DB) error {
			return by.AddFile(librarytest.Ctx, m.newFile())
		}, nil},
		{"a read", func(m *pushMemoryTest, by *store.DB) error {
			return by.AddRead(librarytest.Ctx, nil, m.grant.ID, librarytest.AnyEvent(m.grant.Library))
		}, nil},
		{"another grant", func(m *pushMemoryTest, by *store.DB) error {
			librarytest.FixtureOf(m.T, by).Approve(m.person, m.AnyClient(library.Read))
			return nil
		}, nil},
		{"a revoked grant", func(m *pushMemoryTest, by *store.DB) error {
			return by.RevokeGrant(librarytest.Ctx, m.grant.Library, m.grant.ID, librarytest.Now,
				librarytest.AnyEvent(m.grant.Library))
		}, library.ErrNotFound},
		{"a revoked application", func(m *pushMemoryTest, by *store.DB) error {
			return by.RevokeApplication(librarytest.Ctx, m.grant.Library, m.grant.Application, never,
				librarytest.AnyEvent(m.grant.Library))
		}, library.ErrNotFound},
		{"an expired token", func(m *pushMemoryTest, by *store.DB) error {
			return by.Sweep(librarytest.Ctx, m.token.ExpiresAt.Add(24*time.Hour), time.Hour)
		}, library.ErrNotFound},
		{"a shut library", func(m *pushMemoryTest, by *store.DB) error {
			return by.ShutLibrary(librarytest.Ctx, m.grant.Library, librarytest.Later(time.Hour), m.person.Login.ID,
				librarytest.AnyEvent(m.grant.Library))
		}, library.ErrNotFound},
		{"a deleted library", func(m *pushMemoryTest, by *store.DB) error {
			return by.DeleteLibrary(librarytest.Ctx, m.grant.Library, librarytest.Later(time.Hour))
		}, library.ErrNotFound},
	} {
		for _, another := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, by another store=%t", c.name, another), func(t *testing.T) {
				t.Parallel()
				m := newPushMemoryTest(t)
				by := m.db
				if another {
					by = m.other
				}
				librarytest.Must(t, c.change(m, by))
				before := librarytest.Value(m.CountFiles(librarytest.Ctx, m.grant.Library))(t)
				err := m.push()
				if !errors.Is(err, c.refused) {
					t.Errorf("push: %v, want %v", err, c.refused)
				}
				if err == nil {
					before++
				}
				m.check(before)
			})
		}
	}
}

// TestPushMemoryOfANewLibrary: a library that was deleted and made again has nothing of the earlier one.
func TestPushMemoryOfANewLibrary(t *testing.T) {
	t.Parallel()
	for _, another := range []bool{false, true} {
		m := newPushMemoryTest(t)
		by := m.db
		if another {
			by = m.other
		}
		librarytest.Must(t, by.DeleteLibrary(librarytest.Ctx, m.person.ID, librarytest.Later(time.Hour)))
		librarytest.Must(t, by.AddLibrary(librarytest.Ctx, m.person.Library, nil, m.person.Login,
			librarytest.AnyEvent(m.person.ID)))
		librarytest.WantErr(t, "push under the earlier grant", m.push(), library.ErrNotFound)
		m.grant, _, _ = librarytest.FixtureOf(t, by).Approve(m.person, m.AnyClient(library.Write))
		m.token.Hash = seal.Hash{}
		file := m.newFile()
		file.Quota.Files = 1
		librarytest.Must(t, m.db.AddFile(librarytest.Ctx, file))
		m.check(1)
		librarytest.Same(t, "events", len(m.Events(m.person.ID)), 3)
	}
}

// TestPushMemoryAndForeignChanges: what another program writes into the tables counts for the next push.
func TestPushMemoryAndForeignChanges(t *testing.T) {
	t.Parallel()
	t.Run("usage", func(t *testing.T) {
		t.Parallel()
		m := newPushMemoryTest(t)
		m.exec("UPDATE usage SET files = 7")
		file := m.newFile()
		file.Quota.Files = 7
		var full *library.QuotaError
		if err := m.db.AddFile(librarytest.Ctx, file); !errors.As(err, &full) || full.Used.Files != 7 {
			t.Errorf("push: %v", err)
		}
	})
	t.Run("the end of a chain", func(t *testing.T) {
		t.Parallel()
		m := newPushMemoryTest(t)
		m.exec("UPDATE chains SET mac = x'01'")
		librarytest.Must(t, m.push())
		librarytest.Must(t, m.push())
		var mac []byte
		librarytest.Must(t, m.raw.QueryRow("SELECT mac FROM chains").Scan(&mac))
		if len(mac) > 1 {
			t.Error("the end of a chain that somebody else has changed is authentic after two pushes")
		}
	})
	t.Run("no chain", func(t *testing.T) {
		t.Parallel()
		m := newPushMemoryTest(t)
		m.exec("DELETE FROM chains")
		librarytest.Must(t, m.push())
		librarytest.Must(t, m.push())
		librarytest.Same(t, "files", librarytest.Value(m.CountFiles(librarytest.Ctx, m.grant.Library))(t), 3)
	})
	t.Run("an epoch", func(t *testing.T) {
		t.Parallel()
		m := newPushMemoryTest(t)
		epoch := &library.Epoch{ID: seal.NewEpochID(), Library: m.grant.Library, Encapsulation: []byte("sealed"),
			CreatedAt: librarytest.Now}
		for i := range 3 {
			file := m.newFile()
			file.Epoch = epoch
			librarytest.Must(t, m.db.AddFile(librarytest.Ctx, file))
			if _, err := m.db.GetEncapsulation(librarytest.Ctx, m.grant.Library, epoch.ID); err != nil {
				t.Errorf("after push %d: %v", i, err)
			}
			m.exec("DELETE FROM epochs")
		}
	})
}

// TestPushMemoryOfABatch: a push that fails in a batch leaves nothing in the memory, and neither does another op.
func TestPushMemoryOfABatch(t *testing.T) {
	t.Parallel()
	m := newPushMemoryTest(t)
	epoch := &library.Epoch{ID: seal.NewEpochID(), Library: m.grant.Library, Encapsulation: []byte("sealed"),
		CreatedAt: librarytest.Now}
	twice := m.newFile()
	push := func(change func(file *library.NewFile)) func() error {
		return func() error {
			file := m.newFile()
			change(&file)
			return m.db.AddFile(librarytest.Ctx, file)
		}
	}
	event := librarytest.AnyEvent(m.grant.Library)
	errs := store.Together(t, m.db,
		func() error { return m.db.AddFile(librarytest.Ctx, twice) },
		push(func(file *library.NewFile) { file.Nonce = twice.Nonce }),
		// Its epoch and its event are undone with it.
		push(func(file *library.NewFile) { file.File.ID, file.Epoch = twice.File.ID, epoch }),
		push(func(file *library.NewFile) { file.Epoch = epoch }),
		func() error { return m.db.AddEvent(librarytest.Ctx, event) },
		push(func(*library.NewFile) {}),
		func() error {
			return m.db.RevokeGrant(librarytest.Ctx, m.grant.Library, "none", librarytest.Now, event)
		},
		push(func(file *library.NewFile) { file.Quota.Files = 1 }),
		push(func(*library.NewFile) {}),
		func() error {
			return m.db.RevokeGrant(librarytest.Ctx, m.grant.Library, m.grant.ID, librarytest.Now, event)
		},
		push(func(*library.NewFile) {}),
	)
	for i, want := range []error{nil, library.ErrReplayed, library.ErrExists, nil, nil, nil, library.ErrNotFound,
		&library.QuotaError{}, nil, nil, library.ErrNotFound} {
		var full *library.QuotaError
		if errors.As(want, &full) {
			if !errors.As(errs[i], &full) {
				t.Errorf("call %d: %v", i, errs[i])
			}
			continue
		}
		if !errors.Is(errs[i], want) {
			t.Errorf("call %d: %v, want %v", i, errs[i], want)
		}
	}
	m.check(5)
	if _, err := m.db.GetEncapsulation(librarytest.Ctx, m.grant.Library, epoch.ID); err != nil {
		t.Errorf("the epoch of a file that was added: %v", err)
	}
}

// TestPushMemoryIsBounded: of more libraries than a bound nothing is remembered, and all of them take pushes.
func TestPushMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const limit, libraries = 50, 150
	m := newPushMemoryTest(t)
	store.LimitRemembered(m.db, limit)
	// Rows of libraries that have no more than a push needs.
	m.exec("PRAGMA foreign_keys = OFF")
	m.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
		INSERT INTO chains (library_id, events, mac) SELECT 'library-' || i, 0, x'01' FROM n`, libraries)
	m.exec(`INSERT INTO grants SELECT 'grant-' || c.library_id, c.library_id, application_id, contract_id, created_at,
		expires_at, last_used_at, revoked_at, access, allowed, binding FROM grants, chains c
		WHERE c.library_id LIKE 'library-%'`)
	files := make([]func() error, 0, 64)
	for round := range 2 {
		for i := 1; i <= libraries; i++ {
			g := m.grant
			g.Library = library.ID(fmt.Sprint("library-", i))
			g.ID = "grant-" + library.GrantID(g.Library)
			file := librarytest.NewFile(g, librarytest.Later(time.Duration(round)*time.Hour))
			file.Content.Inline = nil
			files = append(files, func() error { return m.db.AddFile(librarytest.Ctx, file) })
			if len(files) == cap(files) || i == libraries {
				if err := errors.Join(store.Together(t, m.db, files...)...); err != nil {
					t.Fatal(err)
				}
				files = files[:0]
			}
		}
		if n := store.Remembered(t, m.db); n != limit {
			t.Errorf("%d libraries are remembered, want %d", n, limit)
		}
	}
	var n int
	librarytest.Must(t, m.raw.QueryRow("SELECT COUNT(*) FROM chains WHERE events = 2").Scan(&n))
	librarytest.Same(t, "libraries with two pushes", n, libraries)
}

// TestPushMemoryChangesNothing runs random calls, in batches, on a store and on one that remembers nothing. Both say
// and store the same.
func TestPushMemoryChangesNothing(t *testing.T) {
	t.Parallel()
	for range 4 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			testPushMemoryChangesNothing(t, rand.New(rand.NewPCG(seed, 0)))
		})
	}
}

func testPushMemoryChangesNothing(t *testing.T, random *rand.Rand) {
	const batches, maxCalls = 40, 12
	calls := &randomCalls{Rand: random}
	template, err := storetest.Template(func(db *store.DB) error {
		calls.fill(t, db)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var paths [2]string
	var stores, others [2]*store.DB
	openStore := func(i int) {
		stores[i], others[i] = open(t, paths[i]), open(t, paths[i])
	}
	for i := range paths {
		paths[i] = filepath.Join(t.TempDir(), "carrel.db")
		if err := os.WriteFile(paths[i], template, 0o600); err != nil {
			t.Fatal(err)
		}
		openStore(i)
	}
	store.RememberNothing(stores[1])
	done := map[string]int{}
	for batch := range batches {
		list := make([]randomCall, 1+random.IntN(maxCalls))
		for i := range list {
			list[i] = calls.next()
		}
		between := calls.next()
		if random.IntN(3) > 0 {
			between = calls.consent()
		}
		restart := random.IntN(8) == 0
		var got [2][]string
		for i, db := range stores {
			var bound []func() error
			for _, call := range list {
				bound = append(bound, func() error { return call.run(db) })
			}
			for _, err := range store.Together(t, db, bound...) {
				got[i] = append(got[i], fmt.Sprint(err))
			}
			got[i] = append(got[i], fmt.Sprint(between.run(others[i])))
			if restart {
				librarytest.Must(t, errors.Join(db.Close(), others[i].Close()))
				openStore(i)
			}
		}
		if restart {
			store.RememberNothing(stores[1])
		}
		for i, call := range append(list, between) {
			done[call.name]++
			if got[0][i] != got[1][i] {
				t.Fatalf("batch %d, call %d (%s): %s, without memory %s", batch, i, call.name, got[0][i], got[1][i])
			}
			if got[0][i] == "<nil>" {
				done[call.name+", successfully"]++
			}
		}
		with, without := rowsOfPushes(t, paths[0]), rowsOfPushes(t, paths[1])
		for table, rows := range with {
			for _, row := range rows {
				if !slices.Contains(without[table], row) {
					t.Errorf("batch %d: without memory table %s has no %s", batch, table, row)
				}
			}
			if len(rows) != len(without[table]) || t.Failed() {
				t.Fatalf("batch %d: table %s has %d rows, without memory %d", batch, table, len(rows),
					len(without[table]))
			}
		}
	}
	t.Log(done)
}

// rowsOfPushes returns the rows of the tables that pushes change.
func rowsOfPushes(t *testing.T, path string) map[string][]string {
	t.Helper()
	raw := openRaw(t, "sqlite:"+path)
	defer func() { _ = raw.Close() }()
	tables := map[string][]string{}
	read := func(table string) {
		rows, err := raw.QueryContext(t.Context(), "SELECT * FROM "+table+" ORDER BY 1, 2, 3")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		columns, err := rows.Columns()
		librarytest.Must(t, err)
		for rows.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(any)
			}
			librarytest.Must(t, rows.Scan(values...))
			var row strings.Builder
			for _, value := range values {
				fmt.Fprintf(&row, "%q ", fmt.Sprint(*value.(*any)))
			}
			tables[table] = append(tables[table], row.String())
		}
		librarytest.Must(t, rows.Err())
	}
	for _, table := range []string{"libraries", "chains", "events", "grants", "tokens", "usage", "epochs", "nonces",
		"files", "contents"} {
		read(table)
	}
	return tables
}

// randomCalls makes random calls of a few libraries.
type randomCalls struct {
	*rand.Rand
	people  []librarytest.Person
	clients []library.Client
	grants  []library.Grant
	tokens  []library.Token
	nonces  []*library.Nonce
	files   []library.NewFile
	epochs  []*library.Epoch
	at      time.Time
}

// A randomCall is the same on each store.
type randomCall struct {
	name string
	run  func(db *store.DB) error
}

// fill makes the libraries, with two grants each.
func (c *randomCalls) fill(t *testing.T, db *store.DB) {
	storetest.Bind(t, db)
	f := librarytest.FixtureOf(t, db)
	c.clients = []library.Client{f.AnyClient(library.Write), f.AnyClient(library.Write)}
	c.at = librarytest.Now
	for range 3 {
		p := f.AnyPerson()
		c.people = append(c.people, p)
		for _, client := range c.clients {
			g, _, _ := f.Approve(p, client)
			c.grants = append(c.grants, g)
			token := library.Token{Hash: librarytest.AnyHash(), Use: library.UseAccess, Grant: g.ID,
				Seal: librarytest.AnySeal(), ExpiresAt: librarytest.Later(time.Hour),
				Binding: librarytest.AnySecretBinding()}
			librarytest.Must(t, db.AddToken(t.Context(), token))
			c.tokens = append(c.tokens, token)
			c.epochs = append(c.epochs, &library.Epoch{ID: seal.NewEpochID(), Library: p.ID,
				Encapsulation: []byte("sealed"), CreatedAt: librarytest.Now})
		}
	}
}

func (c *randomCalls) next() randomCall {
	c.at = c.at.Add(time.Duration(c.IntN(40)) * time.Second)
	at := c.at
	g := c.grants[c.IntN(len(c.grants))]
	p := c.people[slices.IndexFunc(c.people, func(p librarytest.Person) bool { return p.ID == g.Library })]
	event := librarytest.AnyEvent(g.Library)
	event.At = at
	ctx := librarytest.Ctx
	switch c.IntN(100) {
	case 0:
		return randomCall{"revoke", func(db *store.DB) error { return db.RevokeGrant(ctx, g.Library, g.ID, at, event) }}
	case 1:
		return randomCall{"shut", func(db *store.DB) error {
			return db.ShutLibrary(ctx, g.Library, at.Add(time.Hour), p.Login.ID, event)
		}}
	case 2:
		return randomCall{"delete", func(db *store.DB) error { return db.DeleteLibrary(ctx, g.Library, at) }}
	case 3, 4, 5, 6:
		return randomCall{"add library", func(db *store.DB) error {
			return db.AddLibrary(ctx, p.Library, nil, p.Login, event)
		}}
	case 7:
		return randomCall{"recount", func(db *store.DB) error { return db.RecountUsage(ctx, g.Library) }}
	case 8, 15, 16:
		return randomCall{"event", func(db *store.DB) error { return db.AddEvent(ctx, event) }}
	case 9, 10:
		return randomCall{"read", func(db *store.DB) error { return db.AddRead(ctx, nil, g.ID, event) }}
	case 11:
		return randomCall{"use", func(db *store.DB) error { return db.UseGrant(ctx, g.Library, g.ID, at) }}
	case 12:
		n := c.nonce(g, at)
		return randomCall{"nonce", func(db *store.DB) error { return db.UseNonce(ctx, *n) }}
	case 13:
		file := c.file(g, at)
		file.File.Application, file.File.Contract, file.Grant, file.Nonce = "", "", "", nil
		return randomCall{"import", func(db *store.DB) error { return db.AddImported(ctx, file, p.Login.ID) }}
	case 14:
		return randomCall{"reopen", func(db *store.DB) error { return db.ReopenLibrary(ctx, g.Library, event) }}
	}
	file := c.file(g, at)
	return randomCall{"push", func(db *store.DB) error { return db.AddFile(ctx, file) }}
}

// consent returns a call that adds a grant, or renews one. It makes two transactions.
func (c *randomCalls) consent() randomCall {
	p, client := c.people[c.IntN(len(c.people))], c.clients[c.IntN(len(c.clients))]
	session := library.Session{Hash: librarytest.AnyHash(), Client: client.ID(), CreatedAt: c.at,
		ExpiresAt: c.at.Add(time.Hour)}
	request := library.AuthRequest{Hash: librarytest.AnyHash(), Kind: library.AuthorizeRequest, ClientID: client.ID(),
		Session: session.Hash, CreatedAt: c.at, ExpiresAt: c.at.Add(time.Hour)}
	approval := librarytest.NewApproval(p, client, request, c.at)
	return randomCall{"consent", func(db *store.DB) error {
		if err := db.AddAuthRequest(librarytest.Ctx, request, session); err != nil {
			return err
		}
		g, _, err := db.Allow(librarytest.Ctx, approval)
		if err == nil && !slices.ContainsFunc(c.grants, func(of library.Grant) bool { return of.ID == g.ID }) {
			i := slices.IndexFunc(c.grants, func(of library.Grant) bool {
				return of.Library == g.Library && of.Contract == g.Contract
			})
			c.grants[i] = g // from now on
		}
		return err
	}}
}

// nonce returns a nonce, which may have been used.
func (c *randomCalls) nonce(g library.Grant, at time.Time) *library.Nonce {
	if len(c.nonces) > 0 && c.IntN(10) == 0 {
		return c.nonces[c.IntN(len(c.nonces))]
	}
	n := librarytest.NewFile(g, at).Nonce
	c.nonces = append(c.nonces, n)
	return n
}

// file returns a file to push, which may be refused for one of many reasons.
func (c *randomCalls) file(g library.Grant, at time.Time) library.NewFile {
	file := librarytest.NewFile(g, at)
	file.Content.Inline = file.Content.Inline[:c.IntN(100)]
	file.Nonce = c.nonce(g, at)
	switch i := c.IntN(20); {
	case i == 0:
		file.Grant = c.grants[c.IntN(len(c.grants))].ID
	case i == 1:
		file.Token = c.tokens[c.IntN(len(c.tokens))].Hash
	case i < 12:
		if of := slices.IndexFunc(c.tokens, func(t library.Token) bool { return t.Grant == g.ID }); of >= 0 {
			file.Token = c.tokens[of].Hash
		}
	}
	switch c.IntN(20) {
	case 0:
		file.Quota.Files = int64(1 + c.IntN(30))
	case 1:
		file.Quota.Bytes = int64(1 + c.IntN(100_000))
	case 2:
		if len(c.files) > 0 {
			file.File.ID = c.files[c.IntN(len(c.files))].File.ID
		}
	}
	if i := slices.IndexFunc(c.epochs, func(e *library.Epoch) bool { return e.Library == g.Library }); c.IntN(2) == 0 {
		file.Epoch = c.epochs[i+c.IntN(2)]
	}
	c.files = append(c.files, file)
	return file
}
