package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// state is what there is in the database of a server that was started here. A folder that is kept has it as a file.
type state struct {
	Database    string             `json:"database,omitempty"` // empty for SQLite
	Application wire.ApplicationID `json:"application"`
	// Key is the private key of both contracts, in PEM.
	Key   string          `json:"key"`
	Write wire.ContractID `json:"write"`
	Read  wire.ContractID `json:"read"`
	// Reads says that the libraries have allowed the read contract, too.
	Reads     bool           `json:"reads"`
	Libraries []libraryState `json:"libraries"`
	// FilledLibraries, Files, Largest and Size are what there was at the beginning of all runs, from FilledFrom to
	// FilledTo.
	FilledLibraries int       `json:"filledLibraries"`
	Files           int       `json:"files"`
	Largest         int       `json:"largest"`
	Size            int       `json:"size"`
	FilledFrom      time.Time `json:"filledFrom"`
	FilledTo        time.Time `json:"filledTo"`
}

type libraryState struct {
	ID library.ID `json:"id"`
	// WriteToken and ReadToken are access tokens; ReadToken is empty unless Reads is true.
	WriteToken string `json:"writeToken"`
	ReadToken  string `json:"readToken,omitempty"`
}

// stateFile is the name of the file of a state.
const stateFile = "bench.json"

// readState reads the state of a folder, or begins one. It returns an error if the folder has something else than the
// configuration asks for.
func readState(folder string, c Config, n needs) (s state, err error) {
	text, err := os.ReadFile(filepath.Join(folder, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		if err := checkEmpty(folder); err != nil {
			return state{}, err
		}
		s = state{Database: c.Database, Reads: n.reads || c.Keep != "", FilledLibraries: c.Libraries,
			Files: c.Files, Largest: c.Largest, Size: c.Size}
		if s.Files == 0 {
			s.Files = n.files
		}
		if s.Largest > s.Files {
			return state{}, fmt.Errorf("--largest %d is more than the %d files that there are: give --files", s.Largest,
				s.Files)
		}
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return state{}, fmt.Errorf("read %s: %w", filepath.Join(folder, stateFile), err)
	}
	different := func(flag string, has, want any) error {
		return fmt.Errorf("%s was filled with %s %v, not %v: give another folder with --keep, or the same values",
			folder, flag, has, want)
	}
	switch {
	case s.Database != c.Database:
		return state{}, different("--database", s.Database, c.Database)
	case c.Files > 0 && c.Files != s.Files:
		return state{}, different("--files", s.Files, c.Files)
	case c.Largest > 0 && c.Largest != s.Largest:
		return state{}, different("--largest", s.Largest, c.Largest)
	case s.Files == 0 && n.files > 0:
		return state{}, fmt.Errorf("%s has no files: give another folder with --keep, and --files", folder)
	case s.Files > 0 && c.Libraries < s.FilledLibraries:
		return state{}, different("--libraries", s.FilledLibraries, c.Libraries)
	}
	return s, nil
}

// checkEmpty returns an error if there is something in a folder that is to be filled: nothing is added to the data of a
// real server.
func checkEmpty(folder string) error {
	there, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("look into the folder to fill: %w", err)
	}
	if len(there) > 0 {
		return fmt.Errorf("%s has other files, or was not filled to the end: give an empty folder with --keep", folder)
	}
	return nil
}

// write writes the state into a folder. It has secrets of the libraries, but those have only what a measurement needs.
func (s state) write(folder string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, stateFile), append(text, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("keep what was filled: %w", err)
	}
	return nil
}

// libraryOf returns the index of the library that has the i-th file of the beginning.
func (s state) libraryOf(i int) int {
	switch k := newScatter(s.Files).at(i); {
	case s.Largest == 0 || s.FilledLibraries == 1:
		return k % s.FilledLibraries
	case k < s.Largest:
		return 0
	default:
		return 1 + k%(s.FilledLibraries-1)
	}
}
