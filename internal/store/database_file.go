package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A databaseFile is the file of an SQLite database that is open, with its log beside it. Whoever renames another file
// over one of them, or removes it, leaves SQLite writing into a file that has no name any more.
type databaseFile struct {
	names []string
	infos []os.FileInfo
}

// logSuffixes are what SQLite adds to the path of a database for the files of its log.
var logSuffixes = []string{"-wal", "-shm"}

// openedFile returns the files of the database at path, as they are now.
func openedFile(path string) databaseFile {
	var f databaseFile
	for _, suffix := range append([]string{""}, logSuffixes...) {
		if info, err := os.Stat(path + suffix); err == nil {
			f.names, f.infos = append(f.names, path+suffix), append(f.infos, info)
		}
	}
	return f
}

// errMoved reports a database whose file is not the one that is open.
var errMoved = errors.New("moved, removed or replaced while the server had it open. Nothing is written any more. " +
	"Stop the server; then put the file back, or restore a backup into an empty folder, and start the server again")

// check returns an error if one of the files is not at its path any more. It costs a few microseconds.
func (f databaseFile) check() error {
	for i, name := range f.names {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, f.infos[i]) {
			return fmt.Errorf("the file %s was %w", name, errMoved)
		}
	}
	return nil
}

// maxLinks is how many symbolic links may follow each other.
const maxLinks = 40

// resolve returns the absolute path of a file, without symbolic links, also if there is no file yet: one database has
// one log and one lock.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return path, err
	}
	for range maxLinks {
		if resolved, err := filepath.EvalSymlinks(path); err == nil {
			if info, err := os.Stat(resolved); err == nil && info.IsDir() {
				return resolved, errIsFolder
			}
			return resolved, nil
		}
		target, err := os.Readlink(path)
		if err != nil { // it is no link
			folder, err := filepath.EvalSymlinks(filepath.Dir(path))
			if err != nil {
				return path, nil //nolint:nilerr // whoever opens the file gets the error
			}
			return filepath.Join(folder, filepath.Base(path)), nil
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return path, fmt.Errorf("%s is a symbolic link that leads nowhere", path)
}
