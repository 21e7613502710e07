package testenv

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// ownChild returns the attributes with which PostgreSQL's programs are started, and makes their user the owner of dir.
//
// The programs refuse to run as root, so under root they run as the user postgres, which Debian's package creates. The
// kernel stops the server when the thread that started it ends, so it stops also if the tests panic or are killed. (Go
// ends a thread only if a goroutine that is locked to it returns. A test that does this must not be the first that
// calls Postgres.)
func ownChild(dir string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGINT}
	if os.Getuid() != 0 {
		return attr, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("find a user for PostgreSQL, which does not run as root: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, os.Chown(dir, int(uid), int(gid))
}

// freeSpace returns how many bytes may be written to a folder; 0 if there is no such folder.
func freeSpace(folder string) uint64 {
	var s syscall.Statfs_t
	if syscall.Statfs(folder, &s) != nil {
		return 0
	}
	return s.Bavail * uint64(s.Bsize)
}
