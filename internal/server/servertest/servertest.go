// Package servertest starts a whole Carrel for a test: real HTTP on loopback, a real
// store and real files in a temporary folder, applications and contracts registered,
// an SDK client that speaks to it, and people who go through its pages.
package servertest

import (
	"context"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/demo"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/simulator"
)

// Callback is where the registered applications' people come back to; nothing listens
// there.
const Callback = "http://127.0.0.1:8095/callback"

// Server is a running Carrel.
type Server struct {
	*server.Server
	// URL is its public URL.
	URL string
	// Folder holds everything that it keeps, but for a PostgreSQL database.
	Folder string
	// Credentials are those of two applications and their contracts.
	Credentials demo.Credentials
	// Clock is the server's; it runs with the machine's until it is moved.
	Clock *Clock
	// Providers are practice providers, which people can connect; nil but after
	// [StartWithProviders].
	Providers *simulator.Simulator
}

// Option changes how the server is set up.
type Option func(*server.Config)

// OnDatabase keeps the metadata in a database of its own; SQLite in the folder is used
// otherwise.
func OnDatabase(url string) Option { return func(c *server.Config) { c.Database = url } }

// Start starts a server that ends with the test.
func Start(t testing.TB, options ...Option) *Server {
	t.Helper()
	s := &Server{Folder: t.TempDir(), Clock: &Clock{}}
	s.start(t, options...)
	return s
}

// StartWithProviders starts a server as [Start] does, and simulated providers for it.
func StartWithProviders(t testing.TB, options ...Option) *Server {
	t.Helper()
	s := &Server{Folder: t.TempDir(), Clock: &Clock{}}
	var providers Option
	s.Providers, providers = OpenProviders(t, filepath.Join(s.Folder, "medmij"), s.Clock.Now)
	s.start(t, append([]Option{providers}, options...)...)
	return s
}

// OpenProviders starts simulated providers that end with the test. The option configures a
// server for them and fetches their lists into the folder.
func OpenProviders(t testing.TB, folder string, now func() time.Time) (*simulator.Simulator, Option) {
	t.Helper()
	s, err := simulator.Start(context.WithoutCancel(t.Context()), simulator.Config{FrontHTTP: true, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close providers: %v", err)
		}
	})
	return s, func(c *server.Config) {
		t.Helper()
		if err := c.UseSimulatedProviders(t.Context(), s, s.ClientID, folder); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *Server) start(t testing.TB, options ...Option) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.URL = "http://" + l.Addr().String()
	config := server.Config{PublicURL: s.URL, Database: filepath.Join(s.Folder, "carrel.db"),
		Blobs: filepath.Join(s.Folder, "blobs"), Keyring: filepath.Join(s.Folder, "master.key"),
		Operator: "Test Hosting", DeleteWait: 7 * 24 * time.Hour, Log: slog.New(slog.DiscardHandler), Now: s.Clock.Now}
	for _, o := range options {
		o(&config)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if s.Server, err = server.Open(ctx, config); err != nil {
		cancel()
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l, nil) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("server ended with: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close server: %v", err)
		}
	})
	if s.Credentials, err = demo.Register(ctx, s.Clients, s.URL, Callback, ""); err != nil {
		t.Fatal(err)
	}
}

// Client is an SDK client for the first application.
func (s *Server) Client(t testing.TB, options ...digime.Option) *digime.Client {
	t.Helper()
	client, err := digime.New(string(s.Credentials.ApplicationID), append([]digime.Option{digime.WithServer(s.URL)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// Contract is one of the first application's contracts, by its name in the
// credentials. The options are those of its client.
func (s *Server) Contract(t testing.TB, kind string, options ...digime.Option) *digime.Contract {
	t.Helper()
	key := s.Credentials.Contracts[kind]
	contract, err := s.Client(t, options...).ParseContract(string(key.ContractID), []byte(key.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	return contract
}

// Person is somebody new, who goes through the pages.
func (s *Server) Person() *demo.Walker {
	return demo.NewWalker("person-"+seal.RandomID(10)+"@example.org", seal.RandomID(20))
}

// Consent sends a person through the pages for a contract, and exchanges the code that
// they bring back. A link joins the grant to the library of that token.
func (s *Server) Consent(t testing.TB, person *demo.Walker, kind string, link digime.UserAccessToken) *digime.User {
	t.Helper()
	user, _ := s.consent(t, person, kind, digime.AuthorizeOptions{Link: link})
	return user
}

// Measurements are what the practice providers of [Server.ConsentAt] take.
var Measurements = digime.SourcesScope{DataType: []string{"measurements-vital-signs"}}

// ConsentAt sends a person through the pages for a contract, and through those of a
// provider whose name has this in it. It returns the account that connects it.
func (s *Server) ConsentAt(t testing.TB, person *demo.Walker, kind, provider string) (*digime.User, digime.AccountID) {
	t.Helper()
	person.Provider = provider
	user, back := s.consent(t, person, kind, digime.AuthorizeOptions{SourceType: digime.SourcePush, SourcesScope: Measurements})
	accounts, err := user.ListAccounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range accounts {
		if a.Reference == back.AccountReference && a.Type == digime.AccountPush {
			return user, a.ID
		}
	}
	t.Fatalf("no account of a provider has the reference %q: %+v", back.AccountReference, accounts)
	return nil, ""
}

// Visit sends a person to the page of an authorisation, until they come back.
func (s *Server) Visit(t testing.TB, person *demo.Walker, auth digime.Authorization) digime.Callback {
	t.Helper()
	back, err := person.Walk(t.Context(), auth.URL, Callback)
	if err != nil {
		t.Fatalf("visit: %v", err)
	}
	u, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	callback, err := auth.ParseCallback(u.Query())
	if err != nil {
		t.Fatalf("callback: %v", err)
	}
	return callback
}

func (s *Server) consent(t testing.TB, person *demo.Walker, kind string, o digime.AuthorizeOptions) (*digime.User, digime.Callback) {
	t.Helper()
	contract := s.Contract(t, kind)
	o.RedirectURL = Callback
	auth, err := contract.Authorize(t.Context(), o)
	if err != nil {
		t.Fatalf("authorize: %v", err)
	}
	back := s.Visit(t, person, auth)
	token, err := contract.Exchange(t.Context(), back)
	if err != nil {
		t.Fatalf("exchange: %v", err)
	}
	return contract.User(token), back
}

// Clock is a clock that a test can move.
type Clock struct {
	mu    sync.Mutex
	fixed time.Time
	moved time.Duration
}

// Now is the time on the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.fixed.IsZero() {
		return c.fixed
	}
	return time.Now().Add(c.moved)
}

// Move moves the clock on.
func (c *Clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moved += d
	if !c.fixed.IsZero() {
		c.fixed = c.fixed.Add(d)
	}
}

// Set stops the clock at a time.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fixed = t
}
