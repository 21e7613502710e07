package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// SetAside moves a blob into the folder of what was set aside.
func (d *Disk) SetAside(_ context.Context, key string, at time.Time) error {
	folder, ok := folderOfKey(key)
	if !ok {
		return fmt.Errorf("set aside blob %q: %w", key, library.ErrNotFound)
	}
	// The time comes first: after a crash in between, the blob is set aside later, and not
	// removed earlier.
	err := d.root.Chtimes(key, at, at)
	if err == nil {
		err = d.move(folder, key, path.Join(setAsideFolder, folder), path.Join(setAsideFolder, key))
	}
	if err != nil {
		return moveError("set aside", key, err)
	}
	return nil
}

// PutBack moves a blob back that was set aside.
func (d *Disk) PutBack(_ context.Context, key string) error {
	folder, ok := folderOfKey(key)
	if !ok {
		return fmt.Errorf("put back blob %q: %w", key, library.ErrNotFound)
	}
	if err := d.move(path.Join(setAsideFolder, folder), path.Join(setAsideFolder, key), folder, key); err != nil {
		return moveError("put back", key, err)
	}
	return nil
}

func moveError(doing, key string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s blob %q: %w", doing, key, library.ErrNotFound)
	}
	return fmt.Errorf("%s blob: %w", doing, err)
}

// move renames a file into another folder, which it makes, and removes the first if it is
// then empty. When it returns, the move is durable.
func (d *Disk) move(fromFolder, from, toFolder, to string) error {
	if err := d.Check(); err != nil {
		return err
	}
	d.folderMu.Lock()
	defer d.folderMu.Unlock()
	if _, err := d.root.Lstat(from); err != nil {
		return err // so that no folder is made in vain
	}
	if parent := path.Dir(toFolder); parent != "." {
		if err := d.makeFolder(parent); err != nil {
			return err
		}
	}
	if err := d.makeFolder(toFolder); err != nil {
		return err
	}
	if err := d.root.Rename(from, to); err != nil {
		return err
	}
	// The new name becomes durable before the old one goes.
	if err := errors.Join(d.syncFolder(toFolder), d.syncFolder(fromFolder)); err != nil {
		return err
	}
	_ = d.root.Remove(fromFolder) // fails if the folder is not empty
	return nil
}

// ListSetAside calls f for each blob that was set aside whose key begins with prefix.
func (d *Disk) ListSetAside(ctx context.Context, prefix string, f func(key string, at time.Time) error) error {
	return d.list(ctx, setAsideFolder, prefix, f)
}

// DeleteSetAside removes a blob that was set aside, if it exists.
func (d *Disk) DeleteSetAside(_ context.Context, key string) error {
	folder, ok := folderOfKey(key)
	if !ok {
		return nil
	}
	if err := d.remove(path.Join(setAsideFolder, folder), path.Join(setAsideFolder, key)); err != nil {
		return fmt.Errorf("delete blob that was set aside: %w", err)
	}
	return nil
}
