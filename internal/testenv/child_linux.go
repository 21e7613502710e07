package testenv

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// ownChild says how PostgreSQL's programs are started, and gives them dir.
//
// They refuse to run as root, so under root they run as the user postgres,
// which Debian's package creates. The kernel ends the server when the thread
// that started it ends, hence also when the tests panic or are killed. (Go
// ends a thread only under a goroutine that is locked to it and returns; tests
// that do so must not be the ones that ask for PostgreSQL first.)
func ownChild(dir string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGINT}
	if os.Getuid() != 0 {
		return attr, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("running as root, so PostgreSQL needs a user of its own: %w", err)
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
