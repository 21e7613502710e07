// Package bench measures how many durable, sealed pushes a machine takes. It starts a
// real server in a folder of its own, creates libraries, signs the requests beforehand,
// and pushes over loopback from many connections in a closed loop. Each response means
// that one file has been synced to the disk.
//
// On a shared machine the numbers depend on the other load, so the same run also
// measures the disk's serial sync rate and the load of the processors.
package bench

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/store"
)

// Config is a scenario: pushes of Size bytes from Clients connections into Libraries
// libraries, chosen at random.
type Config struct {
	Folder    string // where the data is stored; its disk is measured
	Database  string // empty: SQLite in Folder
	Clients   int
	Pushes    int
	Size      int
	Libraries int
}

// Result has the measurements of a scenario.
type Result struct {
	Pushes    int           `json:"pushes"`
	Took      time.Duration `json:"tookNanoseconds"`
	PerSecond float64       `json:"pushesPerSecond"`
	P50       time.Duration `json:"p50Nanoseconds"`
	P99       time.Duration `json:"p99Nanoseconds"`
	Max       time.Duration `json:"maxNanoseconds"`
	// SyncsBefore and SyncsAfter are the disk's serial rate of 12 KiB appends, each
	// with an fsync, right before and after the run.
	SyncsBefore float64 `json:"fsyncsPerSecondBefore"`
	SyncsAfter  float64 `json:"fsyncsPerSecondAfter"`
	// Busy is the share of all processors' time that was in use during the run, by any
	// process. Own is the number of processors that this process used, client and
	// server together.
	Busy float64 `json:"busy"`
	Own  float64 `json:"own"`
	CPUs int     `json:"cpus"`
}

// Push runs the scenario.
func Push(ctx context.Context, c Config, progress func(string)) (Result, error) {
	database := c.Database
	if database == "" {
		database = filepath.Join(c.Folder, "carrel.db")
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return Result{}, fmt.Errorf("listen: %w", err)
	}
	s, err := server.Open(ctx, server.Config{
		PublicURL: "http://" + l.Addr().String(),
		Database:  database,
		Blobs:     filepath.Join(c.Folder, "blobs"),
		Keyring:   filepath.Join(c.Folder, "master.key"),
		Log:       slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = s.Close() }() // the folder is temporary
	serving, stop := context.WithCancel(ctx)
	defer stop()
	go func() { _ = s.Serve(serving, l, nil) }()

	progress(fmt.Sprintf("seeding %d libraries", c.Libraries))
	key, err := rsa.GenerateKey(rand.Reader, wire.KeyBits)
	if err != nil {
		return Result{}, fmt.Errorf("generate key: %w", err)
	}
	ring, err := seal.OpenKeyring(filepath.Join(c.Folder, "master.key"))
	if err != nil {
		return Result{}, fmt.Errorf("seed libraries: %w", err)
	}
	tokens, client, err := seed(ctx, s.Clients, database, ring, key, c.Libraries)
	if err != nil {
		return Result{}, err
	}
	progress(fmt.Sprintf("signing %d requests", c.Pushes))
	requests, err := presign(key, client, tokens, c)
	if err != nil {
		return Result{}, err
	}
	progress(fmt.Sprintf("pushing from %d connections", c.Clients))
	return run(ctx, c, l.Addr().String(), requests)
}

// presign builds every request in full. A signature takes the client about a
// millisecond, so they are made beforehand on all processors.
func presign(key *rsa.PrivateKey, client wire.ClientID, tokens []string, c Config) ([][]byte, error) {
	descriptor, err := wire.Sign(key, wire.Header{}, map[string]any{"metadata": wire.Descriptor{
		MIMEType:  "application/octet-stream",
		Accounts:  []wire.DescriptorAccount{{AccountID: "bench"}},
		Reference: []string{"bench"},
	}})
	if err != nil {
		return nil, err
	}
	content := make([]byte, c.Size)
	_, _ = rand.Read(content)
	requests := make([][]byte, c.Pushes)
	var (
		wait   sync.WaitGroup
		failed error
		once   sync.Once
	)
	for w := range runtime.NumCPU() {
		wait.Go(func() {
			for i := w; i < c.Pushes; i += runtime.NumCPU() {
				bearer, err := wire.Sign(key, wire.Header{},
					wire.RequestClaims{
						ClientID:    client.String(),
						Nonce:       wire.NewNonce(),
						Timestamp:   wire.MillisOf(time.Now()),
						AccessToken: tokens[i*7919%len(tokens)],
					})
				if err != nil {
					once.Do(func() { failed = err })
					return
				}
				requests[i] = fmt.Appendf(nil,
					"POST /v1.7/permission-access/import HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n"+
						"FileDescriptor: %s\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: "+
						"chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n",
					bearer, descriptor, len(content), content)
			}
		})
	}
	wait.Wait()
	return requests, failed
}

// run sends the requests and measures.
func run(ctx context.Context, c Config, address string, requests [][]byte) (Result, error) {
	before, err := SyncRate(c.Folder)
	if err != nil {
		return Result{}, err
	}
	took := make([]time.Duration, len(requests))
	load := readCPULoad()
	began := time.Now()
	if err := pushAll(ctx, c.Clients, address, requests, took); err != nil {
		return Result{}, err
	}
	all := time.Since(began)
	busy, own := load.since(readCPULoad())
	after, err := SyncRate(c.Folder)
	if err != nil {
		return Result{}, err
	}
	slices.Sort(took)
	at := func(share float64) time.Duration { return took[int(share*float64(len(took)-1))] }
	return Result{
		Pushes:      len(requests),
		Took:        all,
		PerSecond:   float64(len(requests)) / all.Seconds(),
		P50:         at(0.5),
		P99:         at(0.99),
		Max:         at(1),
		SyncsBefore: before,
		SyncsAfter:  after,
		Busy:        busy,
		Own:         own,
		CPUs:        runtime.NumCPU(),
	}, nil
}

// seed creates libraries that each grant one write contract, without hashing passwords,
// and returns their access tokens.
func seed(
	ctx context.Context, clients *library.Clients, database string, ring *seal.Keyring, key *rsa.PrivateKey, n int,
) ([]string, wire.ClientID, error) {
	a, err := clients.AddApplication(ctx, library.Application{Name: "Bench"})
	if err != nil {
		return nil, wire.ClientID{}, err
	}
	k, err := clients.AddContract(ctx, library.Contract{
		Application:  a.ID,
		Access:       library.Write,
		PublicKey:    string(wire.MarshalPublicKey(&key.PublicKey)),
		RedirectURIs: []string{"http://127.0.0.1/callback"},
	})
	if err != nil {
		return nil, wire.ClientID{}, err
	}
	db, err := store.Open(ctx, database)
	if err != nil {
		return nil, wire.ClientID{}, fmt.Errorf("open database: %w", err)
	}
	defer func() { _ = db.Close() }() // everything has been committed
	integrity := library.NewIntegrity(ring, db, time.Now)
	db.SetBinder(integrity)
	tokens := make([]string, n)
	for i := range tokens {
		if tokens[i], err = seedLibrary(ctx, db, integrity, k, i); err != nil {
			return nil, wire.ClientID{}, err
		}
	}
	return tokens, wire.ClientID{Application: a.ID, Contract: k.ID}, nil
}
