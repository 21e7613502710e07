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

// cacheFile returns the name of the file of a cached list.
func (n *Network) cacheFile(name listName) string {
	return filepath.Join(n.config.CacheFolder, "MedMij_"+string(name)+".xml")
}

// loadCache loads the cached lists. It skips one that cannot be read: the next update
// replaces it.
func (n *Network) loadCache() error {
	if n.config.CacheFolder == "" {
		return nil
	}
	if err := os.MkdirAll(n.config.CacheFolder, 0o700); err != nil {
		return fmt.Errorf("create the cache folder: %w", err)
	}
	for _, name := range listNames {
		text, err := readFile(n.cacheFile(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("load a cached list: %w", err)
		}
		l, err := n.reader.read(name, text)
		if err != nil {
			n.config.Log.Error("a cached list cannot be used", "file", n.cacheFile(name), "error", err)
			continue
		}
		n.current.Store(n.current.Load().with(l, n.config))
	}
	return nil
}

func readFile(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxListBytes+1))
}

// cacheList writes a list to the cache folder, atomically: after a crash the file has
// the old list or the new one.
func (n *Network) cacheList(name listName, text []byte) error {
	if n.config.CacheFolder == "" {
		return nil
	}
	if err := writeFile(n.cacheFile(name), text); err != nil {
		return fmt.Errorf("cache the list: %w", err)
	}
	return nil
}

func writeFile(name string, text []byte) (err error) {
	file, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name()) // the first error is the cause
		}
	}()
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err = os.Rename(file.Name(), name); err != nil {
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
