package carreltest

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/blob"
	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fetch"
	"github.com/carrelhq/carrel/internal/fetch/samplesource"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/provider/medmij"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/simulator"
	"github.com/carrelhq/carrel/internal/storage"
	"github.com/carrelhq/carrel/internal/store"
)

// World is everything that a test has: the parts of a Carrel, and who uses it.
type World struct {
	// Folder holds the database, unless an option names another, the blobs and the master keyring.
	Folder  string
	Clock   *Clock
	Log     *Log
	Secrets *Secrets

	Clients     *library.Clients
	People      *library.People
	Consents    *library.Consents
	Files       *library.Files
	Activity    *library.Activity
	Connections *delivery.Connections
	Queue       *delivery.Queue
	Fetches     *fetch.Fetcher
	Storages    *storage.Storages

	// These are nil in a world of [Serve].
	Store     *store.DB
	Blobs     *blob.Disk
	Sweeping  library.Sweeping
	Catalogue *catalogue.Catalogue
	Provider  *Provider
	Keyring   *seal.Keyring

	// URL is the public URL. Nothing answers there in a world of [New].
	URL string
	// Server is nil in a world of [New].
	Server *server.Server
	// Simulator is nil but in a world of [ServeWithSimulator].
	Simulator *simulator.Simulator

	t        testing.TB
	database string

	mu     sync.Mutex
	people []*Person
	db     *databaseReader
}

// Option changes the configuration of a world. [New] uses the fields that its parts know.
type Option func(*server.Config)

// DeleteWait is how long a shut library can be reopened in a world.
const DeleteWait = 7 * 24 * time.Hour

// passwordCost is the least that argon2id takes.
var passwordCost = seal.PasswordCost{Passes: 1, Memory: 64}

// begin returns a world without parts, and the configuration to make them with.
func begin(t testing.TB, url string, options []Option) (*World, server.Config) {
	t.Helper()
	w := &World{t: t, Folder: t.TempDir(), Clock: &Clock{}, Log: &Log{}, Secrets: &Secrets{}, URL: url}
	c := server.Config{
		PublicURL:    url,
		Database:     filepath.Join(w.Folder, "carrel.db"),
		Blobs:        filepath.Join(w.Folder, "blobs"),
		Keyring:      filepath.Join(w.Folder, "master.key"),
		Operator:     "Test Hosting",
		DeleteWait:   DeleteWait,
		PasswordCost: passwordCost,
		Now:          w.Clock.Now,
		Log:          slog.New(slog.NewJSONHandler(w.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, o := range options {
		o(&c)
	}
	w.database = c.Database
	w.copyTemplate(c)
	t.Cleanup(func() {
		if s := w.Secrets.In(w.Log.String()); s != "" {
			t.Errorf("the log holds the secret %s", s)
		}
	})
	return w, c
}

// New puts the domain together in this process. Its clock stands still until the test moves it.
func New(t testing.TB, options ...Option) *World {
	t.Helper()
	w, c := begin(t, "https://library.example", options)
	w.URL = c.PublicURL
	w.Clock.StopsAt(time.Date(2026, 11, 24, 10, 42, 0, 0, time.UTC))
	w.openStores(c)
	now := w.Clock.Now
	w.Keyring = Must(seal.OpenKeyring(c.Keyring))(t)
	w.Clients = library.NewClients(w.Store, w.Store, now)
	integrity := library.NewIntegrity(w.Keyring, w.Store, now)
	w.Store.SetBinder(integrity)
	w.People = library.NewPeople(w.Store, w.Store, w.Store, w.Blobs, integrity, now,
		library.PeopleConfig{DeleteWait: c.DeleteWait, NoNewLibraries: c.NoNewLibraries, PasswordCost: c.PasswordCost,
			Log: c.Log})
	w.Consents = library.NewConsents(w.Store, w.Clients, w.Store, integrity, now,
		library.ConsentConfig{AccessTokenLifetime: c.AccessTokenLifetime, GrantLifetime: c.GrantLifetime,
			Issuer: c.PublicURL, OlderCallbacks: c.Legacy, Log: c.Log})
	w.Files = library.NewFiles(
		w.Store,
		w.Blobs,
		w.Clients,
		w.Store,
		w.Store,
		now,
		library.FileConfig{MaxSize: c.MaxFileSize, Quotas: c.Quotas, SealEach: c.SealEach, Log: c.Log},
	)
	signer := Must(library.OpenSigner(t.Context(), w.Store, w.Keyring, now, library.DrawSigningKey))(t)
	w.Activity = library.NewActivity(w.Store, integrity, signer, c.PublicURL+"/keys")
	w.Storages = storage.New(w.Store, w.Blobs, w.Consents, integrity, now,
		storage.Config{Quota: c.StorageQuota, MaxFileSize: c.MaxFileSize})
	w.Sweeping = library.Sweeping{People: w.People, Sweeper: w.Store, Files: w.Store, Blobs: w.Blobs,
		Owners: []library.ContentOwner{storage.Contents{Store: w.Store}}, Now: now, Log: c.Log}
	w.Provider = newProvider(w)
	w.Catalogue = Must(catalogue.Parse(nil))(t)
	w.Catalogue.AddListers(w.Provider)
	boxes := delivery.NewBoxes(w.Keyring)
	w.Store.UseBoxes(boxes)
	w.Connections = delivery.NewConnections(w.Store, w.Store, w.Consents, w.Catalogue, w.Provider, boxes, integrity,
		now, c.PublicURL+returnPath)
	w.Queue = w.NewQueue(c.Deliveries)
	w.Fetches = fetch.New(w.Store, w.Connections, library.NewCollector(w.Files, w.Consents),
		samplesource.Source{Now: now, Delay: c.SampleDataDelay}, now, c.Fetches, c.Log)
	return w
}

// returnPath is the path below which browsers come back from providers.
const returnPath = "/providers/return"

func (w *World) openStores(c server.Config) {
	w.t.Helper()
	var err error
	if w.Store, err = store.Open(w.t.Context(), c.Database); err != nil {
		w.t.Fatal(err)
	}
	if w.Blobs, err = blob.OpenDisk(c.Blobs); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := errors.Join(w.Store.Close(), w.Blobs.Close()); err != nil {
			w.t.Error(err)
		}
	})
}

// Serve starts a server on a loopback address, which ends with the test. Its clock runs with the machine's
// until the test moves or stops it.
func Serve(t testing.TB, options ...Option) *World {
	t.Helper()
	l := listen(t)
	w, c := begin(t, "http://"+l.Addr().String(), options)
	w.serve(l, c)
	return w
}

// ServeWithSimulator starts a server as [Serve] does, and practice providers beside it. The test fails if
// they saw a rule broken.
func ServeWithSimulator(t testing.TB, options ...Option) *World {
	t.Helper()
	l := listen(t)
	var sim *simulator.Simulator
	w, c := begin(t, "http://"+l.Addr().String(), append([]Option{func(c *server.Config) {
		sim = openSimulator(t, c)
	}}, options...))
	w.Simulator = sim
	w.serve(l, c)
	t.Cleanup(func() {
		w.Secrets.Plant(sim.Secrets()...) // before the log is searched
		if v := sim.Violations(); len(v) > 0 {
			t.Errorf("the providers saw rules broken: %q", v)
		}
	})
	return w
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	return Must(new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0"))(t)
}

func (w *World) serve(l net.Listener, c server.Config) {
	t := w.t
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var err error
	if w.Server, err = server.Open(ctx, c); err != nil {
		cancel()
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- w.Server.Serve(ctx, l, nil) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-served, w.Server.Close()); err != nil {
			t.Errorf("server ended with: %v", err)
		}
	})
	w.Clients, w.People, w.Consents, w.Files = w.Server.Clients, w.Server.People, w.Server.Consents, w.Server.Files
	w.Connections, w.Queue = w.Server.Connections, w.Server.Deliveries
	w.Fetches = w.Server.Fetches
	w.Activity, w.Storages = w.Server.Activity, w.Server.Storages
}

// OpensStore opens the database of a server from beside it, for a test that stores what no verb makes.
func (w *World) OpensStore() *store.DB {
	w.t.Helper()
	db := Must(store.Open(w.t.Context(), w.database))(w.t)
	w.t.Cleanup(func() { _ = db.Close() })
	db.SetBinder(w.OpensIntegrity(db))
	return db
}

// OpensIntegrity returns what binds the rows of a server that a test stores.
func (w *World) OpensIntegrity(db *store.DB) *library.Integrity {
	w.t.Helper()
	ring := Must(seal.OpenKeyring(filepath.Join(w.Folder, "master.key")))(w.t)
	return library.NewIntegrity(ring, db, w.Clock.Now)
}

// openSimulator starts practice providers and connects the server of the configuration with them.
func openSimulator(t testing.TB, c *server.Config) *simulator.Simulator {
	t.Helper()
	sim, err := simulator.Start(context.WithoutCancel(t.Context()), simulator.Config{FrontHTTP: true, Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Errorf("close providers: %v", err)
		}
	})
	config := medmij.Config{
		ListURL: sim.ListURL(), ClientID: sim.ClientID, CacheFolder: t.TempDir(),
		Credentials:   medmij.Credentials{Roots: sim.Roots()},
		AllowLoopback: true, Now: c.Now,
	}
	config.Certificate, config.Key = sim.ClientCertificate()
	// The lists are fetched into the folder before the server starts.
	network := Must(medmij.New(config))(t)
	if err := network.UpdateLists(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.MedMij, c.LoopbackProviders = &config, true
	c.Directory = Must(catalogue.ParseDirectory(sim.Directory()))(t)
	return sim
}

// Must returns a function that returns v, or fails the test on an error:
//
//	file := carreltest.Must(os.ReadFile(name))(t)
func Must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// Eventually waits until a condition holds, and fails the test if it does not within a minute.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after a minute it does not hold that %s", what)
		}
	}
}
