package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Copied says what [Backup] has done.
type Copied struct {
	// Files is the number of blobs in the copy, and New of those that were copied now.
	Files, New int
	// Removed is the number of blobs that were removed from the copy.
	Removed int
	// Bytes is what was copied now.
	Bytes int64
}

// Backup makes the folder to a copy of a folder of blobs, which may be in use. It creates folders for their owner only,
// and syncs what it writes. Blobs never change, so one that to has with the same size is not copied again. Backup first
// adds what is missing. Then it calls added with the expected keys that the folder does not have. Unless added returns
// an error, Backup then removes from the copy what the folder does not have any more, except what is expected.
func Backup(
	ctx context.Context,
	from, to string,
	expected []string,
	added func(missing []string) error,
) (Copied, error) {
	b := backup{from: from, to: to, there: map[string]bool{}}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return b.copied, fmt.Errorf("copy blobs: %w", err)
	}
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a folder was removed meanwhile, or there is none yet
		}
		if err != nil {
			return err
		}
		return errors.Join(ctx.Err(), b.add(path, entry))
	})
	if err == nil {
		err = added(b.keep(expected))
	}
	// Without the folder nothing is removed: its disk may be missing.
	if _, missing := os.Stat(from); err == nil && missing == nil {
		err = filepath.WalkDir(to, b.removeOld)
	}
	if err != nil {
		return b.copied, fmt.Errorf("copy blobs: %w", err)
	}
	return b.copied, nil
}

type backup struct {
	from, to string
	there    map[string]bool // relative paths of what from has
	copied   Copied
}

// keep returns the expected keys that the folder does not have, and keeps them in the copy if that has them.
func (b *backup) keep(expected []string) (missing []string) {
	for _, key := range expected {
		if !b.there[filepath.FromSlash(key)] {
			missing = append(missing, key)
		}
	}
	for _, key := range missing {
		name := filepath.FromSlash(key)
		b.there[name], b.there[filepath.Dir(name)] = true, true
	}
	return missing
}

// add adds a folder or a file to the copy.
func (b *backup) add(path string, entry fs.DirEntry) error {
	name, err := filepath.Rel(b.from, path)
	if err != nil {
		return err
	}
	if strings.Contains(entry.Name(), temporaryMark) {
		return nil
	}
	if entry.IsDir() {
		b.there[name] = true
		return os.MkdirAll(filepath.Join(b.to, name), 0o700)
	}
	if !entry.Type().IsRegular() {
		return nil
	}
	in, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was deleted meanwhile
	}
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	info, err := in.Stat()
	if err != nil {
		return err
	}
	b.there[name] = true
	target := filepath.Join(b.to, name)
	isBlob := filepath.Dir(name) != "." // other files, in the folder itself, may change
	if isBlob {
		b.copied.Files++
	}
	if has, err := os.Lstat(target); isBlob && err == nil && has.Mode().IsRegular() && has.Size() == info.Size() {
		return nil
	}
	if err := copyDurably(target, in, info); err != nil {
		return err
	}
	if isBlob {
		b.copied.New++
		b.copied.Bytes += info.Size()
	}
	return nil
}

// copyDurably writes a file that is complete or not there, with the time of the original.
func copyDurably(target string, in io.Reader, info fs.FileInfo) error {
	temporary := target + temporaryMark
	out, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	buffer := bufferPool.Get().(*[bufferSize]byte)
	defer bufferPool.Put(buffer)
	_, err = io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{in}, buffer[:])
	err = errors.Join(err, out.Sync(), out.Close())
	if err == nil {
		err = os.Chtimes(temporary, info.ModTime(), info.ModTime())
	}
	if err == nil {
		err = os.Rename(temporary, target)
	}
	if err != nil {
		_ = os.Remove(temporary)
		return err
	}
	return syncPath(filepath.Dir(target))
}

// removeOld removes a file or a folder from the copy if the original has none.
func (b *backup) removeOld(path string, entry fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	name, err := filepath.Rel(b.to, path)
	if err != nil || b.there[name] {
		return err
	}
	if entry.IsDir() {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
		b.copied.Removed++
		return fs.SkipDir
	}
	b.copied.Removed++
	return os.Remove(path)
}
