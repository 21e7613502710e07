package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store"
)

// What an older program has stored is adopted once: its rows get bindings under the master keyring. The database
// records that, and so does the keyring's file, because whoever keeps the database could remove the record and have
// rows of their own adopted at the next start.

// adoptRows adopts what an older program has stored, and records in the keyring's file that it was.
func (i *installation) adoptRows(ctx context.Context, integrity *library.Integrity, db *store.DB) error {
	err := integrity.Adopt(ctx, db, map[library.AdoptionGeneration]func(context.Context) error{
		library.AdoptedChains: func(ctx context.Context) error {
			_, err := AdoptBoxes(ctx, i.keyring, db)
			return err
		},
	})
	if err != nil {
		return i.explainAdoption(err)
	}
	if len(i.config.MasterKeys) > 0 || i.keyring.Adopted() >= int(library.NewestAdoption) {
		return nil
	}
	err = seal.RecordAdoption(i.config.Keyring, int(library.NewestAdoption))
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		i.config.Log.Info("the keyring cannot be written, so it does not say that older rows have been adopted",
			"file", i.config.Keyring, "adopted", int(library.NewestAdoption), "error", err)
		return nil
	}
	return err
}

// checkAdoption returns an error if the keyring says that rows have been adopted and the database does not know it.
func (i *installation) checkAdoption() error {
	if i.keyring == nil || i.keyring.Adopted() <= int(i.database.Adopted) {
		return nil
	}
	return i.explainAdoption(library.ErrAdoptionGone)
}

// explainAdoption adds to an error of an adoption whose record is gone what an operator can do.
func (i *installation) explainAdoption(err error) error {
	if !errors.Is(err, library.ErrAdoptionGone) {
		return err
	}
	return fmt.Errorf("%w: %s says that what older programs had stored was bound to it (\"# adopted %d\"), and the "+
		"database does not. If the database is a backup from before that upgrade, start with the keyring of the same "+
		"backup, which does not say so. Otherwise somebody may have removed the record, so that the server accepts "+
		"what they have changed: restore the database. To give up the server's secrets and have all rows accepted as "+
		"they are, run `carrel keys reset` with the settings of the server. Nothing was changed",
		err, i.nameOfKeyring(), i.keyring.Adopted())
}

// forgetAdoption removes from the keyring's file, if there is one, that rows have been adopted.
func forgetAdoption(c Config) error {
	if len(c.MasterKeys) > 0 {
		return nil
	}
	if _, err := os.Stat(c.Keyring); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return seal.RemoveAdoptions(c.Keyring)
}
