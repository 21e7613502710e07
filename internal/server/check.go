package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/carrelhq/carrel/internal/blob"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store"
)

// Check compares everything that is stored with what a server has written. Of the configuration it uses the database,
// the blobs and the master keys, and makes none of them. It calls report with each fault. With allContents it reads the
// large contents as well, whose length alone it compares otherwise.
func Check(
	ctx context.Context,
	c Config,
	allContents bool,
	report func(fault string),
) (summary library.CheckSummary, err error) {
	ring, db, err := openExisting(ctx, c)
	if err != nil {
		return library.CheckSummary{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := os.Stat(c.Blobs); errors.Is(err, fs.ErrNotExist) {
		return library.CheckSummary{}, fmt.Errorf("there is no folder of large contents at %s", c.Blobs)
	}
	blobs, err := blob.OpenDisk(c.Blobs)
	if err != nil {
		return library.CheckSummary{}, err
	}
	defer func() { err = errors.Join(err, blobs.Close()) }()
	checker := &library.Checker{
		Store: db, Blobs: blobs, Keyring: ring, Now: time.Now, AllContents: allContents, Report: report,
		More: []func(context.Context, func(string)) error{
			func(ctx context.Context, report func(string)) error { return delivery.Check(ctx, db, report) },
		},
	}
	return checker.Check(ctx)
}

// CheckActivity compares the activity of a library with a checkpoint that its person has saved. It opens stores as
// [Check] does. It returns [library.ErrNoCheckpoint] for a text that is none.
func CheckActivity(
	ctx context.Context,
	c Config,
	text string,
) (saved library.SavedCheckpoint, result library.ExtendsResult, err error) {
	ring, db, err := openExisting(ctx, c)
	if err != nil {
		return saved, result, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	activity := library.NewActivity(db, library.NewIntegrity(ring, db, time.Now), nil, "")
	if saved, err = activity.ParseCheckpoint(ctx, text); err != nil {
		return saved, result, err
	}
	result, err = activity.CheckExtends(ctx, saved)
	return saved, result, err
}

// openExisting opens the master keyring and the database, and makes neither.
func openExisting(ctx context.Context, c Config) (*seal.Keyring, *store.DB, error) {
	if _, err := os.Stat(c.Keyring); len(c.MasterKeys) == 0 && errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("there is no master keyring at %s", c.Keyring)
	}
	ring, err := openKeyring(c)
	if err != nil {
		return nil, nil, err
	}
	if path := strings.TrimPrefix(c.Database, "sqlite:"); !strings.Contains(path, "://") {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("there is no database at %s", path)
		}
	}
	db, err := store.Open(ctx, c.Database)
	if err != nil {
		return nil, nil, fmt.Errorf("open database: %w", err)
	}
	return ring, db, nil
}
