// Package outfile writes files at paths that a user gives: it replaces nothing but regular files, and keeps secrets
// from other users of the machine.
package outfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace writes a file that only its owner can read. If there is a regular file or nothing at path, the complete file
// appears there at once, and after an error everything is as before. A link, a device or a pipe stays what it is: write
// then writes into it, and what it leads to.
func Replace(path string, write func(io.Writer) error) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().IsRegular():
		return replace(path, write)
	case err != nil:
		return err
	default:
		return into(path, write)
	}
}

// ReplaceRegular is [Replace] for a path that a program has chosen: it returns an error if there is something else than
// a regular file.
func ReplaceRegular(path string, write func(io.Writer) error) error {
	info, err := os.Lstat(path)
	if err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s exists, and is no regular file", path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return replace(path, write)
}

// replace writes a temporary file and renames it.
func replace(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".carrel-*") // readable by its owner only
	if err != nil {
		return err
	}
	err = write(f)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error says enough
	}
	return err
}

func into(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// WriteSecret writes a file that only its owner can read, whoever could read the file that was there before. If path is
// a link to a file, the file is replaced and the link stays. It writes into a device or a pipe.
func WriteSecret(path string, content []byte) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	return Replace(path, func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(content))
		return err
	})
}

// CreateSecret creates a file that only its owner can read, and lets write fill it. The error matches [fs.ErrExist] if
// there is something at path. If write fails, the file is removed.
func CreateSecret(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = write(f)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// Restrict takes the right to read a file from everybody but its owner, and reports whether somebody else had it. It
// leaves everything but regular files alone.
func Restrict(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o077 == 0 {
		return false, err
	}
	return true, f.Chmod(info.Mode().Perm() &^ 0o077)
}
