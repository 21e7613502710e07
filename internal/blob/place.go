package blob

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/carrelhq/carrel/internal/library"
)

// ErrMoved reports a folder that is not at its path any more.
var ErrMoved = errors.New("moved, removed or replaced while the server had it open, or another disk was mounted over " +
	"it. Nothing is written there any more. Stop the server, put the folder back with all that was in it, and start " +
	"the server again")

// A folderPlace is a folder that is open, and where it was found. Whoever renames the folder, or mounts a disk over it,
// leaves the server writing into a folder that nobody finds after the next start.
type folderPlace struct {
	path   string // absolute
	opened fs.FileInfo
}

func placeOf(folder string, root *os.Root) (folderPlace, error) {
	path, err := filepath.Abs(folder)
	if err != nil {
		return folderPlace{}, err
	}
	opened, err := root.Stat(".")
	return folderPlace{path: path, opened: opened}, err
}

// Check returns ErrMoved, which means [library.ErrUnavailable], if the folder is not at its path any more. It costs a
// few microseconds.
func (d *Disk) Check() error {
	info, err := os.Stat(d.place.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, d.place.opened) {
		return library.WithMeaning(fmt.Errorf("the folder %s was %w", d.place.path, ErrMoved), library.ErrUnavailable)
	}
	if err != nil { // what is open can still be written to, and nobody finds it after the next start
		return library.WithMeaning(fmt.Errorf("the folder %s: %w", d.place.path, explain(err)), library.ErrUnavailable)
	}
	return nil
}
