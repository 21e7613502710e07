// Package server puts the parts together, starts them and stops them. It holds no
// rules: what a part may do is decided in package library, and which part it gets is
// plain to read here.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/carrelhq/carrel/internal/api"
	"github.com/carrelhq/carrel/internal/blob"
	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/provider/medmij"
	"github.com/carrelhq/carrel/internal/provider/smart"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store"
	"github.com/carrelhq/carrel/internal/web"
)

// Config is everything that can be set. docs/operating.md says what each is for.
type Config struct {
	// PublicURL is where people and applications reach the server.
	PublicURL string
	// Database is a PostgreSQL URL or the path of a SQLite file.
	Database string
	// Blobs is the folder for contents that are too large for the database.
	Blobs string
	// Keyring is the file of the master keys; MasterKeys is its text, if it comes from
	// elsewhere.
	Keyring    string
	MasterKeys []byte
	// Catalogue is a file of what people can connect; empty for what ships.
	Catalogue string
	// Operator is the name of who runs the site, as the pages say it.
	Operator string

	AccessTokenLifetime time.Duration
	GrantLifetime       time.Duration
	DeleteWait          time.Duration
	MaxFileSize         int64
	// Closed refuses new libraries.
	Closed bool
	// PasswordCost is the cost of hashing a new password; zero for the default.
	PasswordCost seal.PasswordCost
	// BehindProxy takes the visitor's address from the last X-Forwarded-For.
	BehindProxy bool
	// MedMij connects the server with MedMij's network; nil for a server that is not
	// part of it. The server fills in the clock, the log, and
	// AllowLoopback from LoopbackProviders.
	MedMij *medmij.Config
	// Directory holds the names that people know MedMij's providers by, beside those of
	// the catalogue's file.
	Directory catalogue.Directory
	// FHIRServers are plain FHIR servers that can be sent to.
	FHIRServers []smart.Server
	// LoopbackProviders admits providers on this machine, some of it without TLS: for
	// simulators.
	LoopbackProviders bool
	// Deliveries says how patiently resources are delivered to providers.
	Deliveries delivery.QueueConfig
	// Patience is how long a client may go without sending or taking anything.
	Patience time.Duration

	Log *slog.Logger
	// Now is the clock; nil is the system's.
	Now func() time.Time
}

// Server is a whole Carrel.
type Server struct {
	Clients  *library.Clients
	People   *library.People
	Consents *library.Consents
	Files    *library.Files
	Activity *library.Activity

	Accounts   *delivery.Connections
	Deliveries *delivery.Queue
	// Handler answers everything.
	Handler http.Handler

	config Config
	db     *store.DB
	chores library.Sweeping
	disk   *blob.Disk
	ways   *providers
	stop   context.CancelFunc
	wait   sync.WaitGroup
}

// Open opens the stores and puts a server together. It listens to nothing yet.
func Open(ctx context.Context, c Config) (*Server, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	public, err := url.Parse(c.PublicURL)
	if err != nil || public.Host == "" || public.Path != "" || public.Scheme != "http" && public.Scheme != "https" {
		return nil, fmt.Errorf("public URL %q: want http(s)://host[:port]", c.PublicURL)
	}
	ring, err := openKeyring(c)
	if err != nil {
		return nil, err
	}
	sources, err := catalogue.Load(c.Catalogue, c.Log)
	if err != nil {
		return nil, err
	}
	names := catalogue.Directory{}
	maps.Copy(names, sources.Directory())
	maps.Copy(names, c.Directory)
	ways, err := openProviders(c, names)
	if err != nil {
		return nil, err
	}
	sources.AddListers(ways.listings...)
	disk, err := blob.OpenDisk(c.Blobs)
	if err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	db, err := store.Open(ctx, c.Database)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), disk.Close())
	}
	s := &Server{config: c, db: db, disk: disk, ways: ways, stop: func() {}}
	signer, err := library.OpenSigner(ctx, db, ring, c.Now)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.Clients = library.NewClients(db, db, c.Now)
	s.People = library.NewPeople(db, db, db, disk, c.Now,
		library.PeopleConfig{DeleteWait: c.DeleteWait, Closed: c.Closed, PasswordCost: c.PasswordCost})
	s.Consents = library.NewConsents(db, s.Clients, db, c.Now,
		library.ConsentConfig{AccessTokenLifetime: c.AccessTokenLifetime, GrantLifetime: c.GrantLifetime})
	s.Files = library.NewFiles(db, disk, s.Clients, db, db, c.Now, library.FileConfig{MaxSize: c.MaxFileSize})
	s.Activity = library.NewActivity(db)
	s.Accounts = delivery.NewConnections(
		db,
		db,
		s.Consents,
		sources,
		ways.set,
		ring,
		c.Now,
		c.PublicURL+web.ProviderReturnPath,
	)
	s.Deliveries = delivery.NewQueue(db, s.Accounts, s.Clients, ways.set, ring, c.Now, c.Deliveries, c.Log)
	s.chores = library.Sweeping{People: s.People, Sweeper: db, Files: db, Blobs: disk, Now: c.Now}

	calls := api.New(api.Config{Clients: s.Clients, People: s.People, Consents: s.Consents, Files: s.Files,
		Connections: s.Accounts, Deliveries: s.Deliveries, Catalogue: sources, Signer: signer, PublicURL: c.PublicURL,
		IdleTimeout: c.Patience, Log: c.Log})
	site := web.New(web.Config{People: s.People, Consents: s.Consents, Files: s.Files, Activity: s.Activity,
		Connections: s.Accounts, Deliveries: s.Deliveries, Catalogue: sources,
		Operator: c.Operator, PublicURL: public, DeleteWait: c.DeleteWait, Now: c.Now, Log: c.Log})
	s.Handler = s.route(calls, site)
	return s, nil
}

func openKeyring(c Config) (*seal.Keyring, error) {
	if len(c.MasterKeys) > 0 {
		return seal.ParseKeyring(c.MasterKeys)
	}
	return seal.OpenKeyring(c.Keyring)
}

// route parts the calls of clients from the pages of people: two muxes, so that
// neither is ever reached by the other's way in.
func (s *Server) route(calls, site http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.config.BehindProxy {
			r.RemoteAddr = forwardedFor(r)
		}
		switch {
		case r.URL.Path == "/healthz":
			s.health(w, r)
		// Cleaned only to see who is meant: a client that has joined a base and a path
		// badly is answered like a client.
		case isCall(r.URL.Path) || isCall(path.Clean(r.URL.Path)):
			calls.ServeHTTP(w, r)
		default:
			site.ServeHTTP(w, r)
		}
	})
}

func isCall(path string) bool {
	return strings.HasPrefix(path, "/v1.") || strings.HasPrefix(path, "/cloud/")
}

// forwardedFor is the visitor's address as the nearest proxy gives it.
func forwardedFor(r *http.Request) string {
	all := r.Header.Values("X-Forwarded-For")
	if len(all) == 0 {
		return r.RemoteAddr
	}
	list := strings.Split(all[len(all)-1], ",")
	return net.JoinHostPort(strings.TrimSpace(list[len(list)-1]), "0")
}

// health answers whether the server can do its work: 204, or 503.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	if err := s.db.Check(r.Context()); err != nil {
		s.config.Log.Error("not healthy", "error", err)
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// How the server treats connections. There is no time limit on a whole request: a
// large file takes what it takes, and package api watches that it moves.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 3 * time.Minute
	maxHeader     = 64 << 10
	stopTimeout   = 10 * time.Second
)

// Serve answers connections of l until ctx ends, then lets what is under way finish
// for a while. It uses TLS if given a configuration.
func (s *Server) Serve(ctx context.Context, l net.Listener, secure *tls.Config) error {
	h := &http.Server{
		Handler:           s.Handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		TLSConfig:         secure,
		ErrorLog:          slog.NewLogLogger(s.config.Log.Handler(), slog.LevelWarn),
	}
	s.startChores(ctx)
	failed := make(chan error, 1)
	go func() {
		if secure != nil {
			failed <- h.ServeTLS(l, "", "")
		} else {
			failed <- h.Serve(l)
		}
	}()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := h.Shutdown(last); err != nil {
		return h.Close()
	}
	return nil
}

// How often the chores are done.
const (
	tidyEvery  = time.Minute
	sweepEvery = time.Hour
)

// unfinishedAge is how long nothing must have been written to a temporary before it is
// taken for what a crash left: a push that stands still ends long before.
const unfinishedAge = time.Hour

// startChores tidies up from time to time, until ctx ends or the server is closed.
func (s *Server) startChores(ctx context.Context) {
	ctx, s.stop = context.WithCancel(ctx)
	every := func(d time.Duration, what string, do func(context.Context) error) {
		s.wait.Go(func() {
			tick := time.NewTicker(d)
			defer tick.Stop()
			for {
				if err := do(ctx); err != nil && ctx.Err() == nil {
					s.config.Log.Error("chore failed", "chore", what, "error", err)
				}
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
			}
		})
	}
	s.wait.Go(func() { s.Deliveries.Run(ctx) })
	for _, run := range s.ways.run {
		s.wait.Go(func() { run(ctx) })
	}
	every(tidyEvery, "tidy", s.chores.SweepExpired)
	every(sweepEvery, "sweep blobs", s.chores.SweepBlobs)
	every(sweepEvery, "forget answers", s.Deliveries.ForgetAnswers)
	every(sweepEvery, "sweep temporaries", func(ctx context.Context) error {
		return s.disk.Sweep(ctx, time.Now().Add(-unfinishedAge))
	})
}

// Close stops the chores and closes the stores.
func (s *Server) Close() error {
	s.stop()
	s.wait.Wait()
	if s.Deliveries != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		s.Deliveries.Close(ctx)
	}
	return errors.Join(s.db.Close(), s.disk.Close())
}
