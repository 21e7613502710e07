package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
)

// readDirBatch is the number of names that are in memory at a time.
const readDirBatch = 1000

// eachFile calls f for each file in each library's folder, also for temporary ones. The
// libraries' folders are in the folder top. Files that are removed meanwhile are skipped.
func (d *Disk) eachFile(ctx context.Context, top string, fn func(name string, info fs.FileInfo) error) error {
	return d.eachEntry(ctx, top, func(folder fs.DirEntry) error {
		if !folder.IsDir() || folder.Name() == setAsideFolder {
			return nil
		}
		return d.eachEntry(ctx, path.Join(top, folder.Name()), func(e fs.DirEntry) error {
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
				return nil
			}
			if err != nil {
				return fmt.Errorf("walk blobs: %w", err)
			}
			return fn(folder.Name()+"/"+e.Name(), info)
		})
	})
}

func (d *Disk) eachEntry(ctx context.Context, folder string, fn func(fs.DirEntry) error) error {
	dir, err := d.root.Open(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("walk blobs: %w", err)
	}
	defer dir.Close()
	for {
		entries, err := dir.ReadDir(readDirBatch)
		for _, e := range entries {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := fn(e); err != nil {
				return err
			}
		}
		if err == io.EOF || errors.Is(err, fs.ErrNotExist) { // the folder was removed meanwhile
			return nil
		}
		if err != nil {
			return fmt.Errorf("walk blobs: %w", err)
		}
	}
}
