//go:build unix && !openbsd && !netbsd && !solaris && !illumos && !aix

package server

import "golang.org/x/sys/unix"

// diskSpace returns how many bytes the server's user may still write to the disk of a folder, and how many the disk
// has.
func diskSpace(folder string) (free, total uint64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return 0, 0, err
	}
	size := uint64(s.Bsize)
	return uint64(s.Bavail) * size, s.Blocks * size, nil //nolint:unconvert // the types differ between systems
}
