package server

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/carrelhq/carrel/internal/blob"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store"
)

// The database, the folder of large contents and the keyring of an installation have the same id. The first start makes
// it. A server whose parts have different ids does not start: with the wrong database it would take all contents for
// leftovers of a crash, and with the wrong folder its readers would get errors. The database also knows which folder is
// its own, so that of two servers that do not share one the second does not start.

// An installation is what a configuration leads to, as it is before anything is opened or made.
type installation struct {
	config   Config
	database store.State
	// mark is zero for a folder that has none, and badMark is set for one whose mark cannot be read.
	mark    blob.Mark
	badMark error
	// libraries are some of the libraries that have a content in the folder.
	libraries []library.ID
	// keyring is nil if there is none.
	keyring *seal.Keyring
}

// Parts says to which installation the parts of a configuration belong. Ids are empty for parts that do not exist, or
// that have none yet.
type Parts struct {
	Database, Contents Part
}

// Part is a part of an installation, with the id of the folder of large contents that it knows.
type Part struct {
	Installation string `json:"installation"`
	Folder       string `json:"folder"`
}

// InspectInstallation returns to which installation the parts of a configuration belong. It changes nothing.
func InspectInstallation(ctx context.Context, c Config) (Parts, error) {
	i, err := inspect(ctx, c, nil)
	if err != nil {
		return Parts{}, err
	}
	own := i.database.Installation
	return Parts{Database: Part{own.ID, own.Folder}, Contents: Part(i.mark)}, nil
}

// CheckInstallation returns an error if the database, the folder of large contents and the keyring of a configuration
// do not belong together. It changes nothing. A configuration without a folder or a keyring leaves that out.
// So does one whose keyring its user may not read: only the server needs it.
func CheckInstallation(ctx context.Context, c Config) error {
	ring, err := openKeyring(c)
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	i, err := inspect(ctx, c, ring)
	if err != nil {
		return err
	}
	return i.check()
}

// inspect reads the state of everything. It changes and makes nothing.
func inspect(ctx context.Context, c Config, ring *seal.Keyring) (*installation, error) {
	i := &installation{config: c, keyring: ring}
	var err error
	if c.Blobs != "" {
		if i.mark, err = blob.ReadMark(c.Blobs); errors.Is(err, blob.ErrBadMark) {
			i.badMark, err = err, nil
		}
		if err != nil {
			return nil, explainPermission(err)
		}
		names, err := blob.Libraries(c.Blobs, maxLibraries)
		if err != nil {
			return nil, explainPermission(err)
		}
		for _, name := range names {
			if isOfStorage(name + "/") {
				continue // a database of before the ids has none
			}
			i.libraries = append(i.libraries, library.ID(name))
		}
	}
	if i.database, err = store.Inspect(ctx, c.Database, i.libraries...); err != nil {
		return nil, err
	}
	return i, nil
}

// explainPermission adds to an error of somebody who may not look into the data folder what to do.
func explainPermission(err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return fmt.Errorf("%w. Run this command as the user of the server, to whom the data folder belongs", err)
}

// maxLibraries bounds how many libraries are looked for when parts that have no id yet are put together.
const maxLibraries = 100

// openKeyring returns the configured master keys; nil if their file does not exist.
func openKeyring(c Config) (*seal.Keyring, error) {
	if len(c.MasterKeys) > 0 {
		ring, err := seal.ParseKeyring(c.MasterKeys)
		if err != nil {
			return nil, fmt.Errorf("CARREL_MASTER_KEYS: %w", err)
		}
		return ring, nil
	}
	if c.Keyring == "" {
		return nil, nil
	}
	ring, err := seal.OpenKeyring(c.Keyring)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, explainKeyringFile(c.Keyring, err)
	}
	return ring, nil
}

// explainKeyringFile adds to the error of a keyring's file what an operator can do.
func explainKeyringFile(path string, err error) error {
	const lost = "Restore it from its backup, and check --master-key-file. If it is lost for good, move what is " +
		"there away, or set --master-key-file to a path where there is no file, and run `carrel keys reset`, which " +
		"says what is lost with it. Nothing was changed"
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("the keyring %s is a folder: a mount makes one if the file that it is of does not exist. %s",
			path, lost)
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w. Run this command as the user of the server, who may read the keyring", err)
	}
	text, readErr := os.ReadFile(path)
	if readErr != nil {
		return err
	}
	if _, malformed := seal.ParseKeyring(text); malformed != nil {
		return fmt.Errorf("the keyring %s cannot be used: %w. %s", path, malformed, lost)
	}
	return err
}

// checkStart returns an error if a server must not start. The database has not been migrated yet: a start that is
// refused leaves it to the program that it is from.
func (i *installation) checkStart() error {
	if err := i.check(); err != nil {
		return err
	}
	if err := i.checkAdoption(); err != nil {
		return err
	}
	if i.database.Installation.Folder == "" && i.mark.Folder == "" {
		if err := i.compare(); err != nil {
			return err
		}
	}
	if len(i.database.SigningKeys) == 0 { // the first start makes one, before anything else is sealed
		return nil
	}
	if err := i.findKeyring(); err != nil {
		return err
	}
	_, err := library.OpenSigningKey(i.keyring, i.database.SigningKeys[0])
	return i.explainKeyring(err)
}

// check returns an error if the ids of the parts differ, or if the database is new and another part is not.
func (i *installation) check() error {
	if i.badMark != nil {
		return i.badMark
	}
	id := i.database.Installation.ID
	if id == "" {
		return i.checkWithoutID()
	}
	if ring := i.keyringID(); ring != "" && ring != id {
		return fmt.Errorf("%s belongs to installation %s and %s to installation %s. "+
			"Check --database and --master-key-file, which have to be of the same installation. If the right keyring "+
			"is lost for good, move this one away, or set --master-key-file to a path where there is no file, and run "+
			"`carrel keys reset`. Nothing was changed",
			i.nameOfDatabase(), id, i.nameOfKeyring(), ring)
	}
	if i.config.Blobs == "" {
		return nil
	}
	if i.mark.Installation != "" && i.mark.Installation != id {
		return fmt.Errorf("%s belongs to installation %s and %s to installation %s. "+
			"Check --database and --data, which have to be of the same installation. Nothing was changed",
			i.nameOfDatabase(), id, i.nameOfFolder(), i.mark.Installation)
	}
	if known := i.database.Installation.Folder; known != "" && known != i.mark.Folder {
		return fmt.Errorf("%s of installation %s has another folder of large contents than %s. Check --data: all "+
			"servers of an installation share one folder. If this is the right folder, restored without its file "+
			"\"installation\" or made anew because the old one is lost, run `carrel installation accept` with the "+
			"settings of the server",
			i.nameOfDatabase(), id, i.config.Blobs)
	}
	return nil
}

// checkWithoutID checks the parts of a database that has no id.
func (i *installation) checkWithoutID() error {
	if i.mark.Installation != "" || i.keyringID() != "" {
		part, id := i.nameOfFolder(), i.mark.Installation
		if id == "" {
			part, id = i.nameOfKeyring(), i.keyringID()
		}
		if i.database.Libraries {
			return fmt.Errorf("%s belongs to installation %s, and %s belongs to none. Check --database "+
				"(CARREL_DATABASE). If it is a backup from before there were installations, run `carrel installation "+
				"accept` with the settings of the server. Nothing was changed", part, id, i.nameOfDatabase())
		}
		return fmt.Errorf("%s belongs to installation %s, and %s is empty. Check --database (CARREL_DATABASE), or "+
			"restore the database of that installation. To begin anew, use an empty data folder and another master "+
			"key file. Nothing was changed", part, id, i.nameOfDatabase())
	}
	if len(i.libraries) > 0 && !i.database.Libraries {
		return fmt.Errorf("%s has contents of an installation, and %s is empty. Check --database (CARREL_DATABASE) "+
			"and --data, or restore the database. To begin anew, use an empty data folder. Nothing was changed",
			i.nameOfFolder(), i.nameOfDatabase())
	}
	return nil
}

func (i *installation) keyringID() string {
	if i.keyring == nil {
		return ""
	}
	return i.keyring.Installation()
}

func (i *installation) nameOfDatabase() string {
	if i.database.Tables {
		return "the database"
	}
	return "the database, which has no tables yet,"
}

func (i *installation) nameOfFolder() string { return "the folder of large contents " + i.config.Blobs }

func (i *installation) nameOfKeyring() string {
	if len(i.config.MasterKeys) > 0 {
		return "the keyring in CARREL_MASTER_KEYS"
	}
	return "the keyring " + i.config.Keyring
}

// adopt gives the parts one id, after check has passed and all of them are open: the database first, and the keyring
// last, so that a start that was interrupted goes on at the next one.
func (i *installation) adopt(ctx context.Context, db *store.DB, disk *blob.Disk) error {
	own, err := db.AddInstallation(ctx, seal.NewInstallationID(), i.config.Now())
	if err != nil {
		return err
	}
	if i.database.Installation.ID == "" && len(i.database.SigningKeys) == 0 {
		i.config.Log.Warn("made a new, empty installation. If there was one before, stop the server, and look whether "+
			"its disks are mounted and the settings lead to its data folder and its database",
			"installation", own.ID, "contents", i.config.Blobs)
	}
	if err := i.adoptFolder(ctx, db, disk, own); err != nil {
		return err
	}
	return i.adoptKeyring(own.ID)
}

// adoptFolder marks the folder, if it has no mark, and records it in the database.
func (i *installation) adoptFolder(ctx context.Context, db *store.DB, disk *blob.Disk, own store.Installation) error {
	mark, err := disk.AddMark(blob.Mark{Installation: own.ID, Folder: seal.NewInstallationID()})
	if err != nil {
		return err
	}
	if own, err = db.SetContentFolder(ctx, mark.Folder, ""); err != nil {
		return err
	}
	// Another server may have been faster, with another folder.
	i.mark, i.database.Installation, i.database.Tables = mark, own, true
	return i.check()
}

// compare returns an error if a folder and a database that have no ids yet show that they do not belong together.
func (i *installation) compare() error {
	if looked, missing := i.countMissing(); missing > 0 && missing == looked {
		return fmt.Errorf("the database has large contents, and none of them is in the folder %s. Check --data and "+
			"--database. If the contents are lost, run `carrel installation accept` with the settings of the server",
			i.config.Blobs)
	}
	if len(i.libraries) > 0 && !i.database.Among {
		return fmt.Errorf("the folder of large contents %s has contents of libraries that the database does not know. "+
			"Check --data and --database. If they belong together, run `carrel installation accept` with the settings "+
			"of the server", i.config.Blobs)
	}
	return nil
}

// adoptKeyring records the id in the keyring's file. A file that cannot be written, such as a mounted secret, stays as
// it is, and is not compared.
func (i *installation) adoptKeyring(id string) error {
	if len(i.config.MasterKeys) > 0 || i.keyringID() == id {
		return nil
	}
	err := seal.RecordInstallation(i.config.Keyring, id)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		i.config.Log.Info("the keyring cannot be written, so it does not say to which installation it belongs",
			"file", i.config.Keyring, "installation", id, "error", err)
		return nil
	}
	return err
}

// makeKeyring makes the keyring of a new installation and returns it. It returns an error if the database has something
// that another keyring has sealed.
func (i *installation) makeKeyring(ctx context.Context, db *store.DB) (created bool, err error) {
	if i.keyring != nil {
		return false, nil
	}
	keys, err := db.ListSigningKeys(ctx)
	if err != nil {
		return false, err
	}
	if len(keys) > 0 {
		return false, i.findKeyring()
	}
	if created, err = seal.CreateKeyring(i.config.Keyring); err != nil {
		return false, err
	}
	if i.keyring, err = seal.OpenKeyring(i.config.Keyring); err != nil {
		return created, err
	}
	return created, nil
}

// opensSecrets returns a function that says whether a keyring opens the newest signing key of the database, and so is
// the one with which the database goes on. A rotation adds a key to the file before it uses it.
func (i *installation) opensSecrets(db *store.DB) func(*seal.Keyring) error {
	const timeout = 5 * time.Second
	return func(ring *seal.Keyring) error {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		keys, err := db.ListSigningKeys(ctx)
		if err != nil || len(keys) == 0 {
			return err
		}
		_, err = library.OpenSigningKey(ring, keys[0])
		return err
	}
}

// findKeyring returns an error if there is no keyring beside a database that has what a keyring has sealed.
func (i *installation) findKeyring() (err error) {
	if i.keyring != nil {
		return nil
	}
	// Another server that has just started for the first time may have made the file since.
	if i.keyring, err = openKeyring(i.config); err != nil || i.keyring != nil {
		return err
	}
	return fmt.Errorf("the keyring %s does not exist, and the database has secrets of the server that it has sealed. "+
		"Restore the file from its backup, or copy it from another server of this installation; check "+
		"--master-key-file. If it is lost for good, run `carrel keys reset` with the settings of the server. That "+
		"says what is lost with it; nobody's files are", i.config.Keyring)
}

// explainKeyring adds to an error of a keyring that does not open the server's secrets what an operator can do.
func (i *installation) explainKeyring(err error) error {
	if !errors.Is(err, seal.ErrCannotOpen) {
		return err
	}
	return fmt.Errorf("%w. Restore %s from its backup, or copy it from another server of this installation; check "+
		"--master-key-file and --database. If the right keyring is lost for good, `carrel keys reset` says what is "+
		"lost with it", err, i.nameOfKeyring())
}

// drawSigningKey returns a function that draws the signing key once. If the installation has none, that has begun when
// it returns: meanwhile the database is made, so that the first start takes less time.
func (i *installation) drawSigningKey() func() (*rsa.PrivateKey, error) {
	draw := sync.OnceValues(library.DrawSigningKey)
	if len(i.database.SigningKeys) == 0 {
		go func() { _, _ = draw() }() // whoever needs the key gets the error
	}
	return draw
}

// openSigner opens the signing key. A keyring that was made for it, and does not open it because another server was
// faster, is removed again.
func (i *installation) openSigner(
	ctx context.Context, db *store.DB, draw func() (*rsa.PrivateKey, error),
) (*library.Signer, error) {
	created, err := i.makeKeyring(ctx, db)
	if err != nil {
		return nil, err
	}
	signer, err := library.OpenSigner(ctx, db, i.keyring, i.config.Now, draw)
	if err == nil {
		return signer, nil
	}
	if created {
		return nil, errors.Join(err, os.Remove(i.config.Keyring))
	}
	return nil, i.explainKeyring(err)
}

// countMissing looks for some of the database's large contents in the folder.
func (i *installation) countMissing() (looked, missing int) {
	for _, key := range i.database.LargeContents {
		if !blob.Has(i.config.Blobs, key) {
			missing++
		}
	}
	return len(i.database.LargeContents), missing
}
