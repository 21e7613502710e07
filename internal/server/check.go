package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/carrelhq/carrel/internal/blob"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/storage"
	"github.com/carrelhq/carrel/internal/store"
)

// ErrNotClosed reports that everything was compared, and that the database could not be closed cleanly afterwards, for
// example because the disk is full.
var ErrNotClosed = errors.New("the database was compared, and then not closed cleanly")

// CheckOptions say what a check does beside comparing.
type CheckOptions struct {
	// AllContents reads every large content, and otherwise only its length.
	AllContents bool
	// Recount makes the usage of libraries right where it differs from their files.
	Recount bool
}

// CheckStored compares what is stored with what the server has written, and calls report with each fault. Servers may
// run meanwhile. The summary is valid also with an error that matches [ErrNotClosed].
func CheckStored(ctx context.Context, c Config, o CheckOptions, report func(fault string)) (_ library.CheckSummary,
	err error,
) {
	if _, err := os.Stat(c.Blobs); err != nil && !errors.Is(err, fs.ErrPermission) { // OpenDisk would make it
		return library.CheckSummary{}, fmt.Errorf(
			"there is no folder of large contents at %q: check --data (CARREL_DATA)", c.Blobs)
	}
	ring, db, err := openAll(ctx, c)
	if err != nil {
		return library.CheckSummary{}, err
	}
	defer func() {
		closed := db.Close()
		if err == nil && closed != nil {
			closed = fmt.Errorf("%w: %w", ErrNotClosed, closed)
		}
		err = errors.Join(err, closed)
	}()
	blobs, err := blob.OpenDisk(c.Blobs)
	if err != nil {
		return library.CheckSummary{}, fmt.Errorf("open blobs: %w", err)
	}
	defer func() { err = errors.Join(err, blobs.Close()) }()
	storages := &storage.Checker{Store: db, Blobs: blobs, Now: time.Now, AllContents: o.AllContents}
	adopted, err := isAdopted(ctx, ring, db)
	if err != nil {
		return library.CheckSummary{}, err
	}
	if adopted {
		storages.Integrity = library.NewIntegrity(ring, db, time.Now)
	}
	checker := &library.Checker{
		Store: db, Blobs: blobs, Owners: []library.ContentOwner{storage.Contents{Store: db}}, Keyring: ring,
		Now: time.Now, AllContents: o.AllContents, Recount: o.Recount, Report: report,
		More: []func(context.Context, func(string)) error{
			func(ctx context.Context, report func(string)) error { return delivery.Check(ctx, db, report) },
			storages.Check,
			func(ctx context.Context, report func(string)) error {
				if !adopted { // no server has given the boxes their owners yet
					return nil
				}
				return checkBoxes(ctx, ring, db, o.AllContents, report)
			},
		},
	}
	return checker.Check(ctx)
}

// logAdditions logs what somebody has added to the database to change rows behind the server's back. The server starts
// nevertheless: an operator may have a view of their own.
func logAdditions(ctx context.Context, log *slog.Logger, db *store.DB) error {
	additions, err := db.ListAdditions(ctx)
	for _, a := range additions {
		log.ErrorContext(ctx, "the database has something that is not of this program, and may change what is stored "+
			"or read", "addition", a)
	}
	return err
}

// isAdopted reports whether rows without their bindings are faults. They are if the record of the adoption is forged,
// which the check of the libraries reports.
func isAdopted(ctx context.Context, ring *seal.Keyring, db *store.DB) (bool, error) {
	adopted, err := library.NewIntegrity(ring, db, time.Now).IsAdopted(ctx, db)
	if errors.Is(err, library.ErrAdoptionForged) {
		return true, nil
	}
	return adopted || ring.Adopted() >= int(library.NewestAdoption), err
}

// checkKeyring returns an error if no key of the keyring has sealed anything in the database, and others have: with
// the keyring of another database everything would seem to have been tampered with.
func checkKeyring(ctx context.Context, c Config, ring *seal.Keyring, db *store.DB) error {
	uses, err := keyUses(ctx, ring, db)
	if err != nil {
		return err
	}
	others := 0
	for _, u := range uses {
		if u.Known && u.Total() > 0 {
			return nil
		}
		others += u.Total()
	}
	if others == 0 {
		return nil
	}
	i := installation{config: c}
	return fmt.Errorf("%s is not the one of this database: it opens none of the server's secrets. Nothing was "+
		"compared. Check --master-key-file and --database, or restore the keyring from its backup", i.nameOfKeyring())
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

// openAll opens the keyring and the database, which have to exist and to belong together.
func openAll(ctx context.Context, c Config) (*seal.Keyring, *store.DB, error) {
	ring, db, err := openKeys(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	if ring == nil {
		return nil, nil, errors.Join(
			fmt.Errorf("there is no master keyring at %s: check --master-key-file", c.Keyring), db.Close())
	}
	if err := checkKeyring(ctx, c, ring, db); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return ring, db, nil
}
