package library

import (
	"context"
	"io"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// Blobs stores contents that are too large for the database, as opaque encrypted bytes. A key is
// "<library id>/<file id>", or has the folder of another owner of contents in place of the library.
type Blobs interface {
	// Put stores all that r yields under key, in place of what was there. Once it has returned
	// nil, the content survives a crash of the machine. If r fails, nothing is stored and the
	// error is r's.
	Put(ctx context.Context, key string, r io.Reader) (size int64, err error)
	// Open returns ErrNotFound for an unknown key. A blob that was set aside is put back and opened.
	Open(ctx context.Context, key string) (io.ReadCloser, error)
	// Delete removes a blob, also one that was set aside. An unknown key is no error.
	Delete(ctx context.Context, key string) error
	// List calls f with each key that begins with prefix and the time at which it was stored.
	// It stops at f's first error and returns that. f may delete blobs and set them aside.
	List(ctx context.Context, prefix string, f func(key string, at time.Time) error) error

	// SetAside moves a blob to where List does not find it, and records at as the time of that. It
	// returns ErrNotFound for an unknown key.
	SetAside(ctx context.Context, key string, at time.Time) error
	// PutBack undoes SetAside. It returns ErrNotFound if no blob with that key was set aside.
	PutBack(ctx context.Context, key string) error
	// ListSetAside is List for what was set aside, with the time of that. f may put blobs back and
	// delete them.
	ListSetAside(ctx context.Context, prefix string, f func(key string, at time.Time) error) error
	// DeleteSetAside removes a blob that was set aside, and never one that was put back. An unknown
	// key is no error.
	DeleteSetAside(ctx context.Context, key string) error
}

func blobKey(library ID, file wire.FileName) string { return string(library) + "/" + string(file) }
