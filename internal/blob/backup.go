package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
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
	// Differing are the blobs of which the copy already has one with another size, which was kept.
	Differing []Differing
}

// Differing is a blob that has another size than in the copy: one of the two is damaged.
type Differing struct {
	Key        string
	Size, Copy int64
}

// Backup makes the folder to a copy of a folder of blobs, which may be in use. It creates folders for their owner only,
// and syncs what it writes. Blobs never change, so one that the folder to has is not copied again, also if it has
// another size: it may be the only one that is whole. Backup first adds what is missing. Then it calls added with the
// expected keys that the folder does not have. Unless added returns an error, Backup then replaces the other files of
// the folder, such as its mark, and removes from the copy what the folder does not have any more, except what is
// expected.
func Backup(
	ctx context.Context,
	from, to string,
	expected []string,
	added func(missing []string) error,
) (Copied, error) {
	b := backup{there: map[string]bool{}}
	if err := b.run(ctx, from, to, expected, added); err != nil {
		return b.copied, fmt.Errorf("copy blobs: %w", err)
	}
	return b.copied, nil
}

// A backup reads and writes through roots: a link that somebody puts into the folder while it is copied must not lead
// to another file of the machine.
type backup struct {
	from, to *os.Root        // from is nil if there is no such folder
	there    map[string]bool // names of what from has, with slashes
	others   []string        // names of files that are no blobs, and have been copied to temporary files
	copied   Copied
}

func (b *backup) run(
	ctx context.Context, from, to string, expected []string, added func(missing []string) error,
) (err error) {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	if b.to, err = os.OpenRoot(to); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.to.Close()) }()
	b.from, err = os.OpenRoot(from)
	if errors.Is(err, fs.ErrNotExist) {
		// Nothing is removed: the disk of the folder may be missing.
		return added(b.keep(expected))
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.from.Close()) }()
	err = fs.WalkDir(b.from.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a folder was removed meanwhile
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return b.add(name, entry)
	})
	if err == nil {
		err = added(b.keep(expected))
	}
	if err != nil {
		return errors.Join(err, b.removeOthers())
	}
	if err := b.replaceOthers(); err != nil {
		return err
	}
	return fs.WalkDir(b.to.FS(), ".", b.removeOld)
}

// replaceOthers replaces the files that are no blobs.
func (b *backup) replaceOthers() error {
	for _, name := range b.others {
		if err := b.to.Rename(name+temporaryMark, name); err != nil {
			return err
		}
	}
	return syncIn(b.to, ".")
}

// removeOthers removes the temporary files of those that are no blobs.
func (b *backup) removeOthers() (err error) {
	for _, name := range b.others {
		err = errors.Join(err, b.to.Remove(name+temporaryMark))
	}
	return err
}

// keep returns the expected keys that the folder does not have, and keeps them in the copy if that has them.
func (b *backup) keep(expected []string) (missing []string) {
	for _, key := range expected {
		if !b.there[key] {
			missing = append(missing, key)
		}
	}
	for _, key := range missing {
		b.there[key], b.there[path.Dir(key)] = true, true
	}
	return missing
}

// add adds a folder or a file to the copy. What is neither is left out.
func (b *backup) add(name string, entry fs.DirEntry) error {
	if strings.Contains(entry.Name(), temporaryMark) {
		if entry.IsDir() {
			return fs.SkipDir
		}
		return nil
	}
	if entry.IsDir() {
		b.there[name] = true
		return b.to.MkdirAll(name, 0o700)
	}
	if !entry.Type().IsRegular() {
		return nil
	}
	in, err := openRegular(b.from, name)
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
	isBlob := path.Dir(name) != "." // other files, in the folder itself, may change
	if isBlob {
		b.copied.Files++
	}
	if has, err := b.to.Lstat(name); isBlob && err == nil && has.Mode().IsRegular() {
		if has.Size() != info.Size() {
			b.copied.Differing = append(b.copied.Differing, Differing{name, info.Size(), has.Size()})
		}
		return nil
	}
	if err := b.copyDurably(name+temporaryMark, in, info); err != nil {
		return err
	}
	if !isBlob {
		b.others = append(b.others, name)
		return nil
	}
	if err := b.to.Rename(name+temporaryMark, name); err != nil {
		return errors.Join(err, b.to.Remove(name+temporaryMark))
	}
	b.copied.New++
	b.copied.Bytes += info.Size()
	return syncIn(b.to, path.Dir(name))
}

// copyDurably writes a temporary file, with the time of the original, and syncs it.
func (b *backup) copyDurably(temporary string, in io.Reader, info fs.FileInfo) error {
	out, err := b.to.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	buffer := bufferPool.Get().(*[bufferSize]byte)
	defer bufferPool.Put(buffer)
	_, err = io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{in}, buffer[:])
	err = errors.Join(err, out.Sync(), out.Close())
	if err == nil {
		err = b.to.Chtimes(temporary, info.ModTime(), info.ModTime())
	}
	if err != nil {
		_ = b.to.Remove(temporary)
	}
	return err
}

// removeOld removes a file or a folder from the copy if the original has none.
func (b *backup) removeOld(name string, entry fs.DirEntry, err error) error {
	if err != nil || b.there[name] {
		return err
	}
	if entry.IsDir() {
		if err := b.to.RemoveAll(name); err != nil {
			return err
		}
		b.copied.Removed++
		return fs.SkipDir
	}
	b.copied.Removed++
	return b.to.Remove(name)
}
