//go:build unix

package seal

import (
	"io/fs"
	"os"
	"syscall"
)

// copyOwner gives a file the owner of another: root may rotate the keys of a server that runs as
// another user.
func copyOwner(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) == os.Getuid() {
		return nil
	}
	return os.Chown(to, int(stat.Uid), int(stat.Gid))
}

func ownedByRoot(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid == 0
}
