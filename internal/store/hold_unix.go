//go:build unix

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// lockFile locks a file until it is closed, or returns [ErrHeld].
func lockFile(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrHeld
	}
	return err
}

// copyOwner gives an open file the owner of a path, if that exists: root may run a command for a
// server that runs as another user.
func copyOwner(path string, f *os.File) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && os.Getuid() == 0 && stat.Uid != 0 {
		return f.Chown(int(stat.Uid), int(stat.Gid))
	}
	return nil
}

// checkOneName returns an error if a file has more than one name: SQLite keeps its log, and this package its lock,
// beside the name by which a file is opened.
func checkOneName(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return explain(err)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && info.Mode().IsRegular() && stat.Nlink > 1 {
		return fmt.Errorf(
			"the file %s has %d names (hard links), and SQLite keeps its log beside the name by which it "+
				"is opened: a server on another name would damage the database. Remove the other names (find them "+
				"with find -samefile), or replace this one by a copy",
			path,
			stat.Nlink,
		)
	}
	return nil
}

// checkWritable returns an error if this process may not read and write a file. To open it, and close it again, would
// end the locks of SQLite in this process.
func checkWritable(path string) error {
	const readAndWrite = 6
	if err := syscall.Access(path, readAndWrite); err != nil {
		return &fs.PathError{Op: "access", Path: path, Err: err}
	}
	return nil
}
