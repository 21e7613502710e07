// Package server builds a Carrel server from a configuration: it opens the stores, connects the packages, serves HTTP
// and runs the background tasks. It has no rules of the domain; those are in packages library and delivery.
package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/carrelhq/carrel/internal/api"
	"github.com/carrelhq/carrel/internal/blob"
	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fetch"
	"github.com/carrelhq/carrel/internal/fetch/samplesource"
	"github.com/carrelhq/carrel/internal/httpserve"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/provider/medmij"
	"github.com/carrelhq/carrel/internal/provider/smart"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/storage"
	"github.com/carrelhq/carrel/internal/store"
	"github.com/carrelhq/carrel/internal/web"
)

// Config has the settings of a server. docs/operating.md describes those that an operator sets.
type Config struct {
	// PublicURL is the URL under which people and applications reach the server; see [ParsePublicURL]. AllowHTTP allows
	// http on another host than this machine.
	PublicURL string
	AllowHTTP bool
	// Database is a PostgreSQL URL or the path of a SQLite file.
	Database string
	// Blobs is the folder of the contents that are too large for the database.
	Blobs string
	// Keyring is the file of the master keys. The first start makes it. It is not read if MasterKeys has the text of
	// such a file.
	Keyring    string
	MasterKeys []byte
	// Catalogue is the file of the sources that people can connect; empty for the built-in one.
	Catalogue string
	// Operator is the name of the operator, as the pages show it.
	Operator string

	// AccessTokenLifetime and GrantLifetime are how long access tokens and grants are valid; zero for the defaults of
	// [library.ConsentConfig].
	AccessTokenLifetime time.Duration
	GrantLifetime       time.Duration
	// DeleteWait is how long a person can undo the deletion of a library; zero deletes it at once.
	DeleteWait time.Duration
	// MaxFileSize is the maximum size of a file in bytes; zero for no limit.
	MaxFileSize int64
	// StorageQuota bounds the storage of an application for a person; zero for no limit.
	StorageQuota library.Quota
	// SealEach seals each small file by itself: see [library.Epoch].
	SealEach bool
	// CloudTokensOnce refuses a token of the file storage that was used before.
	CloudTokensOnce bool
	// Legacy serves clients of earlier generations: see docs/operating.md.
	Legacy bool
	// Quotas bound what is stored.
	Quotas library.QuotaConfig
	// ApplicationPercent bounds what one application stores by a share of the disk of the large contents, where Quotas
	// has no limit for it; zero for no such limit. See [Config.ApplicationFiles].
	ApplicationPercent int64
	// ApplicationFiles is whether ApplicationPercent bounds the number of files, too: each takes room for its metadata.
	ApplicationFiles bool
	// FreeSpaceReserve is what pushes leave free on the disks.
	FreeSpaceReserve Reserve
	// NoNewLibraries makes the server refuse to create libraries.
	NoNewLibraries bool
	// PasswordCost is the cost of hashing a new password; zero for the default.
	PasswordCost seal.PasswordCost
	// BehindProxy makes the server take a client's address from the last entry of X-Forwarded-For.
	BehindProxy bool
	// MedMij configures MedMij's network; nil for a server that does not take part in it. Open sets the clock, the
	// log, and AllowLoopback from LoopbackProviders.
	MedMij *medmij.Config
	// Directory has the names by which people know MedMij's providers. It is added to the directory of the catalogue's
	// file.
	Directory catalogue.Directory
	// FHIRServers are plain FHIR servers to which resources can be sent.
	FHIRServers []smart.Server
	// LoopbackProviders allows providers on this machine, also without TLS. It is for simulators.
	LoopbackProviders bool
	// Deliveries has the timeouts and limits of deliveries to providers.
	Deliveries delivery.QueueConfig
	// Fetches has the limits of fetches from sources.
	Fetches fetch.Config
	// Sources are what people's accounts are fetched from; nil for sample data.
	Sources fetch.Sources
	// SampleDataDelay is how long each file of sample data takes, except in a set that has delays of its own.
	SampleDataDelay time.Duration
	// SweepInterval is how often what has expired is removed; zero for a minute.
	SweepInterval time.Duration
	// IdleTimeout is how long a request may make no progress; zero for [httpserve.DefaultIdleTimeout].
	IdleTimeout time.Duration
	// MaxConnections and MaxConnectionsPerAddress bound the connections; zero for defaults that depend on how many
	// files the process may open. Behind a proxy the second bounds the requests of each forwarded address.
	MaxConnections           int
	MaxConnectionsPerAddress int

	// Log is the server's log; nil discards it.
	Log *slog.Logger
	// Now is the clock; nil means the system's.
	Now func() time.Time
}

// Server is a Carrel server with its stores.
type Server struct {
	// The parts of the domain, for the commands that use them without HTTP, and for tests.

	Clients  *library.Clients
	People   *library.People
	Consents *library.Consents
	Files    *library.Files
	Activity *library.Activity
	Storages *storage.Storages

	Connections *delivery.Connections
	Deliveries  *delivery.Queue
	Fetches     *fetch.Fetcher

	// Handler handles all requests.
	Handler http.Handler

	config Config
	// maxConnections and maxPerAddress are the limits in force. Those of the configuration may be zero.
	maxConnections, maxPerAddress int

	hold      *store.Hold
	heartbeat *heartbeat
	db        *store.DB
	sweeping  library.Sweeping
	disk      *blob.Disk
	space     *spaceMonitor
	keyring   *keyringWatch
	checks    singleflight.Group // of readiness
	providers *providers
	stop      context.CancelFunc
	wait      sync.WaitGroup
	fatal     chan error // why the server cannot go on
}

// Open opens the stores and builds the server. It does not listen; see [Server.Serve].
func Open(ctx context.Context, c Config) (*Server, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	public, err := ParsePublicURL(c.PublicURL, c.AllowHTTP)
	if err != nil {
		return nil, err
	}
	c.PublicURL = public.String()
	ring, err := openKeyring(c)
	if err != nil {
		return nil, err
	}
	parts, err := inspect(ctx, c, ring)
	if err == nil {
		err = parts.checkStart() // before anything is made or migrated that belongs to another installation
	}
	if err != nil {
		return nil, err
	}
	drawKey := parts.drawSigningKey()
	sources, err := catalogue.Load(c.Catalogue, c.Log)
	if err != nil {
		return nil, fmt.Errorf("--catalogue (CARREL_CATALOGUE): %w", err)
	}
	names := catalogue.Directory{}
	maps.Copy(names, sources.Directory())
	maps.Copy(names, c.Directory)
	networks, err := openProviders(c, names)
	if err != nil {
		return nil, err
	}
	sources.AddListers(networks.listers...)
	s := &Server{config: c, providers: networks, stop: func() {}, fatal: make(chan error, 1)}
	if err := s.openStores(ctx); err != nil {
		return nil, err
	}
	db, disk := s.db, s.disk
	signer, err := parts.openSigner(ctx, db, drawKey)
	if err == nil {
		err = parts.adopt(ctx, db, disk)
	}
	if err == nil {
		s.heartbeat, err = newHeartbeat(ctx, db, disk)
	}
	if err == nil {
		err = s.startHeartbeat(ctx)
	}
	if err == nil {
		err = logAdditions(ctx, c.Log, db)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	ring = parts.keyring
	s.keyring = &keyringWatch{keyring: ring, log: c.Log}
	ring.AcceptOnly(parts.opensSecrets(db))
	s.Clients = library.NewClients(db, db, c.Now)
	integrity := library.NewIntegrity(ring, db, c.Now)
	db.SetBinder(integrity)
	if err := parts.adoptRows(ctx, integrity, db); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	boxes := delivery.NewBoxes(ring)
	db.UseBoxes(boxes)
	s.People = library.NewPeople(db, db, db, disk, integrity, c.Now,
		library.PeopleConfig{DeleteWait: c.DeleteWait, NoNewLibraries: c.NoNewLibraries, PasswordCost: c.PasswordCost,
			Log: c.Log})
	s.Consents = library.NewConsents(db, s.Clients, db, integrity, c.Now,
		library.ConsentConfig{AccessTokenLifetime: c.AccessTokenLifetime, GrantLifetime: c.GrantLifetime,
			Issuer: c.PublicURL, OlderCallbacks: c.Legacy, Log: c.Log})
	space := newSpaceMonitor(s.folders(), c.FreeSpaceReserve, c.Log)
	s.space, c.Deliveries.Space = space, space
	s.Files = library.NewFiles(db, disk, s.Clients, db, db, c.Now,
		library.FileConfig{MaxSize: c.MaxFileSize, Quotas: c.quotas(), Space: space, SealEach: c.SealEach,
			Log: c.Log})
	s.Activity = library.NewActivity(db, integrity, signer, c.PublicURL+api.KeySetPath)
	s.Connections = delivery.NewConnections(
		db,
		db,
		s.Consents,
		sources,
		networks.set,
		boxes,
		integrity,
		c.Now,
		c.PublicURL+web.ProviderReturnPath,
	)
	s.Deliveries = delivery.NewQueue(db, s.Connections, s.Clients, networks.set, c.Now, c.Deliveries, c.Log)
	if c.Sources == nil {
		c.Sources = samplesource.Source{Now: c.Now, Delay: c.SampleDataDelay}
	}
	s.Fetches = fetch.New(db, s.Connections, library.NewCollector(s.Files, s.Consents), c.Sources, c.Now, c.Fetches,
		c.Log)
	s.Storages = storage.New(db, disk, s.Consents, integrity, c.Now,
		storage.Config{Quota: c.StorageQuota, MaxFileSize: c.MaxFileSize, Space: space})
	s.sweeping = library.Sweeping{People: s.People, Sweeper: db, Files: db, Blobs: disk,
		Owners: []library.ContentOwner{storage.Contents{Store: db}}, Now: c.Now, Log: c.Log}

	s.maxConnections, s.maxPerAddress = connectionLimits(c, maxOpenFiles())
	requests := httpserve.NewRequestLimit(s.maxPerAddress)
	protocol := api.New(api.Config{Clients: s.Clients, People: s.People, Consents: s.Consents, Files: s.Files,
		Connections: s.Connections, Deliveries: s.Deliveries, Fetches: s.Fetches, Catalogue: sources, Signer: signer,
		Storages: s.Storages, CloudTokensOnce: c.CloudTokensOnce, Legacy: c.Legacy,
		PublicURL: c.PublicURL, Requests: requests, IdleTimeout: c.IdleTimeout, Log: c.Log})
	pages := web.New(web.Config{People: s.People, Consents: s.Consents, Files: s.Files, Activity: s.Activity,
		Connections: s.Connections, Deliveries: s.Deliveries, Fetches: s.Fetches, Storages: s.Storages,
		Catalogue: sources,
		Operator:  c.Operator, PublicURL: public, DeleteWait: c.DeleteWait, Requests: requests,
		IdleTimeout: c.IdleTimeout, Now: c.Now, Log: c.Log})
	s.Handler = s.route(protocol, pages, public.Scheme == "https")
	return s, nil
}

// openStores opens the database and the folder of large contents, of which the server has made sure that they belong
// together.
func (s *Server) openStores(ctx context.Context) (err error) {
	if s.hold, err = store.HoldForServer(ctx, s.config.Database); err != nil {
		return err
	}
	if s.disk, err = blob.OpenDisk(s.config.Blobs); err != nil {
		return errors.Join(fmt.Errorf("open blobs: %w", err), s.hold.Release())
	}
	if s.db, err = store.Open(ctx, s.config.Database); err != nil {
		return errors.Join(fmt.Errorf("open database: %w", err), s.disk.Close(), s.hold.Release())
	}
	return nil
}

// The limits of a connection and of shutting down. There is no time limit for a whole request, because a large file
// takes long. Package httpserve closes connections without progress.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 3 * time.Minute
	maxHeader     = 64 << 10
	stopTimeout   = 10 * time.Second
	// maxStreams is how many requests an HTTP/2 connection may have under way.
	maxStreams = 100
)

// Serve starts the background tasks and accepts connections from l until ctx ends, or until a newer program has made
// the database unusable for this one, which is then the error. Then it waits at most stopTimeout for open requests. It
// uses TLS if secure is not nil.
func (s *Server) Serve(ctx context.Context, l net.Listener, secure *tls.Config) error {
	h := &http.Server{
		Handler:           s.Handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		TLSConfig:         secure,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams,
			SendPingTimeout:      idleTimeout,
			WriteByteTimeout:     httpserve.DefaultIdleTimeout,
		},
		ConnState: trackConn,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if counted := limitedConnOf(c); counted != nil {
				return httpserve.WithWaiting(ctx, counted.waitForBody)
			}
			return ctx
		},
		ErrorLog: slog.NewLogLogger(s.config.Log.Handler(), slog.LevelWarn),
	}
	perAddress := s.maxPerAddress
	if s.config.BehindProxy { // all connections are the proxy's
		perAddress = s.maxConnections
	}
	l = newLimitedListener(l, s.maxConnections, perAddress, s.config.Log)
	s.startBackgroundTasks(ctx)
	failed := make(chan error, 1)
	go func() {
		if secure != nil {
			failed <- h.ServeTLS(l, "", "")
		} else {
			failed <- h.Serve(l)
		}
	}()
	var fatal error
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case fatal = <-s.fatal:
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := h.Shutdown(last); err != nil {
		return errors.Join(fatal, h.Close())
	}
	return fatal
}

// The intervals of the background tasks.
const (
	expiredInterval = time.Minute
	sweepInterval   = time.Hour
	// eraseInterval bounds how long something that was removed remains in the files of the database.
	eraseInterval = 5 * time.Second
	// revokeInterval is how soon a provider is told that the tokens of an account that has ended are not used any more.
	revokeInterval = 5 * time.Second
)

// unfinishedAge is how long a temporary file is kept after the last write to it. A crash has left an older one: the
// server ends a push without progress much earlier.
const unfinishedAge = time.Hour

// startBackgroundTasks starts the tasks that run until ctx ends or the server is closed.
func (s *Server) startBackgroundTasks(ctx context.Context) {
	ctx, s.stop = context.WithCancel(ctx)
	every := func(d time.Duration, name string, run func(context.Context) error) {
		s.wait.Go(func() {
			tick := time.NewTicker(d)
			defer tick.Stop()
			for {
				if err := run(ctx); err != nil && ctx.Err() == nil {
					// A chore is a background task. docs/operating.md tells operators to look for this message.
					s.config.Log.Error("chore failed", "chore", name, "error", err)
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
	s.wait.Go(func() { s.Fetches.Run(ctx) })
	for _, run := range s.providers.run {
		s.wait.Go(func() { run(ctx) })
	}
	every(expiredInterval, "check the version of the database", s.checkDatabase)
	every(expiredInterval, "check the folder of large contents", s.checkFolder)
	every(spaceInterval, "measure the free space", func(context.Context) error {
		_ = s.space.Check() // which logs when it changes
		return nil
	})
	every(expiredInterval, "check the master keys", func(context.Context) error { return s.keyring.check() })
	every(beatInterval, "hold the database", s.holdDatabase)
	every(expiredInterval, "remove temporary keyrings", func(context.Context) error {
		return s.config.removeTemporaryKeyrings()
	})
	expired := cmp.Or(s.config.SweepInterval, expiredInterval)
	every(expired, "tidy", s.sweeping.SweepExpired)
	every(expired, "delete expired storages", s.Storages.SweepExpired)
	every(eraseInterval, "remove contents of storages", s.Storages.RemoveContents)
	every(eraseInterval, "erase", s.db.Erase)
	every(sweepInterval, "sweep blobs", s.sweeping.SweepBlobs)
	every(sweepInterval, "delete sandboxes", s.People.DeleteSandboxes)
	every(sweepInterval, "end accounts without a grant", s.Connections.EndUngranted)
	every(revokeInterval, "revoke tokens", func(ctx context.Context) error {
		return s.Connections.RevokeTokens(ctx, s.config.Log)
	})
	every(sweepInterval, "forget answers", s.Deliveries.ForgetAnswers)
	every(sweepInterval, "sweep temporaries", func(ctx context.Context) error {
		return s.disk.Sweep(ctx, time.Now().Add(-unfinishedAge))
	})
}

// checkDatabase ends the server if a newer program has changed the tables so that this one must not use them.
func (s *Server) checkDatabase(ctx context.Context) error {
	err := s.db.Check(ctx)
	if errors.Is(err, store.ErrNewer) {
		s.end(err)
	}
	return err
}

// keyringWritten is how long the writing of a keyring takes at most: an older temporary file was left by a kill.
const keyringWritten = 10 * time.Second

func (c Config) removeTemporaryKeyrings() error {
	if c.Keyring == "" || len(c.MasterKeys) > 0 {
		return nil
	}
	return seal.RemoveTemporary(c.Keyring, time.Now().Add(-keyringWritten))
}

// checkFolder returns an error if the folder of large contents is not the one that the database knows any more.
func (s *Server) checkFolder(ctx context.Context) error {
	if err := s.disk.Check(); err != nil {
		return err
	}
	own, err := s.db.GetInstallation(ctx)
	if err != nil {
		return err
	}
	mark, err := blob.ReadMark(s.config.Blobs)
	if err != nil {
		return err
	}
	if mark != (blob.Mark{Installation: own.ID, Folder: own.Folder}) {
		return fmt.Errorf("%s is %w", s.config.Blobs, errOtherFolder)
	}
	return nil
}

var errOtherFolder = errors.New("not any more the folder of large contents that the database knows: check that its " +
	"disk is mounted, and whether somebody has run `carrel installation accept`; then start the server again")

// Close stops the background tasks, waits for them and closes the stores. Call it after [Server.Serve] has returned.
func (s *Server) Close() error {
	s.stop()
	s.wait.Wait()
	if s.Deliveries != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		s.Deliveries.Close(ctx)
	}
	// The last sweep and the last requests may have removed something since the background task has run.
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	s.stopHeartbeat(ctx)
	return errors.Join(s.db.Erase(ctx), s.db.Close(), s.disk.Close(), s.hold.Release())
}
