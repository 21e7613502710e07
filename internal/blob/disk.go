package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// Disk stores blobs in a folder: each blob in a file of its own, in a folder of its
// library. What was set aside is in the same way in the folder "set-aside". It is safe for
// concurrent use.
//
// A blob is written to a temporary file, synced and renamed; then its folder is synced.
// So a blob that can be opened is complete and durable. A crash leaves at most a
// temporary file, which Sweep removes.
//
// If the folder is moved away while it is open, or another is mounted over it, it is still read, and nothing is
// written or deleted any more.
type Disk struct {
	root     *os.Root
	place    folderPlace
	folderMu sync.Mutex // held while a library's folder is created or removed

	// afterStep is called after each step of Put. Tests crash there.
	afterStep func(putStep)
}

var _ library.Blobs = (*Disk)(nil)

// A putStep is a part of Put after which a crash must do no harm.
type putStep string

const (
	stepFolder  putStep = "folder"
	stepCreate  putStep = "create"
	stepWrite   putStep = "write"
	stepSync    putStep = "sync"
	stepRename  putStep = "rename"
	stepVisible putStep = "visible"
)

const (
	// bufferSize is large enough for long writes and small enough for many pushes at
	// once.
	bufferSize = 128 << 10
	// A write-back is started after this many bytes. Without it the system starts
	// later, and the sync waits longer.
	writeBackAfter = 16 << 20
	// temporaryMark is a part of the names of temporary files and of no key.
	temporaryMark = "~"
	// setAsideFolder is the folder of what was set aside. No library has that name.
	setAsideFolder = "set-aside"
)

var bufferPool = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// OpenDisk opens a folder, and creates it if it does not exist. No key leads to a file
// outside of it.
func OpenDisk(folder string) (*Disk, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("open blobs: %w", explain(err))
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("open blobs: %w", explain(err))
	}
	d := &Disk{root: root, afterStep: func(putStep) {}}
	d.place, err = placeOf(folder, root)
	// A crash may have come between the creation of a folder and its sync.
	if err := errors.Join(err, d.syncFolder("."), syncPath(filepath.Dir(folder))); err != nil {
		return nil, errors.Join(fmt.Errorf("open blobs: %w", explain(err)), root.Close())
	}
	return d, nil
}

// Close closes the folder. Open blobs stay open.
func (d *Disk) Close() error { return d.root.Close() }

// Put stores everything that r returns.
func (d *Disk) Put(ctx context.Context, key string, r io.Reader) (size int64, err error) {
	folder, ok := folderOfKey(key)
	if !ok {
		return 0, fmt.Errorf("put blob: %q is no key", key)
	}
	if err := d.Check(); err != nil {
		return 0, fmt.Errorf("put blob: %w", err)
	}
	name := key + temporaryMark + wire.RandomAlphanumeric(12)
	f, err := d.create(folder, name)
	if err != nil {
		return 0, fmt.Errorf("put blob: %w", explain(err))
	}
	d.afterStep(stepCreate)
	size, err = d.writeAll(ctx, f, r)
	if err == nil {
		err = d.publish(folder, name, key)
	}
	if err != nil {
		_ = d.root.Remove(name) // It no longer exists if it was renamed. If this fails, Sweep removes it.
		return 0, err
	}
	return size, nil
}

// create creates a file, and its folder if it does not exist.
func (d *Disk) create(folder, name string) (*os.File, error) {
	d.folderMu.Lock()
	defer d.folderMu.Unlock()
	if err := d.makeFolder(folder); err != nil {
		return nil, err
	}
	d.afterStep(stepFolder)
	return d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// makeFolder makes a folder if it does not exist. The caller holds folderMu, so that a
// caller that finds the folder finds a durable one.
func (d *Disk) makeFolder(folder string) error {
	switch err := d.root.Mkdir(folder, 0o700); {
	case err == nil:
		return d.syncFolder(path.Dir(folder))
	case errors.Is(err, fs.ErrExist):
		return nil
	default:
		return err
	}
}

// writeAll writes everything that r returns to f, syncs it and closes it.
func (d *Disk) writeAll(ctx context.Context, file *os.File, r io.Reader) (size int64, err error) {
	defer func() {
		if closed := file.Close(); err == nil && closed != nil {
			err = fmt.Errorf("put blob: %w", explain(closed))
		}
	}()
	buffer := bufferPool.Get().(*[bufferSize]byte)
	defer bufferPool.Put(buffer)
	var begun int64 // bytes whose write-back has been started
	for readErr := error(nil); readErr == nil; {
		var n int
		// io.ReadFull cannot be used: its io.ErrUnexpectedEOF cannot be told from one
		// of the reader, which means that content is missing.
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
		if _, err := file.Write(buffer[:n]); err != nil {
			return 0, fmt.Errorf("put blob: %w", explain(err))
		}
		if size += int64(n); size-begun >= writeBackAfter {
			beginWriteBack(file, begun, size-begun)
			begun = size
		}
	}
	d.afterStep(stepWrite)
	if err := file.Sync(); err != nil {
		return 0, fmt.Errorf("put blob: %w", explain(err))
	}
	d.afterStep(stepSync)
	return size, nil
}

// publish renames a finished temporary file to its key.
func (d *Disk) publish(folder, name, key string) error {
	if err := d.Check(); err != nil {
		return fmt.Errorf("put blob: %w", err)
	}
	if err := d.root.Rename(name, key); err != nil {
		return fmt.Errorf("put blob: %w", explain(err))
	}
	d.afterStep(stepRename)
	if err := d.syncFolder(folder); err != nil {
		return fmt.Errorf("put blob: %w", explain(err))
	}
	d.afterStep(stepVisible)
	return nil
}

// Open opens a blob for reading.
func (d *Disk) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	if _, ok := folderOfKey(key); !ok {
		return nil, fmt.Errorf("open blob %q: %w", key, library.ErrNotFound)
	}
	f, err := openRegular(d.root, key)
	if errors.Is(err, fs.ErrNotExist) {
		_ = d.PutBack(ctx, key) // or another reader does
		f, err = openRegular(d.root, key)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open blob %q: %w", key, library.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("open blob: %w", err)
	}
	return f, nil
}

// errNotRegular reports a blob that is not a regular file.
var errNotRegular = errors.New("it is not a regular file")

// openRegular opens a regular file for reading. It refuses a link that leads out of the folder, and does not wait for
// whoever opens the other end of a pipe.
func openRegular(root *os.Root, name string) (*os.File, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %s: %w", name, errNotRegular)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Delete removes a blob, if it exists, and its library's folder if it is then empty.
func (d *Disk) Delete(ctx context.Context, key string) error {
	folder, ok := folderOfKey(key)
	if !ok {
		return nil
	}
	if err := d.remove(folder, key); err != nil {
		return fmt.Errorf("delete blob: %w", err)
	}
	return d.DeleteSetAside(ctx, key)
}

// remove removes a file, if it exists, and its folder if it is then empty.
func (d *Disk) remove(folder, name string) error {
	if err := d.Check(); err != nil {
		return err
	}
	if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	d.folderMu.Lock()
	defer d.folderMu.Unlock()
	_ = d.root.Remove(folder) // fails if the folder is not empty
	return nil
}

// List calls f for each blob whose key begins with prefix.
func (d *Disk) List(ctx context.Context, prefix string, f func(key string, at time.Time) error) error {
	return d.list(ctx, ".", prefix, f)
}

func (d *Disk) list(ctx context.Context, top, prefix string, f func(key string, at time.Time) error) error {
	return d.eachFile(ctx, top, func(name string, info fs.FileInfo) error {
		if strings.Contains(name, temporaryMark) || !strings.HasPrefix(name, prefix) {
			return nil
		}
		return f(name, info.ModTime().UTC())
	})
}

// Sweep removes the temporary files that were last written to before olderThan.
func (d *Disk) Sweep(ctx context.Context, olderThan time.Time) error {
	if err := d.Check(); err != nil {
		return fmt.Errorf("sweep blobs: %w", err)
	}
	return d.eachFile(ctx, ".", func(name string, info fs.FileInfo) error {
		if !strings.Contains(name, temporaryMark) || !info.ModTime().Before(olderThan) {
			return nil
		}
		if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sweep blobs: %w", err)
		}
		return nil
	})
}

// folderOfKey returns the folder of a key's library. Ok is false unless the key is two
// names with a slash between them.
func folderOfKey(key string) (string, bool) {
	folder, name, ok := strings.Cut(key, "/")
	return folder, ok && wire.ValidName(folder) && folder != setAsideFolder && wire.ValidName(name)
}

// syncFolder makes the changes in a folder durable.
func (d *Disk) syncFolder(folder string) error { return syncIn(d.root, folder) }

func syncIn(root *os.Root, folder string) error {
	if runtime.GOOS == "windows" {
		return nil // a folder cannot be synced there
	}
	f, err := root.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func syncPath(folder string) error {
	if runtime.GOOS == "windows" {
		return nil // a folder cannot be synced there
	}
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
