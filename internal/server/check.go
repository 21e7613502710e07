package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/carrelhq/carrel/internal/blob"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store"
)

// CheckStored compares what is stored with what the server has written, and calls report with each fault. If
// allContents is set, it reads every large content, and otherwise only its length. Servers may run meanwhile.
func CheckStored(ctx context.Context, c Config, allContents bool, report func(fault string)) (_ library.CheckSummary,
	err error,
) {
	if _, err := os.Stat(c.Blobs); err != nil { // OpenDisk would make it
		return library.CheckSummary{}, fmt.Errorf(
			"there is no folder of large contents at %q: check --data (CARREL_DATA)", c.Blobs)
	}
	ring, db, err := openAll(ctx, c)
	if err != nil {
		return library.CheckSummary{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	blobs, err := blob.OpenDisk(c.Blobs)
	if err != nil {
		return library.CheckSummary{}, fmt.Errorf("open blobs: %w", err)
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

// CheckpointResult says whether an activity extends a checkpoint.
type CheckpointResult struct {
	Saved library.SavedCheckpoint
	library.ExtendsResult
}

// VerifyCheckpoint compares a library's activity with a checkpoint that its person has saved.
func VerifyCheckpoint(ctx context.Context, c Config, checkpoint string) (r CheckpointResult, err error) {
	ring, db, err := openAll(ctx, c)
	if err != nil {
		return CheckpointResult{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	integrity := library.NewIntegrity(ring, db, time.Now)
	if adopted, err := integrity.IsAdopted(ctx, db); err != nil || !adopted {
		return CheckpointResult{}, errors.Join(err, errors.New("no server of this version has started on the database "+
			"yet: start it once, and run the command again"))
	}
	activity := library.NewActivity(db, integrity, nil, "")
	if r.Saved, err = activity.ParseCheckpoint(ctx, checkpoint); err != nil {
		return CheckpointResult{}, err
	}
	r.ExtendsResult, err = activity.CheckExtends(ctx, r.Saved)
	return r, err
}

// openAll opens the keyring and the database, which have to exist.
func openAll(ctx context.Context, c Config) (*seal.Keyring, *store.DB, error) {
	ring, db, err := openKeys(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	if ring == nil {
		return nil, nil, errors.Join(
			fmt.Errorf("there is no master keyring at %s: check --master-key-file", c.Keyring), db.Close())
	}
	return ring, db, nil
}
