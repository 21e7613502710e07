package library

import (
	"context"
	"io"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// Blobs stores contents that are too large for the database, as opaque sealed bytes. A key is
// "<library id>/<file id>".
type Blobs interface {
	// Put stores all that r yields under key, in place of what was there. Once it has returned
	// nil, the content survives a crash of the machine. If r fails, nothing is stored and the
	// error is r's.
	Put(ctx context.Context, key string, r io.Reader) (size int64, err error)
	// Open returns ErrNotFound for an unknown key.
	Open(ctx context.Context, key string) (io.ReadCloser, error)
	// Delete removes a blob. An unknown key is no error.
	Delete(ctx context.Context, key string) error
	// List calls f with each key that begins with prefix and the time at which it was stored.
	// It stops at f's first error and returns that. f may delete blobs.
	List(ctx context.Context, prefix string, f func(key string, at time.Time) error) error
}

func blobKey(library ID, file wire.FileName) string { return string(library) + "/" + string(file) }
