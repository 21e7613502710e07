package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/carrelhq/carrel/internal/bench"
)

type benchTransfer struct {
	Files   int      `help:"Files to push, and to read, at once." default:"1"`
	Size    byteSize `help:"Size of each file, with a unit, such as 100MiB." default:"1GiB"`
	Folder  string   `help:"Folder on the disk to measure. Default: the temporary folder." type:"existingdir"`
	Program string   `help:"Carrel program whose server is measured; it may be an older one. Default: this program." type:"existingfile"`
	JSON    bool     `help:"Print JSON."`
}

// Help is what --help adds.
func (benchTransfer) Help() string {
	return `Examples:

  carrel bench transfer --size 1GiB
  carrel bench transfer --files 20 --size 100MiB

The files are pushed and read with the Go SDK, through a server in a process of its own. With more than one file it also
pushes and reads as many at the same time, which counts for the server's memory.`
}

// Run measures and prints.
func (c *benchTransfer) Run(ctx context.Context) error {
	if c.Files < 1 || c.Size < 1 {
		return fmt.Errorf("--files %d, --size %d: give at least one file and one byte", c.Files, c.Size)
	}
	folder, err := os.MkdirTemp(c.Folder, "carrel-bench-*")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if c.Program == "" {
		if c.Program, err = os.Executable(); err != nil {
			return fmt.Errorf("find this program, to start its server: %w", err)
		}
	}
	r, err := bench.Transfer(ctx, bench.TransferConfig{
		Folder: folder, Program: c.Program, Files: c.Files, Size: int64(c.Size),
	}, func(s string) { fmt.Fprintln(os.Stderr, s) })
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(r)
	}
	rate := func(took time.Duration) float64 {
		return float64(r.Files) * float64(r.Size) / (1 << 20) / took.Seconds()
	}
	fmt.Printf("%8.2f s to push %d × %d bytes (%.0f MiB/s)\n", r.Push.Seconds(), r.Files, r.Size, rate(r.Push))
	fmt.Printf("%8.2f s to read them (%.0f MiB/s)\n", r.Read.Seconds(), rate(r.Read))
	if r.Peak > 0 {
		fmt.Printf("%8.1f MiB of memory at most in the server\n", float64(r.Peak)/(1<<20))
	}
	return nil
}
