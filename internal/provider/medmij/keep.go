package medmij

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

func (n *Network) kept(name listName) string {
	return filepath.Join(n.c.Folder, "MedMij_"+string(name)+".xml")
}

// loadKept loads the lists that an earlier process has kept. One that cannot be read
// any more is as good as none: the next refresh brings another.
func (n *Network) loadKept() error {
	if n.c.Folder == "" {
		return nil
	}
	if err := os.MkdirAll(n.c.Folder, 0o700); err != nil {
		return fmt.Errorf("make the folder of the lists: %w", err)
	}
	for _, name := range listNames {
		text, err := readFile(n.kept(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("load a kept list: %w", err)
		}
		l, err := n.rules.read(name, text)
		if err != nil {
			n.c.Log.Error("a list that was kept cannot be used", "file", n.kept(name), "error", err)
			continue
		}
		n.known.Store(n.known.Load().with(l, n.c))
	}
	return nil
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxList+1))
}

// keep writes a list so that after a crash there is the old one or the new one: under
// another name, synced, renamed, and the folder synced.
func (n *Network) keep(name listName, text []byte) error {
	if n.c.Folder == "" {
		return nil
	}
	if err := writeFile(n.kept(name), text); err != nil {
		return fmt.Errorf("keep the list: %w", err)
	}
	return nil
}

func writeFile(name string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the first error says more
		}
	}()
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), name); err != nil {
		return err
	}
	if runtime.GOOS == "windows" {
		return nil // a folder cannot be synced there
	}
	folder, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
