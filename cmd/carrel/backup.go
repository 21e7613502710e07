package main

import (
	"context"
	"fmt"
	"os"

	"github.com/carrelhq/carrel/internal/server"
)

type backupCmd struct {
	stores
	ContentsOnly bool   `help:"Back up only the large contents: for PostgreSQL, after pg_dump."`
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
		Data: c.folder(), Database: c.database(), ContentsOnly: c.ContentsOnly, Folder: c.Folder,
	})
	if err != nil {
		return err
	}
	if !c.ContentsOnly {
		fmt.Printf("database: %d bytes\n", made.Database)
	}
	fmt.Printf("large contents: %d files, of which %d (%d bytes) are new; %d that were deleted are removed\n",
		made.Contents.Files, made.Contents.New, made.Contents.Bytes, made.Contents.Removed)
	keys := c.masterKeyFile()
	if os.Getenv("CARREL_MASTER_KEYS") != "" {
		keys = "CARREL_MASTER_KEYS"
	}
	fmt.Printf("The master keys (%s) are not in this backup: keep a copy of them in another place.\n", keys)
	return nil
}
