package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// Disk keeps blobs in a folder, each in a file of its own in a folder of its
// library. It is safe for concurrent use.
//
// A blob is written under a temporary name, synced, and renamed; then its folder is
// synced. So a name that is there has all of its content, and has it for good. What
// a crash leaves is a temporary, which Sweep removes.
type Disk struct {
	root   *os.Root
	making sync.Mutex // held while a library's folder is made or removed

	// passed is called after each step of a Put; tests crash there.
	passed func(step)
}

var _ library.Blobs = (*Disk)(nil)

// A step is a part of Put after which a crash must do no harm.
type step string

const (
	stepFolder  step = "folder"
	stepCreate  step = "create"
	stepWrite   step = "write"
	stepSync    step = "sync"
	stepRename  step = "rename"
	stepVisible step = "visible"
)

const (
	// bufferSize gives the disk long writes, and twenty pushes at once little memory.
	bufferSize = 128 << 10
	// A write-back is begun each time so much has been written: left to itself, the
	// system begins when there is much more, and the sync waits for all of it.
	writeBackAfter = 16 << 20
	// temporary stands in the names of temporaries and in no key.
	temporary = "~"
)

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// OpenDisk opens the folder at path, which is made if it is not there. Nothing
// outside it is ever touched, whatever a key says.
func OpenDisk(path string) (*Disk, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	d := &Disk{root: root, passed: func(step) {}}
	// A crash may have come between the making of a folder and its sync.
	if err := errors.Join(d.sync("."), syncFolder(filepath.Dir(path))); err != nil {
		return nil, errors.Join(fmt.Errorf("open blobs: %w", err), root.Close())
	}
	return d, nil
}

// Close closes the folder. Blobs that are open stay so.
func (d *Disk) Close() error { return d.root.Close() }

// Put stores everything that r gives.
func (d *Disk) Put(ctx context.Context, key string, r io.Reader) (size int64, err error) {
	folder, ok := folderOf(key)
	if !ok {
		return 0, fmt.Errorf("put blob: %q is no key", key)
	}
	name := key + temporary + wire.RandomAlphanumeric(12)
	f, err := d.create(folder, name)
	if err != nil {
		return 0, fmt.Errorf("put blob: %w", err)
	}
	d.passed(stepCreate)
	size, err = d.fill(ctx, f, r)
	if err == nil {
		err = d.publish(folder, name, key)
	}
	if err != nil {
		_ = d.root.Remove(name) // gone already if it was renamed; else Sweep's work
		return 0, err
	}
	return size, nil
}

// create makes a new file, and its folder if need be.
func (d *Disk) create(folder, name string) (*os.File, error) {
	d.making.Lock()
	defer d.making.Unlock()
	switch err := d.root.Mkdir(folder, 0o700); {
	case err == nil:
		// Under the lock: whoever finds the folder there finds it there for good.
		if err := d.sync("."); err != nil {
			return nil, err
		}
	case !errors.Is(err, fs.ErrExist):
		return nil, err
	}
	d.passed(stepFolder)
	return d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// fill writes everything that r gives to f, syncs it and closes it.
func (d *Disk) fill(ctx context.Context, f *os.File, r io.Reader) (size int64, err error) {
	defer func() {
		if closed := f.Close(); err == nil && closed != nil {
			err = fmt.Errorf("put blob: %w", closed)
		}
	}()
	buffer := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buffer)
	var begun int64 // how much is on its way to the disk
	for readErr := error(nil); readErr == nil; {
		var n int
		// Not io.ReadFull: it does not tell a reader's io.ErrUnexpectedEOF, which says
		// that content is missing, from its own.
		for n < len(buffer) && readErr == nil {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			var read int
			read, readErr = r.Read(buffer[n:])
			n += read
		}
		if readErr != nil && readErr != io.EOF { //nolint:errorlint // an error that wraps EOF is no good end
			return 0, readErr
		}
		if _, err := f.Write(buffer[:n]); err != nil {
			return 0, fmt.Errorf("put blob: %w", err)
		}
		if size += int64(n); size-begun >= writeBackAfter {
			beginWriteBack(f, begun, size-begun)
			begun = size
		}
	}
	d.passed(stepWrite)
	if err := f.Sync(); err != nil {
		return 0, fmt.Errorf("put blob: %w", err)
	}
	d.passed(stepSync)
	return size, nil
}

// publish gives a finished temporary its name.
func (d *Disk) publish(folder, name, key string) error {
	if err := d.root.Rename(name, key); err != nil {
		return fmt.Errorf("put blob: %w", err)
	}
	d.passed(stepRename)
	if err := d.sync(folder); err != nil {
		return fmt.Errorf("put blob: %w", err)
	}
	d.passed(stepVisible)
	return nil
}

// Open opens a blob for reading.
func (d *Disk) Open(_ context.Context, key string) (io.ReadCloser, error) {
	if _, ok := folderOf(key); !ok {
		return nil, fmt.Errorf("open blob %q: %w", key, library.ErrNotFound)
	}
	f, err := d.root.Open(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open blob %q: %w", key, library.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("open blob: %w", err)
	}
	return f, nil
}

// Delete removes a blob, if it is there, and its library's folder with the last one.
func (d *Disk) Delete(_ context.Context, key string) error {
	folder, ok := folderOf(key)
	if !ok {
		return nil
	}
	if err := d.root.Remove(key); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete blob: %w", err)
	}
	d.making.Lock()
	defer d.making.Unlock()
	_ = d.root.Remove(folder) // refused while it holds anything
	return nil
}

// List calls f with each blob whose key begins with prefix.
func (d *Disk) List(ctx context.Context, prefix string, f func(key string, at time.Time) error) error {
	return d.walk(ctx, func(name string, info fs.FileInfo) error {
		if strings.Contains(name, temporary) || !strings.HasPrefix(name, prefix) {
			return nil
		}
		return f(name, info.ModTime().UTC())
	})
}

// Sweep removes the temporaries last written to before olderThan.
func (d *Disk) Sweep(ctx context.Context, olderThan time.Time) error {
	return d.walk(ctx, func(name string, info fs.FileInfo) error {
		if !strings.Contains(name, temporary) || !info.ModTime().Before(olderThan) {
			return nil
		}
		if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sweep blobs: %w", err)
		}
		return nil
	})
}

// folderOf is the folder of a key's library. It is false for what is not two names
// with a slash between them.
func folderOf(key string) (string, bool) {
	folder, name, ok := strings.Cut(key, "/")
	return folder, ok && wire.ValidName(folder) && wire.ValidName(name)
}

// sync makes what has happened in a folder durable.
func (d *Disk) sync(folder string) error {
	if runtime.GOOS == "windows" {
		return nil // a folder cannot be synced there
	}
	f, err := d.root.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil // a folder cannot be synced there
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
