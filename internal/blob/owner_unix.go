//go:build unix

package blob

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// giveToOwner gives a file, and the folder if this process has made it, to the owner of the folder
// around it: root may run a command for a server that runs as another user.
func (d *Disk) giveToOwner(name string) error {
	if os.Getuid() != 0 {
		return nil
	}
	info, err := os.Stat(filepath.Dir(d.root.Name()))
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	uid, gid := int(owner.Uid), int(owner.Gid)
	return errors.Join(d.root.Chown(name, uid, gid), d.root.Chown(".", uid, gid))
}
