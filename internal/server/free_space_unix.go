//go:build unix && !openbsd && !netbsd && !solaris && !illumos && !aix

package server

import "golang.org/x/sys/unix"

// freeSpace returns how many bytes the server's user may still write to the disk of a folder.
func freeSpace(folder string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return 0, err
	}
	return uint64(s.Bavail) * uint64(s.Bsize), nil //nolint:unconvert // the types differ between systems
}
