package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/pprof"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/bench"
	"github.com/carrelhq/carrel/internal/demo"
)

type benchCmd struct {
	Push     benchPush     `cmd:"" help:"Push files into libraries."`
	Read     benchRead     `cmd:"" help:"Read files, without decrypting them."`
	Exchange benchExchange `cmd:"" help:"Exchange authorization codes for tokens, each a code of its own."`
	Refresh  benchRefresh  `cmd:"" help:"Refresh access tokens, each with a refresh token of its own."`
	List     benchList     `cmd:"" help:"List files: pages of a person's list, or whole lists of a session."`
	Mixed    benchMixed    `cmd:"" help:"Push (70 %), read (20 %), list (5 %) and refresh (5 %) at once."`

	Transfer   benchTransfer   `cmd:"" help:"Push and read large files with the Go SDK, through a server of its own process."`
	Put        benchPut        `cmd:"" help:"Upload to another server by PUT, to compare it."`
	S3         benchS3         `cmd:"" name:"s3" help:"Upload into a bucket of an S3 server, to compare it."`
	PocketBase benchPocketBase `cmd:"" name:"pocketbase" help:"Upload to a server of PocketBase, to compare it."`
}

// Help is what --help adds.
func (benchCmd) Help() string {
	return `Examples:

  carrel bench push --clients 64 --size 4096
  carrel bench list --files 1000000 --largest 100000 --keep /var/tmp/million
  carrel bench mixed --rate 500 --requests 20000

Each starts a server of its own on this machine, so client and server share the processors. With --server they load one
that runs already. Requests are made and signed beforehand.

Without --rate each connection sends its next request once the last one is answered (a closed loop). With --rate
requests start by a fixed schedule (an open loop), and each counts from when it was to start: the wait for a free
connection is part of its latency.

A request that is refused, or not answered as it should be, counts as failed, and the command then fails.

put, s3 and pocketbase load other servers in the same way: docs/benchmarks.md compares them.`
}

// benchLoad are the flags of every measurement.
type benchLoad struct {
	Clients  int     `help:"Concurrent connections." default:"64"`
	Requests int     `help:"Number of requests in all; those of Carrel take about a millisecond each to sign beforehand." default:"20000"`
	Rate     float64 `help:"Requests that start in a second. Default: each once a connection is free."`
	Folder   string  `help:"Folder on the disk to measure. Default: the temporary folder." type:"existingdir"`
	Profile  string  `help:"Write a CPU profile of this process, with what it prepares, to this file." type:"path"`
	JSON     bool    `help:"Print JSON."`
}

func (l benchLoad) load() bench.Load {
	return bench.Load{Clients: l.Clients, Requests: l.Requests, Rate: l.Rate, Folder: l.Folder}
}

// run measures and prints. It returns an error if a request has failed.
func (l benchLoad) run(measure func(progress func(string)) (bench.Result, error)) error {
	if l.Profile != "" {
		f, err := os.Create(l.Profile)
		if err != nil {
			return fmt.Errorf("make profile: %w", err)
		}
		defer func() { _ = f.Close() }()
		if err := pprof.StartCPUProfile(f); err != nil {
			return fmt.Errorf("start profile: %w", err)
		}
		defer pprof.StopCPUProfile()
	}
	r, err := measure(func(s string) { fmt.Fprintln(os.Stderr, s) })
	if err != nil {
		return err
	}
	if l.JSON {
		err = printJSON(r)
	} else {
		l.print(r)
	}
	return errors.Join(err, r.Err())
}

func (l benchLoad) print(r bench.Result) {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	latency := func(l bench.Latency) string {
		return fmt.Sprintf("%.1f ms median, %.1f ms p90, %.1f ms p99, %.1f ms p99.9, %.1f ms longest",
			ms(l.P50), ms(l.P90), ms(l.P99), ms(l.P999), ms(l.Max))
	}
	fmt.Printf("%8.0f requests a second (%s: %d from %d connections in %.1f s)\n",
		r.PerSecond, r.Scenario, r.Requests, l.Clients, r.Took.Seconds())
	if r.BytesPerSecond > 0 {
		fmt.Printf("%8.1f MiB of content a second\n", r.BytesPerSecond/(1<<20))
	}
	fmt.Printf("%8s %s\n", "", latency(r.Latency))
	for _, kind := range []string{"push", "read", "list", "refresh"} {
		if k, ok := r.Kinds[kind]; ok {
			fmt.Printf("%8s %d, %.0f a second: %s\n", kind, k.Requests, k.PerSecond, latency(k.Latency))
		}
	}
	whose := "client and server"
	if r.Server != "" {
		whose = "the client alone: the server is another process"
	}
	m := r.Machine
	fmt.Printf("%8.0f µs of processor time for each request (%s)\n",
		float64(r.CPUPerRequest.Nanoseconds())/1000, whose)
	fmt.Printf("%8.0f %% of %d processors busy, %.2f of them with this process; load average before %.2f\n",
		100*m.Busy, m.CPUs, m.Own, m.LoadAverage)
	fmt.Printf("%8.0f serial fsyncs a second on this disk before, %.0f after: %.1f requests for each\n",
		m.SyncsBefore, m.SyncsAfter, 2*r.PerSecond/(m.SyncsBefore+m.SyncsAfter))
	fmt.Printf("%8.0f RSA signatures a second of one processor\n", m.Signatures)
}

// benchCarrel are the flags of the measurements of a Carrel.
type benchCarrel struct {
	benchLoad
	Libraries   int      `help:"Libraries that the requests are for, at random." default:"1000"`
	Size        byteSize `help:"Size of a file, such as 4096, 64KiB or 1GiB." default:"4096"`
	Files       int      `help:"Files that there are at the beginning, in all. Default: what the measurement needs."`
	Largest     int      `help:"How many of these files are in one library. Default: as many as in the others."`
	Database    string   `help:"postgres://… URL of an empty database. Default: SQLite."`
	Keep        string   `help:"Folder in which the server's data stays: a later run uses it as it is. Default: a temporary one." type:"path"`
	Server      string   `help:"URL of a server that runs already, in place of one that the command starts."`
	Credentials []string `help:"Credentials files for --server, as carrel demo --credentials writes them; carrel client authorize makes the tokens beside them." sep:"none"`
}

// measure runs one of the measurements, with settings that only some have.
func (c benchCarrel) measure(
	ctx context.Context, f func(context.Context, bench.Config, func(string)) (bench.Result, error),
	set ...func(*bench.Config),
) error {
	tune(c.Database)
	config := bench.Config{
		Load: c.load(), Size: int(c.Size), Libraries: c.Libraries, Files: c.Files, Largest: c.Largest,
		Database: c.Database, Keep: c.Keep, Server: c.Server,
	}
	for _, path := range c.Credentials {
		list, err := readBenchCredentials(path)
		if err != nil {
			return err
		}
		config.Credentials = append(config.Credentials, list...)
	}
	for _, s := range set {
		s(&config)
	}
	return c.run(func(progress func(string)) (bench.Result, error) { return f(ctx, config, progress) })
}

// readBenchCredentials returns the contracts of a credentials file that somebody has agreed to.
func readBenchCredentials(path string) ([]bench.Credential, error) {
	file, err := demo.ReadCredentials(path)
	if err != nil {
		return nil, err
	}
	var list []bench.Credential
	for name, access := range map[string]string{
		demo.WriteContract: wire.AccessWrite, demo.ReadContract: wire.AccessRead,
	} {
		k, ok := file.Contracts[name]
		if !ok {
			continue
		}
		conn, err := (&credentials{Credentials: path}).connect(name)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(conn.tokens(conn.contract.ID())); errors.Is(err, fs.ErrNotExist) {
			continue // nobody has agreed yet
		}
		user, err := conn.user()
		if err != nil {
			return nil, err
		}
		key, err := wire.ParsePrivateKey([]byte(k.PrivateKey))
		if err != nil {
			return nil, fmt.Errorf("%s: the key of contract %s: %w", path, name, err)
		}
		list = append(list, bench.Credential{
			Client: wire.ClientID{Application: file.ApplicationID, Contract: k.ContractID},
			Key:    key, Access: access, User: user,
		})
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("nobody has agreed to a contract of %s yet: run carrel client authorize first", path)
	}
	return list, nil
}

type benchPush struct {
	benchCarrel
	Rare     bool `help:"Push into a library of its own each time, as where each library gets a file a minute at most."`
	SealEach bool `help:"Seal each small file by itself, as the server's setting of that name does."`
}

// Help is what --help adds.
func (benchPush) Help() string {
	return `A push counts when it has been answered, and so is on the disk. All have the same content, which is
held in memory once.`
}

// Run measures and prints.
func (c *benchPush) Run(ctx context.Context) error {
	return c.measure(ctx, bench.Push, func(b *bench.Config) { b.EachOnce, b.SealEach = c.Rare, c.SealEach })
}

type benchRead struct{ benchCarrel }

// Run measures and prints.
func (c *benchRead) Run(ctx context.Context) error { return c.measure(ctx, bench.Read) }

type benchExchange struct{ benchCarrel }

// Run measures and prints.
func (c *benchExchange) Run(ctx context.Context) error { return c.measure(ctx, bench.Exchange) }

type benchRefresh struct{ benchCarrel }

// Run measures and prints.
func (c *benchRefresh) Run(ctx context.Context) error { return c.measure(ctx, bench.Refresh) }

type benchList struct {
	benchCarrel
	Session bool `help:"List all files of a library as an application does, in a session."`
}

// Help is what --help adds.
func (benchList) Help() string {
	return `With --largest the lists are those of the largest library.`
}

// Run measures and prints.
func (c *benchList) Run(ctx context.Context) error {
	return c.measure(ctx, bench.List, func(b *bench.Config) { b.Session = c.Session })
}

type benchMixed struct{ benchCarrel }

// Run measures and prints.
func (c *benchMixed) Run(ctx context.Context) error { return c.measure(ctx, bench.Mixed) }
