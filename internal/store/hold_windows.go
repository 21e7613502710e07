package store

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockFile locks a file until it is closed, or returns [ErrHeld].
func lockFile(f *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrHeld
	}
	return err
}

// copyOwner does nothing: a new file has the owner of its folder's other files.
func copyOwner(string, *os.File) error { return nil }

// checkOneName does nothing: Windows does not say cheaply how many names a file has.
func checkOneName(string) error { return nil }

// checkWritable returns an error if there is no file: Windows does not say cheaply what a process may do with it.
func checkWritable(path string) error {
	_, err := os.Stat(path)
	return err
}
