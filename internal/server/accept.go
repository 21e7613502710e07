package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/carrelhq/carrel/internal/blob"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store"
)

// AcceptOptions say what [AcceptInstallation] may do.
type AcceptOptions struct {
	// Confirmed makes it change what it otherwise only describes.
	Confirmed bool
	// Foreign are the ids of other installations to which the folder or the keyring may belong so far.
	Foreign []string
}

// Accepted is the result of [AcceptInstallation].
type Accepted struct {
	// Installation is the id of the installation; empty before a new one is made.
	Installation string
	// Changes says in sentences what changes. It is empty if everything belongs together.
	Changes []string
	// Foreign are the ids of other installations to which the folder or the keyring belongs.
	Foreign []string
	// Looked is how many large contents of the database were looked for in the folder, and Missing how many of them are
	// not there.
	Looked, Missing int
}

// AcceptInstallation makes the folder of large contents and the keyring of a configuration those of its database. It is
// for an operator who has restored one of them, or has lost the folder. Unless it is confirmed, it only says what it
// would change. No server may use the database.
func AcceptInstallation(ctx context.Context, c Config, o AcceptOptions) (accepted Accepted, err error) {
	ring, err := openKeyring(c)
	if err != nil {
		return Accepted{}, err
	}
	i, err := inspect(ctx, c, ring)
	if err != nil {
		return Accepted{}, err
	}
	if !i.database.Libraries && i.database.Installation.ID == "" {
		return Accepted{}, fmt.Errorf("%s is empty: check --database", i.nameOfDatabase())
	}
	if err := i.opensSigningKey(); err != nil {
		return Accepted{}, err
	}
	accepted, err = i.planAcceptance()
	if err != nil {
		return accepted, err
	}
	for _, id := range accepted.Foreign {
		if o.Confirmed && !slices.Contains(o.Foreign, id) {
			return accepted, fmt.Errorf("a part belongs to another installation, %s: name that, with --yes=%s, if "+
				"this installation is to have it. Nothing was changed", id, strings.Join(accepted.Foreign, ","))
		}
	}
	for _, id := range o.Foreign {
		if !slices.Contains(accepted.Foreign, id) {
			return accepted, fmt.Errorf("--yes names %q, and no part belongs to an installation with that id. Nothing "+
				"was changed", id)
		}
	}
	if !o.Confirmed || len(accepted.Changes) == 0 {
		return accepted, nil
	}
	hold, err := store.HoldAlone(ctx, c.Database)
	if err != nil {
		return accepted, err
	}
	defer func() { err = errors.Join(err, hold.Release()) }()
	accepted.Installation, err = i.accept(ctx, accepted.Installation)
	return accepted, err
}

// planAcceptance says what [installation.accept] will change.
func (i *installation) planAcceptance() (a Accepted, err error) {
	own := i.database.Installation
	a.Installation = own.ID
	if parts := i.partIDs(); own.ID == "" && len(parts) == 1 {
		a.Installation = parts[0] // a database of before gets the id that the other parts agree on
	}
	for _, id := range i.partIDs() {
		if id != a.Installation && a.Installation != "" {
			a.Foreign = append(a.Foreign, id)
		}
	}
	change := func(format string, args ...any) { a.Changes = append(a.Changes, fmt.Sprintf(format, args...)) }
	id := cmp.Or(a.Installation, "with a new id")
	if i.database.Version < store.Version() {
		change("the tables of the database are brought from version %d to %d, which this program needs: an older "+
			"program cannot use them any more", i.database.Version, store.Version())
	}
	if own.ID == "" {
		change("the database, which belongs to no installation, belongs to installation %s", id)
	}
	if own.ID == "" || i.mark.Installation != own.ID || i.mark.Folder != own.Folder {
		change("%s, which %s, becomes that of installation %s", i.nameOfFolder(), i.historyOfFolder(), id)
	}
	if ring := i.keyringID(); ring != "" && ring != a.Installation {
		if len(i.config.MasterKeys) > 0 {
			return a, fmt.Errorf("the keyring in CARREL_MASTER_KEYS has the line of another installation, which this "+
				"command cannot change: remove the line \"# installation %s\", and run the command again", ring)
		}
		change("%s names installation %s in place of %s", i.nameOfKeyring(), id, ring)
	}
	a.Looked, a.Missing = i.countMissing()
	return a, nil
}

// partIDs returns the ids in the folder and in the keyring.
func (i *installation) partIDs() (ids []string) {
	for _, id := range []string{i.mark.Installation, i.keyringID()} {
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// historyOfFolder says what the folder was before it is accepted.
func (i *installation) historyOfFolder() string {
	own := i.database.Installation.ID
	switch {
	case i.badMark != nil:
		return "has a file \"installation\" that says nothing"
	case i.mark.Installation == "":
		return "has no file \"installation\""
	case i.mark.Installation == own:
		return "is another folder of this installation than the database knows"
	default:
		return "belongs to installation " + i.mark.Installation
	}
}

// accept gives the parts one id, which is a new one if the id is empty. It returns the id.
func (i *installation) accept(ctx context.Context, id string) (_ string, err error) {
	db, err := store.Open(ctx, i.config.Database) // a backup may be of an older version
	if err != nil {
		return "", fmt.Errorf("open database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	own, err := db.AddInstallation(ctx, cmp.Or(id, seal.NewInstallationID()), time.Now())
	if err != nil {
		return "", err
	}
	if err := i.acceptFolder(ctx, db, own); err != nil {
		return own.ID, err
	}
	if old := i.keyringID(); old != "" && old != own.ID {
		return own.ID, seal.ReplaceInstallation(i.config.Keyring, own.ID)
	}
	return own.ID, nil
}

// opensSigningKey returns an error if the keyring does not open the database's newest signing key.
func (i *installation) opensSigningKey() error {
	keys := i.database.SigningKeys
	if len(keys) == 0 {
		return nil
	}
	if i.keyring == nil {
		return fmt.Errorf("%s does not exist: restore it first, or run `carrel keys reset`", i.nameOfKeyring())
	}
	if _, err := library.OpenSigningKey(i.keyring, keys[0]); err != nil {
		return fmt.Errorf("%s does not open the secrets of this database: check --master-key-file and --database, and "+
			"restore it first. If the right one is lost for good, move this one away and run `carrel keys reset`",
			i.nameOfKeyring())
	}
	return nil
}

func (i *installation) acceptFolder(ctx context.Context, db *store.DB, own store.Installation) (err error) {
	disk, err := blob.OpenDisk(i.config.Blobs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	mark := blob.Mark{Installation: own.ID, Folder: i.mark.Folder}
	if i.mark.Installation != own.ID {
		mark.Folder = seal.NewInstallationID()
	}
	if err := disk.ReplaceMark(mark); err != nil {
		return err
	}
	_, err = db.SetContentFolder(ctx, mark.Folder, own.Folder)
	return err
}
