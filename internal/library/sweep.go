package library

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// keepTokens is how long an expired token is still told from an unknown one: its
// application may use it to ask the person again.
const keepTokens = 400 * 24 * time.Hour

// orphanAge is how old content without a file must be to be swept: a push that is
// under way has its content stored before its row.
const orphanAge = 24 * time.Hour

// Housekeeping forgets what has had its time.
type Sweeping struct {
	People  *People
	Sweeper Sweeper
	Files   FileStore
	Blobs   Blobs
	Now     func() time.Time
}

// Tidy forgets expired links, codes, sessions, logins and nonces, and deletes
// libraries whose time of waiting is over.
func (h Sweeping) SweepExpired(ctx context.Context) error {
	return errors.Join(h.People.DeleteDue(ctx), h.Sweeper.Sweep(ctx, h.Now(), keepTokens))
}

// SweepBlobs deletes contents that no file names, as a crash between the two leaves
// them.
func (h Sweeping) SweepBlobs(ctx context.Context) error {
	return h.Blobs.List(ctx, "", func(key string, at time.Time) error {
		if h.Now().Sub(at) < orphanAge {
			return nil
		}
		library, file, _ := strings.Cut(key, "/")
		has, err := h.Files.HasFile(ctx, ID(library), wire.FileName(file))
		if err != nil {
			return fmt.Errorf("look for the file of blob %s: %w", key, err)
		}
		if has {
			return nil
		}
		return h.Blobs.Delete(ctx, key)
	})
}
