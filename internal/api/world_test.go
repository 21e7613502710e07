package api_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"database/sql"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/server/servertest"
	"github.com/carrelhq/carrel/internal/store"
)

// callback is where the contracts' people come back to.
const callback = "https://clinic.example.org/back"

// world is a server with contracts, people and a log to look into.
type world struct {
	*server.Server
	address string
	clock   *servertest.Clock
	log     *notes
	folder  string
	db      *store.DB // the server's database, from beside it
	sql     *sql.DB

	// The contracts of one application, and one of another.
	write, read, second, foreign contract
	// secrets are what must never stand in a log or an error.
	secrets *plants
	client  *client
}

// contract is a contract as its application has it.
type contract struct {
	id     wire.ClientID
	key    *rsa.PrivateKey
	access library.Access
}

// contractKeys are made once: it takes a while.
var contractKeys = sync.OnceValue(func() (keys [4]*rsa.PrivateKey) {
	for i := range keys {
		var err error
		if keys[i], err = rsa.GenerateKey(rand.Reader, wire.KeyBits); err != nil {
			panic(err)
		}
	}
	return keys
})

func newWorld(t testing.TB, options ...func(*server.Config)) *world {
	t.Helper()
	w := &world{clock: &servertest.Clock{}, log: &notes{}, folder: t.TempDir(), secrets: &plants{}}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.address = l.Addr().String()
	database := filepath.Join(w.folder, "carrel.db")
	config := server.Config{PublicURL: "http://" + w.address, Database: database, Blobs: filepath.Join(w.folder,
		"blobs"),
		Keyring: filepath.Join(w.folder, "master.key"), Operator: "Test Hosting", Now: w.clock.Now,
		Log: slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	for _, o := range options {
		o(&config)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if w.Server, err = server.Open(ctx, config); err != nil {
		cancel()
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- w.Serve(ctx, l, nil) }()
	w.client = newClient(w)
	t.Cleanup(func() {
		w.client.hangUp()
		cancel()
		if err := <-served; err != nil {
			t.Errorf("server ended with: %v", err)
		}
		if err := w.Close(); err != nil {
			t.Errorf("close server: %v", err)
		}
		if s := w.secrets.in(w.log.String()); s != "" {
			t.Errorf("the log holds the secret %s", s)
		}
	})
	if w.db, err = store.Open(ctx, database); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.db.Close() })
	if w.sql, err = sql.Open("sqlite", "file:"+database+"?_pragma=busy_timeout(5000)"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.sql.Close() })
	w.register(t)
	return w
}

func (w *world) register(t testing.TB) {
	t.Helper()
	keys := contractKeys()
	for i, c := range []struct {
		into        *contract
		application wire.ApplicationID
		id          wire.ContractID
		access      library.Access
	}{
		{&w.write, "clinic", "writeC", library.Write},
		{&w.read, "clinic", "readC", library.Read},
		{&w.second, "clinic", "secondC", library.Write},
		{&w.foreign, "monitor", "readM", library.Read},
	} {
		if i == 0 || i == 3 {
			if _, err := w.Clients.AddApplication(t.Context(), library.Application{ID: c.application,
				Name: "The " + string(c.application)}); err != nil {
				t.Fatal(err)
			}
		}
		k, err := w.Clients.AddContract(t.Context(), library.Contract{ID: c.id, Application: c.application,
			Access:    c.access,
			PublicKey: string(wire.MarshalPublicKey(&keys[i].PublicKey)), RedirectURIs: []string{callback}, Purpose: "To be tested."})
		if err != nil {
			t.Fatal(err)
		}
		*c.into = contract{wire.ClientID{Application: k.Application, Contract: k.ID}, keys[i], k.Access}
	}
}

// stored counts everything that a call may leave behind; nonces are meant to be left.
func (w *world) stored(t testing.TB) [17]int {
	t.Helper()
	var n [17]int
	err := w.sql.QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM libraries), (SELECT count(*) FROM logins),
		(SELECT count(*) FROM links), (SELECT count(*) FROM grants), (SELECT count(*) FROM accounts), (SELECT count(*) FROM codes),
		(SELECT count(*) FROM codes WHERE used_at <> 0), (SELECT count(*) FROM tokens), (SELECT count(*) FROM sessions),
		(SELECT count(*) FROM account_references), (SELECT count(*) FROM files), (SELECT count(*) FROM contents),
		(SELECT count(*) FROM events), (SELECT count(*) FROM provider_accounts), (SELECT count(*) FROM deliveries),
		(SELECT count(*) FROM accounts WHERE hidden_at <> 0)`).Scan(&n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &n[6], &n[7], &n[8], &n[9], &n[10], &n[11], &n[12],
		&n[14], &n[15], &n[16])
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(filepath.Join(w.folder, "blobs"), func(_ string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // a temporary that has just gone
		}
		if err == nil && d.Type().IsRegular() {
			n[13]++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// exec changes the database from beside the server.
func (w *world) exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	if _, err := w.sql.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// notes is a log that can be read.
type notes struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (n *notes) Write(line []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(line)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

// with gives the lines that hold a text.
func (n *notes) with(text string) (lines []string) {
	for line := range strings.Lines(n.String()) {
		if strings.Contains(line, text) {
			lines = append(lines, line)
		}
	}
	return lines
}

// plants are secrets to be looked for.
type plants struct {
	mu   sync.Mutex
	list []string
}

func (p *plants) plant(secrets ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, secrets...)
}

// forget takes a secret out, where somebody may tell it.
func (p *plants) forget(secret string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = slices.DeleteFunc(p.list, func(s string) bool { return s == secret })
}

// in is the first secret that a text holds.
func (p *plants) in(text string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.list {
		if s != "" && strings.Contains(text, s) {
			return s
		}
	}
	return ""
}
