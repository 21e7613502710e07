package library

import (
	"context"
	"errors"
	"fmt"
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

// orphanAge is the age from which content without a file is deleted: a push that is under way
// stores its content before its row.
const orphanAge = 24 * time.Hour

// Sweeping deletes what has expired.
type Sweeping struct {
	People  *People
	Sweeper Sweeper
	Files   FileStore
	Blobs   Blobs
	Now     func() time.Time
}

// SweepExpired deletes the libraries that are due to be deleted, and what has expired in the
// store.
func (s Sweeping) SweepExpired(ctx context.Context) error {
	return errors.Join(s.People.DeleteDue(ctx), s.Sweeper.Sweep(ctx, s.Now(), keepTokens))
}

// SweepBlobs deletes contents without a file: a crash leaves such a content if it comes between
// the content and the file's row.
func (s Sweeping) SweepBlobs(ctx context.Context) error {
	return s.Blobs.List(ctx, "", func(key string, at time.Time) error {
		if s.Now().Sub(at) < orphanAge {
			return nil
		}
		owner, file, _ := strings.Cut(key, "/")
		has, err := s.Files.HasFile(ctx, ID(owner), wire.FileName(file))
		if err != nil {
			return fmt.Errorf("look for the file of blob %s: %w", key, err)
		}
		if has {
			return nil
		}
		return s.Blobs.Delete(ctx, key)
	})
}
