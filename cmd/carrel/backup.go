package main

import (
	"context"
	"fmt"
	"os"

	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/store"
)

type backupCmd struct {
	stores
	ContentsOnly bool   `help:"Back up only the large contents: for PostgreSQL, after pg_dump."`
	MissingOK    int    `name:"missing-ok" help:"Make a backup although up to this many contents are lost. More that are missing are an error." placeholder:"N"`
	ReplaceNewer bool   `help:"Replace the earlier backup although it has events that the database does not have, as after an older database was restored."`
	Folder       string `arg:"" help:"Folder of the backup: a new one, or that of an earlier backup, which is brought up to date." type:"path"`
}

// Help is what --help adds.
func (backupCmd) Help() string {
	return `Example:

  carrel backup --data /var/lib/carrel /backup/carrel

The server may run meanwhile. What was answered before the command began is in the backup. The master keys are not:
keep a copy of them in another place. docs/operating.md says how to restore.`
}

// Run makes the backup.
func (c *backupCmd) Run(ctx context.Context) error {
	if err := c.checkGiven(); err != nil {
		return err
	}
	made, err := server.Backup(ctx, server.BackupConfig{
		Data: c.folder(), Database: c.database(), ContentsOnly: c.ContentsOnly, MissingOK: c.MissingOK,
		ReplaceNewer: c.ReplaceNewer, Folder: c.Folder,
	})
	printMissing(made.Missing)
	if made.Changed > 0 {
		fmt.Printf("%s of apps' storages changed while the backup ran, and will be in the next one\n",
			count(int64(made.Changed), "file"))
	}
	if err == nil {
		recordOf("backup").add("folder", c.Folder).ran(ctx, &c.stores, nil)
	}
	if err != nil {
		return err
	}
	if n := made.Replaced; n != (store.Newer{}) {
		fmt.Printf(
			"the earlier backup had events of %s that this one does not have, and %s that the database does not "+
				"have: deleted since, or lost with an older database\n",
			count(n.Libraries, "library", "libraries"),
			count(n.OnlyThere, "library", "libraries"),
		)
	}
	if !c.ContentsOnly {
		fmt.Printf("database: %s\n", count(made.Database, "byte"))
	}
	fmt.Printf("large contents: %s; new: %d (%s); removed, because they were deleted: %d\n",
		count(made.Contents.Files, "file"), made.Contents.New, count(made.Contents.Bytes, "byte"),
		made.Contents.Removed)
	keys := c.masterKeyFile()
	if os.Getenv("CARREL_MASTER_KEYS") != "" {
		keys = "CARREL_MASTER_KEYS"
	}
	fmt.Printf("The master keys (%s) are not in this backup: keep a copy of them in another place.\n", keys)
	return differing(made)
}

// differing prints the contents that have another size than in the earlier backup, and returns an error if there are
// some.
func differing(made server.BackupResult) error {
	list := made.Contents.Differing
	if len(list) == 0 {
		return nil
	}
	for _, d := range list[:min(len(list), maxMissing)] {
		fmt.Printf(
			"kept in the backup with %s; the data folder has %d: blobs/%s\n",
			count(d.Copy, "byte"),
			d.Size,
			d.Key,
		)
	}
	return fmt.Errorf(
		"the backup is up to date, except for %s of another size than in the data folder, which it kept: "+
			"one of the two is damaged. Run `carrel check`. If it finds no fault in such a content, "+
			"remove it from the backup and run the command again; otherwise copy it back from the backup",
		count(len(list), "content"),
	)
}

// maxMissing is how many contents that are missing are listed.
const maxMissing = 100

// printMissing lists the contents that are missing.
func printMissing(missing []server.Missing) {
	for i, m := range missing {
		if i == maxMissing {
			fmt.Printf("and %d more\n", len(missing)-i)
			return
		}
		if m.InBackup {
			fmt.Printf("missing in the data folder, but kept in the backup: blobs/%s\n", m.Key)
		} else {
			fmt.Printf("missing: blobs/%s\n", m.Key)
		}
	}
}
