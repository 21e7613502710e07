package blob

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/carrelhq/carrel/digime/wire"
)

// Mark says to which installation a folder of blobs belongs, and which of all folders it
// is. It is in the file "installation" of the folder.
type Mark struct {
	Installation string
	Folder       string
}

const markName = "installation"

// ErrBadMark reports a mark that is there and says nothing.
var ErrBadMark = errors.New("it does not say to which installation the folder belongs")

// ReadMark reads the mark of a folder. It is zero if the folder or its mark does not exist. The
// error matches [ErrBadMark] if [Disk.ReplaceMark] can write it anew.
func ReadMark(folder string) (Mark, error) {
	path := filepath.Join(folder, markName)
	text, err := readMarkFile(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return Mark{}, nil
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return Mark{}, fmt.Errorf("read %s: this is a folder. Move it away, and restore the file from a backup or run "+
			"`carrel installation accept` with the settings of the server", path)
	}
	if err != nil {
		return Mark{}, fmt.Errorf("read mark of blobs: %w", err)
	}
	var m Mark
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		switch name, value, _ := strings.Cut(strings.TrimSpace(lines.Text()), " "); name {
		case "installation":
			m.Installation = value
		case "folder":
			m.Folder = value
		}
	}
	if m.Installation == "" || m.Folder == "" {
		return Mark{}, fmt.Errorf("read %s: %w. Restore it from a backup, or run `carrel installation accept` with "+
			"the settings of the server, which writes it anew", path, ErrBadMark)
	}
	return m, nil
}

// maxMark is more than a mark has.
const maxMark = 64 << 10

func readMarkFile(folder string) (text []byte, err error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := openRegular(root, markName)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxMark))
}

// AddMark marks the folder, if it has no mark, and returns the mark that it then has: of
// many servers that start at once, one adds its mark.
func (d *Disk) AddMark(m Mark) (Mark, error) {
	err := d.writeMark(m, func(temporary string) error {
		err := d.root.Link(temporary, markName)
		return errors.Join(err, d.root.Remove(temporary))
	})
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return Mark{}, fmt.Errorf("mark blobs: %w", explain(err))
	}
	return ReadMark(d.root.Name())
}

// ReplaceMark marks the folder in place of the mark that it has.
func (d *Disk) ReplaceMark(m Mark) error {
	err := d.writeMark(m, func(temporary string) error { return d.root.Rename(temporary, markName) })
	if err != nil {
		return fmt.Errorf("mark blobs: %w", explain(err))
	}
	return nil
}

// writeMark writes a temporary file and publishes it.
func (d *Disk) writeMark(m Mark, publish func(temporary string) error) error {
	temporary := markName + temporaryMark + wire.RandomAlphanumeric(12)
	f, err := d.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "# The large contents of an installation of Carrel. Back up this file with them.\n"+
		"installation %s\nfolder %s\n", m.Installation, m.Folder)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = d.giveToOwner(temporary)
	}
	if err != nil {
		return errors.Join(err, d.root.Remove(temporary))
	}
	if err := publish(temporary); err != nil {
		return err
	}
	return d.syncFolder(".")
}

// Libraries lists at most limit of the libraries that have a blob in a folder.
func Libraries(folder string, limit int) (libraries []string, err error) {
	root, err := os.OpenRoot(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list libraries with blobs: %w", err)
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("list libraries with blobs: %w", err)
	}
	for _, e := range entries {
		if len(libraries) == limit {
			break
		}
		if !e.IsDir() || !wire.ValidName(e.Name()) || e.Name() == setAsideFolder {
			continue
		}
		has, err := hasBlob(root, e.Name())
		if err != nil {
			return nil, fmt.Errorf("list libraries with blobs: %w", err)
		}
		if has {
			libraries = append(libraries, e.Name())
		}
	}
	return libraries, nil
}

func hasBlob(root *os.Root, folder string) (bool, error) {
	entries, err := fs.ReadDir(root.FS(), folder)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	for _, e := range entries {
		if e.Type().IsRegular() && !strings.Contains(e.Name(), temporaryMark) {
			return true, nil
		}
	}
	return false, err
}

// Has reports whether a folder has a blob, also one that was set aside.
func Has(folder, key string) bool {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return false
	}
	defer root.Close()
	for _, name := range []string{key, setAsideFolder + "/" + key} {
		if info, err := root.Lstat(name); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}
