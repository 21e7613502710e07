package library

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// Sweeper deletes what has expired from the store.
type Sweeper interface {
	// Sweep deletes the nonces, authorization requests, codes, sessions, logins, references and
	// authorizations at providers that have expired, and the seals of expired tokens; a token
	// itself is deleted keepTokens after it has expired, so that it can still be told from an
	// unknown one. It deletes pending accounts at providers that were made a day before now and
	// belong to no request any more, and tokens that could not be revoked for a day. It uses more
	// than one transaction.
	Sweep(ctx context.Context, now time.Time, keepTokens time.Duration) error
}

// keepTokens is how long an expired token is told from an unknown one: its application may use
// it to ask the person again.
const keepTokens = 400 * 24 * time.Hour

// What the sweep of contents waits for, and what stops it.
const (
	// orphanAge is the age from which content without a file is set aside: a push that is under way
	// stores its content before its row.
	orphanAge = 24 * time.Hour
	// setAsideAge is how long content that was set aside is kept.
	setAsideAge = 7 * 24 * time.Hour
	// A crash leaves few contents without a file. If they are more than maxOrphans and more than one
	// in maxOrphanShare of all contents, something else is wrong.
	maxOrphans     = 100
	maxOrphanShare = 100
	// sweepAtOnce is how many contents one sweep sets aside. The next sweep sets more aside.
	sweepAtOnce = 10_000
)

// ErrManyOrphans reports that so many contents have no file that the sweep changes nothing.
var ErrManyOrphans = errors.New("too many contents have no file")

// Sweeping deletes what has expired.
type Sweeping struct {
	People  *People
	Sweeper Sweeper
	Files   FileStore
	Blobs   Blobs
	// Owners know the contents that are not those of files in libraries.
	Owners []ContentOwner
	Now    func() time.Time
	Log    *slog.Logger // nil discards
}

// ContentOwner knows some of the contents of [Blobs].
type ContentOwner interface {
	// Owns reports whether a key is one of its contents.
	Owns(key string) bool
	// HasContent reports whether a content that it owns is still needed, or will be removed by itself.
	HasContent(ctx context.Context, key string) (bool, error)
}

// hasContent asks the owner of a content whether it is still needed. Those of files in libraries have none.
func hasContent(
	ctx context.Context, owners []ContentOwner, key string,
	hasFile func(ctx context.Context, library ID, id wire.FileName) (bool, error),
) (bool, error) {
	for _, o := range owners {
		if o.Owns(key) {
			return o.HasContent(ctx, key)
		}
	}
	owner, file, _ := strings.Cut(key, "/")
	return hasFile(ctx, ID(owner), wire.FileName(file))
}

// SweepExpired deletes the libraries that are due to be deleted, and what has expired in the
// store.
func (s Sweeping) SweepExpired(ctx context.Context) error {
	return errors.Join(s.People.DeleteDue(ctx), s.Sweeper.Sweep(ctx, s.Now(), keepTokens))
}

// SweepBlobs sets aside the contents without a file: a crash leaves such a content if it comes
// between the content and the file's row. After a week it removes them. It puts back what was set
// aside and has a file again, because the database has been restored. It returns ErrManyOrphans,
// and sets aside and removes nothing, if the contents without a file are more than a crash leaves.
func (s Sweeping) SweepBlobs(ctx context.Context) error {
	var r blobSweep
	if err := s.Blobs.ListSetAside(ctx, "", s.eachSetAside(ctx, &r)); err != nil {
		return err
	}
	if err := s.Blobs.List(ctx, "", s.eachBlob(ctx, &r)); err != nil {
		return err
	}
	log := s.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	orphans := r.orphans + r.aside
	if orphans > maxOrphans && orphans > (r.contents+r.aside)/maxOrphanShare {
		log.Error("contents without a file were left where they are: check that the database is the one that belongs "+
			"to this folder of contents, and that it has not lost rows",
			"contents", r.contents, "withoutFile", r.orphans, "setAsideBefore", r.aside, "putBack", r.putBack)
		return fmt.Errorf("%w: %d of %d", ErrManyOrphans, orphans, r.contents+r.aside)
	}
	for _, key := range r.toSetAside {
		if err := s.Blobs.SetAside(ctx, key, s.Now()); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	for _, key := range r.toRemove {
		if err := s.Blobs.DeleteSetAside(ctx, key); err != nil {
			return err
		}
	}
	level := slog.LevelInfo
	if len(r.toSetAside)+len(r.toRemove)+r.putBack > 0 {
		level = slog.LevelWarn
	}
	log.Log(ctx, level, "swept contents", "contents", r.contents, "setAside", len(r.toSetAside),
		"setAsideBefore", r.aside, "putBack", r.putBack, "removed", len(r.toRemove))
	return nil
}

// A blobSweep counts what a sweep finds, and collects what it will do.
type blobSweep struct {
	contents, orphans int // those that are listed, and those of them that have no file
	aside, putBack    int // those that were set aside before

	toSetAside, toRemove []string
}

// eachSetAside puts a content back that has a file again.
func (s Sweeping) eachSetAside(ctx context.Context, r *blobSweep) func(string, time.Time) error {
	return func(key string, at time.Time) error {
		has, err := s.hasFile(ctx, key)
		if err != nil {
			return err
		}
		if has {
			r.putBack++
			if err := s.Blobs.PutBack(ctx, key); err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			return nil
		}
		r.aside++
		if s.Now().Sub(at) >= setAsideAge && len(r.toRemove) < sweepAtOnce {
			r.toRemove = append(r.toRemove, key)
		}
		return nil
	}
}

func (s Sweeping) eachBlob(ctx context.Context, r *blobSweep) func(string, time.Time) error {
	return func(key string, at time.Time) error {
		r.contents++
		if s.Now().Sub(at) < orphanAge {
			return nil
		}
		has, err := s.hasFile(ctx, key)
		if err != nil || has {
			return err
		}
		r.orphans++
		if len(r.toSetAside) < sweepAtOnce {
			r.toSetAside = append(r.toSetAside, key)
		}
		return nil
	}
}

func (s Sweeping) hasFile(ctx context.Context, key string) (bool, error) {
	has, err := hasContent(ctx, s.Owners, key, s.Files.HasFile)
	if err != nil {
		return false, fmt.Errorf("look for the file of blob %s: %w", key, err)
	}
	return has, nil
}
