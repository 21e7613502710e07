package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/blob"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store"
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

const (
	// backupMark is a file by which the command recognises the folder of an earlier backup.
	backupMark = "carrel-backup.txt"
	// unfinished is a part of the name of a database that is still being written.
	unfinished = "carrel.db~"
)

// Run makes the backup.
//
// The database comes first. A content is stored before its row, and deleted after it, so the contents that are there
// afterwards are those of every row in the copy, except those of libraries that were deleted meanwhile. The other way
// round, a file that was pushed between the two would be listed without its content.
func (c *backupCmd) Run(ctx context.Context) error {
	isPostgres := strings.HasPrefix(c.database(), "postgres")
	if isPostgres && !c.ContentsOnly {
		return errors.New("the database is PostgreSQL: run pg_dump first, and then this command with --contents-only")
	}
	if info, err := os.Stat(c.Data); err != nil || !info.IsDir() {
		return fmt.Errorf("there is no data folder %s: give the one of the server with --data or CARREL_DATA", c.Data)
	}
	if err := c.prepareFolder(); err != nil {
		return err
	}
	database := filepath.Join(c.Folder, "carrel.db")
	temporary := filepath.Join(c.Folder, unfinished)
	if !c.ContentsOnly {
		if err := store.Backup(ctx, c.database(), temporary); err != nil {
			return err
		}
	}
	copyOfRows := temporary
	if c.ContentsOnly {
		copyOfRows = c.Database // its rows may be newer than those of pg_dump, but not than the contents
	}
	expected, err := listContents(ctx, copyOfRows)
	if err != nil {
		return err
	}
	// The contents of the earlier backup go only after its database has gone, so that the backup is whole at any time.
	copied, err := blob.Backup(ctx, filepath.Join(c.Data, "blobs"), filepath.Join(c.Folder, "blobs"),
		func(has func(key string) bool) error {
			if !c.ContentsOnly {
				if err := errors.Join(os.Rename(temporary, database), syncFolder(c.Folder)); err != nil {
					return err
				}
			}
			return checkContents(expected, has)
		})
	if err != nil {
		return err
	}
	if err := c.mark(); err != nil {
		return err
	}
	c.print(database, copied)
	return nil
}

// listContents lists the keys of the contents that are not in a database itself.
func listContents(ctx context.Context, database string) (keys []string, err error) {
	err = store.EachLargeFile(ctx, database, func(owner library.ID, file wire.FileName) error {
		keys = append(keys, string(owner)+"/"+string(file))
		return nil
	})
	return keys, err
}

// checkContents returns an error if a content is missing.
func checkContents(expected []string, has func(key string) bool) error {
	missing, first := 0, ""
	for _, key := range expected {
		if !has(key) {
			if missing++; missing == 1 {
				first = key
			}
		}
	}
	if missing == 0 {
		return nil
	}
	return fmt.Errorf("the contents of %d files are not in the data folder, the first is %s. If people have just "+
		"deleted their libraries, run the command again; otherwise check that this is the folder of the contents. "+
		"Nothing was removed from the backup", missing, first)
}

// prepareFolder makes the folder, or checks that it is that of an earlier backup.
func (c *backupCmd) prepareFolder() error {
	same, err := contains(c.Data, c.Folder)
	if err != nil {
		return err
	}
	if same {
		return fmt.Errorf("%s is in the data folder: a backup belongs on another disk", c.Folder)
	}
	if err := os.MkdirAll(c.Folder, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	entries, err := os.ReadDir(c.Folder)
	if err != nil {
		return fmt.Errorf("read folder: %w", err)
	}
	if len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(c.Folder, backupMark)); err != nil {
			return fmt.Errorf("%s is not empty and no backup of this command: give an empty folder", c.Folder)
		}
	}
	if err := c.mark(); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(c.Folder, unfinished)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove what an earlier backup has left: %w", err)
	}
	return nil
}

// mark writes the file by which a later backup recognises the folder.
func (c *backupCmd) mark() error {
	text := fmt.Sprintf("A backup of %s by carrel backup, of %s. The master keys are not in it.\n",
		c.Data, time.Now().UTC().Format(time.RFC3339))
	if err := os.WriteFile(filepath.Join(c.Folder, backupMark), []byte(text), 0o600); err != nil {
		return fmt.Errorf("mark folder: %w", err)
	}
	return nil
}

func (c *backupCmd) print(database string, copied blob.Copied) {
	if info, err := os.Stat(database); err == nil && !c.ContentsOnly {
		fmt.Printf("database: %d bytes\n", info.Size())
	}
	fmt.Printf("large contents: %d files, of which %d (%d bytes) are new; %d that were deleted are removed\n",
		copied.Files, copied.New, copied.Bytes, copied.Removed)
	fmt.Printf("The master keys (%s) are not in this backup: keep a copy of them in another place.\n", c.masterKeys())
}

func (c *backupCmd) masterKeys() string {
	if os.Getenv("CARREL_MASTER_KEYS") != "" {
		return "CARREL_MASTER_KEYS"
	}
	return c.masterKeyFile()
}

// contains reports whether a path is a folder or in it.
func contains(folder, path string) (bool, error) {
	folder, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return false, fmt.Errorf("look at data folder: %w", err)
	}
	// The path may not exist yet.
	parent := filepath.Dir(path)
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	} else if resolved, err := filepath.EvalSymlinks(parent); err == nil {
		path = filepath.Join(resolved, filepath.Base(path))
	}
	relative, err := filepath.Rel(folder, path)
	if err != nil {
		return false, nil // on another volume
	}
	return relative == "." || filepath.IsLocal(relative), nil
}

// syncFolder makes a rename in a folder durable.
func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, errors.ErrUnsupported) || os.PathSeparator == '\\' {
		err = nil // a folder cannot be synced on Windows
	}
	return errors.Join(err, f.Close())
}
