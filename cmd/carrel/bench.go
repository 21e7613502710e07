package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime/pprof"
	"time"

	"github.com/carrelhq/carrel/internal/bench"
)

type benchCmd struct {
	Clients   int    `help:"Concurrent connections." default:"64"`
	Pushes    int    `help:"Number of pushes; each takes about a millisecond to sign beforehand." default:"20000"`
	Size      int    `help:"Bytes of a push." default:"4096"`
	Libraries int    `help:"Libraries to push into, at random." default:"1000"`
	Folder    string `help:"Folder on the disk to measure. Default: the temporary folder." type:"existingdir"`
	Database  string `help:"postgres://… URL of an empty database. Default: SQLite."`
	Profile   string `help:"Write a CPU profile of seeding, signing and pushing to this file." type:"path"`
	JSON      bool   `help:"Print JSON."`
}

// Help is what --help adds.
func (benchCmd) Help() string {
	return `Example:

  carrel bench --clients 64 --size 4096

A push counts when it has been answered, and so is on the disk. Client and server share the
processors of this machine. The rate of the disk itself is measured right before and after.`
}

// Run measures and prints.
func (c *benchCmd) Run(ctx context.Context) error {
	folder, err := os.MkdirTemp(c.Folder, "carrel-bench-*")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	tune(c.Database)
	if c.Profile != "" {
		f, err := os.Create(c.Profile)
		if err != nil {
			return fmt.Errorf("make profile: %w", err)
		}
		defer func() { _ = f.Close() }()
		if err := pprof.StartCPUProfile(f); err != nil {
			return fmt.Errorf("start profile: %w", err)
		}
		defer pprof.StopCPUProfile()
	}
	r, err := bench.Push(ctx, bench.Config{Folder: folder, Database: c.Database, Clients: c.Clients, Pushes: c.Pushes,
		Size: c.Size, Libraries: c.Libraries}, func(s string) { fmt.Fprintln(os.Stderr, s) })
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	fmt.Printf("%8.0f durable pushes a second (%d of %d bytes from %d connections in %.1f s)\n",
		r.PerSecond, r.Pushes, c.Size, c.Clients, r.Took.Seconds())
	fmt.Printf("%8.1f ms median, %.1f ms p99, %.1f ms longest\n", ms(r.P50), ms(r.P99), ms(r.Max))
	fmt.Printf("%8.0f serial fsyncs a second on this disk before, %.0f after: %.1f pushes per such sync\n",
		r.SyncsBefore, r.SyncsAfter, 2*r.PerSecond/(r.SyncsBefore+r.SyncsAfter))
	fmt.Printf("%8.0f %% of %d processors busy, %.2f of them with this (client and server)\n",
		100*r.Busy, r.CPUs, r.Own)
	return nil
}
