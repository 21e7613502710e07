package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/carrelhq/carrel/internal/blob"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store"
)

type checkCmd struct {
	stores
	All bool `help:"Read every large content as well, and compare its hash; otherwise its length."`
}

// Help is what --help adds.
func (checkCmd) Help() string {
	return `Compares what is stored with what the server has written: the activity of every library, the
binding of its key, every file with the line of its arrival, contents, and deliveries. A server may run
meanwhile. Example:

  carrel check --data /var/lib/carrel --master-key-file /etc/carrel/master.key

It prints "all is well", or a line for each fault and exits with 1.`
}

// Run checks everything.
func (c *checkCmd) Run(ctx context.Context) error {
	ring, err := c.existingKeyring()
	if err != nil {
		return err
	}
	db, err := c.existingDatabase(ctx)
	if err != nil {
		return err
	}
	blobs, err := c.existingBlobs()
	if err != nil {
		return errors.Join(err, db.Close())
	}
	checker := &library.Checker{
		Store: db, Blobs: blobs, Keyring: ring, Now: time.Now, AllContents: c.All,
		Report: func(fault string) { fmt.Println(fault) },
		More: []func(context.Context, func(string)) error{
			func(ctx context.Context, report func(string)) error { return delivery.Check(ctx, db, report) },
		},
	}
	summary, err := checker.Check(ctx)
	if err = errors.Join(err, db.Close(), blobs.Close()); err != nil {
		return err
	}
	fmt.Printf("%d libraries, %d files, %d lines of activity\n", summary.Libraries, summary.Files, summary.Events)
	if summary.Older > 0 {
		fmt.Printf("%d files are older than the hashes in the activity: only their presence and length were compared\n",
			summary.Older)
	}
	if summary.NotAdopted {
		fmt.Println("no server of this version has been started on this database: the keys of its libraries " +
			"were not compared")
	}
	if summary.Faults > 0 {
		return fmt.Errorf("%d faults", summary.Faults)
	}
	fmt.Println("all is well")
	return nil
}

// existingKeyring opens the master keyring and never makes one.
func (s *stores) existingKeyring() (*seal.Keyring, error) {
	if text := os.Getenv("CARREL_MASTER_KEYS"); text != "" {
		return seal.ParseKeyring([]byte(text))
	}
	if _, err := os.Stat(s.masterKeyFile()); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no master keyring at %s", s.masterKeyFile())
	}
	return seal.OpenKeyring(s.masterKeyFile())
}

// existingDatabase opens the database and never makes one.
func (s *stores) existingDatabase(ctx context.Context) (*store.DB, error) {
	if path := strings.TrimPrefix(s.database(), "sqlite:"); !strings.Contains(path, "://") {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("there is no database at %s", path)
		}
	}
	db, err := store.Open(ctx, s.database())
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return db, nil
}

// existingBlobs opens the folder of large contents and never makes one.
func (s *stores) existingBlobs() (*blob.Disk, error) {
	path := filepath.Join(s.Data, "blobs")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no folder of large contents at %s", path)
	}
	return blob.OpenDisk(path)
}
