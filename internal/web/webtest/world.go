package webtest

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/blob"
	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store"
	"github.com/carrelhq/carrel/internal/store/storetest"
	"github.com/carrelhq/carrel/internal/web"
)

// World is a site with a real store and the real rules behind it, and a clock that the test sets.
type World struct {
	T   testing.TB
	URL string
	// Config is that of the site.
	Config web.Config
	// Listing is what can be connected, and Provider the provider of all of it.
	Listing  *Listing
	Provider *Provider
	// Log is what the site has logged.
	Log *Log

	clients *library.Clients

	mu  sync.Mutex
	now time.Time
}

// DeleteWait is how long a deletion can be undone.
const DeleteWait = 7 * 24 * time.Hour

// New starts a site. It is 24 November 2026, 10:42 in UTC, and there are no providers.
func New(t testing.TB) *World {
	t.Helper()
	return NewWith(t, library.PeopleConfig{DeleteWait: DeleteWait})
}

// cheap is the cost of passwords in tests.
var cheap = seal.PasswordCost{Passes: 1, Memory: 8}

// NewWith is New with a configuration of People.
func NewWith(t testing.TB, config library.PeopleConfig) *World {
	t.Helper()
	config.PasswordCost = cheap
	w := &World{T: t, now: time.Date(2026, 11, 24, 10, 42, 0, 0, time.UTC), Log: &Log{}, Listing: &Listing{}}
	db, err := store.Open(t.Context(), storetest.SQLite(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewUnstartedServer(nil)
	w.URL = "http://" + server.Listener.Addr().String()
	w.Provider = newProvider(w)
	w.Config = w.newConfig(db, config)
	server.Config.Handler = web.New(w.Config)
	server.Start()
	t.Cleanup(server.Close)
	return w
}

// newConfig builds the parts of the domain.
func (w *World) newConfig(db *store.DB, config library.PeopleConfig) web.Config {
	w.T.Helper()
	blobs := &blob.Memory{}
	w.clients = library.NewClients(db, db, w.Now)
	consents := library.NewConsents(db, w.clients, db, w.Now, library.ConsentConfig{})
	ring, err := seal.ParseKeyring(masterKeys())
	if err != nil {
		w.T.Fatal(err)
	}
	providers, err := catalogue.Parse(nil)
	if err != nil {
		w.T.Fatal(err)
	}
	providers.AddListers(w.Listing)
	connections := delivery.NewConnections(db, db, consents, providers, w.Provider, ring, w.Now,
		w.URL+web.ProviderReturnPath)
	deliveries := delivery.NewQueue(db, connections, w.clients, w.Provider, ring, w.Now, delivery.QueueConfig{},
		slog.New(slog.DiscardHandler))
	w.T.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		deliveries.Close(ctx)
	})
	publicURL, err := url.Parse(w.URL)
	if err != nil {
		w.T.Fatal(err)
	}
	return web.Config{
		People:   library.NewPeople(db, db, db, blobs, w.Now, config),
		Consents: consents,
		Files:    library.NewFiles(db, blobs, w.clients, db, db, w.Now, library.FileConfig{}),
		Activity: library.NewActivity(db), Connections: connections, Deliveries: deliveries, Catalogue: providers,
		Operator: "Example Hosting", PublicURL: publicURL, DeleteWait: config.DeleteWait, Zone: time.UTC,
		Now: w.Now, Log: slog.New(slog.NewTextHandler(w.Log, nil)),
	}
}

var masterKeys = sync.OnceValue(seal.NewKeyringText)

// Now is the time on the clock.
func (w *World) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// Advance sets the clock forward.
func (w *World) Advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// Log is a log that a test reads while the site writes it.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
