package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/store"
)

// stores are the settings of where data is stored. Every command that opens the stores
// has them.
type stores struct {
	Data          string `help:"Folder for the database, large contents and the master keys. Default: carrel-data." env:"CARREL_DATA" type:"path"`
	Database      string `help:"postgres://… URL, or the path of a SQLite file. Default: carrel.db in the data folder." env:"CARREL_DATABASE"`
	MasterKeyFile string `help:"File of the master keys, made at the first start; better elsewhere. Default: master.key in the data folder." env:"CARREL_MASTER_KEY_FILE" type:"path"`
}

// defaultFolder is the data folder if nothing is set.
const defaultFolder = "carrel-data"

// folder returns the data folder.
func (s *stores) folder() string {
	if s.Data != "" {
		return s.Data
	}
	path, err := filepath.Abs(defaultFolder)
	if err != nil {
		return defaultFolder
	}
	return path
}

func (s *stores) blobs() string { return filepath.Join(s.folder(), "blobs") }

func (s *stores) database() string {
	if s.Database != "" {
		return s.Database
	}
	return filepath.Join(s.folder(), "carrel.db")
}

func (s *stores) masterKeyFile() string {
	if s.MasterKeyFile != "" {
		return s.MasterKeyFile
	}
	return filepath.Join(s.folder(), "master.key")
}

// makeFolder makes the data folder, for its owner only.
func (s *stores) makeFolder() error {
	if err := s.checkFolder(); err != nil {
		return err
	}
	if err := os.MkdirAll(s.folder(), 0o700); err != nil {
		return fmt.Errorf("make data folder: %w. Check --data (CARREL_DATA)", err)
	}
	return nil
}

// checkFolder returns an error if there is something else than a folder at the path of the data folder.
func (s *stores) checkFolder() error {
	if info, err := os.Stat(s.folder()); err == nil && !info.IsDir() {
		return fmt.Errorf(
			"%s is a file: give the data folder with --data (CARREL_DATA), and the file of a database with "+
				"--database (CARREL_DATABASE). Nothing was made",
			s.folder(),
		)
	}
	return nil
}

// errNoSettings says that a command does not know which server it is for.
var errNoSettings = errors.New("there is no folder " + defaultFolder + " here: give the settings of the server, " +
	"--data (CARREL_DATA), and --database (CARREL_DATABASE) if the server has it")

// errNoFolder says that the data folder that is given does not exist.
var errNoFolder = errors.New("there is no data folder")

// checkGiven returns an error if nothing says where the server has its data, or if the data folder that is given does
// not exist. Only a server makes one.
func (s *stores) checkGiven() error {
	if s.Data == "" && s.Database != "" {
		return nil
	}
	if err := s.checkFolder(); err != nil {
		return err
	}
	_, err := os.Stat(s.folder())
	if !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if s.Data == "" {
		return errNoSettings
	}
	return fmt.Errorf("%w %s: give that of the server with --data (CARREL_DATA). Nothing was made", errNoFolder, s.Data)
}

// config returns the settings of the stores as the server has them. A data folder that is neither
// given nor there is left out: with --database alone a command needs none.
func (s *stores) config() server.Config {
	c := server.Config{Database: s.database(), Keyring: s.MasterKeyFile,
		MasterKeys: []byte(os.Getenv("CARREL_MASTER_KEYS"))}
	if _, err := os.Stat(s.folder()); s.Data == "" && err != nil {
		return c
	}
	c.Blobs, c.Keyring = s.blobs(), s.masterKeyFile()
	return c
}

// An access says what a command does with the stores.
type access int

const (
	reading  access = iota // makes and migrates nothing
	changing               // the same, and checks that the database is the server's
	making                 // the same, and makes a folder and a database if there are none
)

// open opens the database. A server may be running on it.
func (s *stores) open(ctx context.Context, a access) (*store.DB, error) {
	if err := s.checkGiven(); err != nil && (a != making || errors.Is(err, errNoSettings)) {
		return nil, err
	}
	if a != reading {
		if err := server.CheckInstallation(ctx, s.config()); err != nil {
			return nil, err
		}
	}
	db, err := store.OpenExisting(ctx, s.database())
	if errors.Is(err, store.ErrNoDatabase) && a == making {
		db, err = store.Open(ctx, s.database())
	}
	if errors.Is(err, store.ErrNoDatabase) {
		return nil, fmt.Errorf("open database: %w. Check --data (CARREL_DATA) and --database (CARREL_DATABASE), which "+
			"have to be those of the server", err)
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return db, nil
}

// change runs f as [stores.with] does, and records it in the audit log.
func (s *stores) change(ctx context.Context, a access, r *record, f func(*library.Clients) error) error {
	db, err := s.open(ctx, a)
	if err != nil {
		return err
	}
	err = r.run(ctx, db, func() error { return f(library.NewClients(db, db, time.Now)) })
	return errors.Join(err, db.Close())
}

// with runs f on the registry of applications and contracts.
func (s *stores) with(ctx context.Context, a access, f func(*library.Clients) error) error {
	return s.withDatabase(ctx, a, func(_ *store.DB, clients *library.Clients) error { return f(clients) })
}

// withDatabase is like with for an f that also needs the database.
func (s *stores) withDatabase(ctx context.Context, a access, f func(*store.DB, *library.Clients) error) error {
	db, err := s.open(ctx, a)
	if err != nil {
		return err
	}
	return errors.Join(f(db, library.NewClients(db, db, time.Now)), db.Close())
}
