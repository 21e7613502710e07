package blob

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/carrelhq/carrel/digime/wire"
)

// serversFolder has a file for each server that uses the folder, with a number that grows while the server runs. A copy
// of the folder has numbers that stay behind. All of these files are temporary, and a backup does not have them.
const serversFolder = "servers" + temporaryMark

// WriteBeat writes the number of a server into its file.
func (d *Disk) WriteBeat(server string, beat int64) error {
	if err := d.writeBeat(server, beat); err != nil {
		return fmt.Errorf("write the file of this server in the folder of large contents: %w", explain(err))
	}
	return nil
}

func (d *Disk) writeBeat(server string, beat int64) error {
	if err := d.root.Mkdir(serversFolder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	name := serversFolder + "/" + server
	temporary := name + temporaryMark + wire.RandomAlphanumeric(12)
	f, err := d.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, beat)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = d.root.Rename(temporary, name)
	}
	if err != nil {
		_ = d.root.Remove(temporary) // or Sweep does
	}
	return err
}

// ReadBeat returns the number in the file of a server; -1 if there is no such file.
func (d *Disk) ReadBeat(server string) (int64, error) {
	const doing = "read the file of a server in the folder of large contents"
	f, err := openRegular(d.root, serversFolder+"/"+server)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", doing, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	const maxBeat = 64
	text, err := io.ReadAll(io.LimitReader(f, maxBeat))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", doing, err)
	}
	beat, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return -1, nil // a crash has left it without its text
	}
	return beat, nil
}

// RemoveBeat removes the file of a server, and the folder of these files if it was the last.
func (d *Disk) RemoveBeat(server string) error {
	if err := d.root.Remove(serversFolder + "/" + server); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the file of this server in the folder of large contents: %w", err)
	}
	_ = d.root.Remove(serversFolder) // fails if the folder is not empty
	return nil
}
