package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/blob"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/storage"
	"github.com/carrelhq/carrel/internal/store"
)

// BackupConfig says what [Backup] copies.
type BackupConfig struct {
	// Data is the data folder, and Database the URL or path of the database. Contents are in the folder blobs of Data.
	Data     string
	Database string
	// ContentsOnly leaves out the database, which is necessary for PostgreSQL.
	ContentsOnly bool
	// MissingOK is how many contents may be missing in the data folder.
	MissingOK int
	// ReplaceNewer replaces an earlier backup that has events which the database does not have.
	ReplaceNewer bool
	// Folder is the folder of the backup: a new one, or that of an earlier backup.
	Folder string
}

// BackupResult says what a backup has.
type BackupResult struct {
	// Database is the size of the copy of the database.
	Database int64
	Contents blob.Copied
	// Missing are the contents that the database knows and the data folder does not have, as LIBRARY/FILE. The backup
	// keeps those that an earlier one has copied.
	Missing []Missing
	// Changed is how many files of storages were replaced or deleted while the backup ran, and are not in it.
	Changed int
	// Replaced says what the earlier backup had, and this one does not have.
	Replaced store.Newer
}

// Missing is a content that is missing.
type Missing struct {
	Key string
	// InBackup reports whether the backup has it.
	InBackup bool
}

const (
	// backupMark is a file by which Backup recognises the folder of an earlier backup.
	backupMark = "carrel-backup.txt"
	// backupDatabase is the copy of the database, and unfinished the one that is still being written.
	backupDatabase = "carrel.db"
	unfinished     = backupDatabase + "~"
)

// Backup copies a database and the large contents, while a server may use them. It brings what is in the folder already
// up to date.
//
// The database comes first. A content is stored before its row, and deleted after it, so the contents that are there
// afterwards are those of every row in the copy, except those of libraries that were deleted meanwhile. The other way
// round, a file that was pushed between the two would be listed without its content.
func Backup(ctx context.Context, c BackupConfig) (BackupResult, error) {
	if strings.HasPrefix(c.Database, "postgres") && !c.ContentsOnly {
		return BackupResult{}, errors.New("the database is PostgreSQL: " +
			"run pg_dump first, and then this command with --contents-only")
	}
	if info, err := os.Stat(c.Data); err != nil || !info.IsDir() {
		return BackupResult{}, fmt.Errorf(
			"there is no data folder %s: give the one of the server with --data or CARREL_DATA", c.Data)
	}
	if err := c.checkInstallation(ctx); err != nil {
		return BackupResult{}, err
	}
	if err := c.prepareFolder(); err != nil {
		return BackupResult{}, err
	}
	result, err := c.copy(ctx)
	if err != nil {
		if e := os.Remove(filepath.Join(c.Folder, unfinished)); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
		return result, err
	}
	return result, c.mark()
}

// copy copies the database and the contents into a folder that has been prepared. An error leaves the earlier backup
// as it was, except that it may have more contents.
func (c BackupConfig) copy(ctx context.Context) (result BackupResult, err error) {
	database := filepath.Join(c.Folder, backupDatabase)
	temporary := filepath.Join(c.Folder, unfinished)
	copyOfRows := temporary
	if c.ContentsOnly {
		copyOfRows = c.Database // its rows may be newer than those of pg_dump, but not than the contents
	} else if err := store.Backup(ctx, c.Database, temporary); err != nil {
		return BackupResult{}, err
	}
	if result.Replaced, err = c.checkNewer(ctx, copyOfRows); err != nil {
		return BackupResult{}, err
	}
	expected, err := listContents(ctx, copyOfRows)
	if err != nil {
		return BackupResult{}, err
	}
	// The contents of the earlier backup go only after its database has gone, so that the backup is whole at any time.
	result.Contents, err = blob.Backup(ctx, filepath.Join(c.Data, "blobs"), filepath.Join(c.Folder, "blobs"), expected,
		func(missing []string) (err error) {
			if missing, result.Changed, err = c.leaveOutChanged(ctx, missing); err != nil {
				return err
			}
			for _, key := range missing {
				result.Missing = append(result.Missing, Missing{key, blob.Has(filepath.Join(c.Folder, "blobs"), key)})
			}
			if err := c.checkMissing(len(missing)); err != nil || c.ContentsOnly {
				return err
			}
			return errors.Join(os.Rename(temporary, database), syncFolder(c.Folder))
		})
	if err != nil {
		return result, err
	}
	if info, err := os.Stat(database); err == nil && !c.ContentsOnly {
		result.Database = info.Size()
	}
	return result, nil
}

// checkNewer returns what the database of the earlier backup has and the database does not have. It returns an error if
// these are events, as after an older database was restored, unless they may be replaced. A backup of PostgreSQL has no
// database to compare.
func (c BackupConfig) checkNewer(ctx context.Context, database string) (store.Newer, error) {
	earlier := filepath.Join(c.Folder, backupDatabase)
	if _, err := os.Lstat(earlier); strings.HasPrefix(c.Database, "postgres") || errors.Is(err, fs.ErrNotExist) {
		return store.Newer{}, nil
	}
	const advice = "Back up into another folder, or replace this backup with --replace-newer. " +
		"The earlier backup was not replaced"
	n, err := store.CompareNewer(ctx, database, earlier)
	if c.ReplaceNewer {
		return n, nil // also one that cannot be compared
	}
	if err != nil {
		return store.Newer{}, fmt.Errorf("compare with the earlier backup %s: %w. %s", earlier, err, advice)
	}
	if n.Libraries == 0 {
		return n, nil
	}
	only := ""
	if n.OnlyThere > 0 {
		only = fmt.Sprintf(", and %s that only the backup has", libraries(n.OnlyThere))
	}
	return store.Newer{}, fmt.Errorf(
		"the backup %s has events of %s that the database does not have%s: the database is "+
			"older than the backup, or was restored from an older one. %s",
		c.Folder,
		libraries(n.Libraries),
		only,
		advice,
	)
}

func libraries(n int) string {
	if n == 1 {
		return "1 library"
	}
	return fmt.Sprintf("%d libraries", n)
}

// checkInstallation returns an error unless the database and the contents are of one installation, and the folder has
// no backup of another: that one would be replaced.
func (c BackupConfig) checkInstallation(ctx context.Context) error {
	source := Config{Database: c.Database, Blobs: filepath.Join(c.Data, "blobs")}
	if err := CheckInstallation(ctx, source); err != nil {
		return err
	}
	state, err := store.Inspect(ctx, c.Database)
	if err != nil {
		return fmt.Errorf("inspect database: %w", err)
	}
	earlier, err := blob.ReadMark(filepath.Join(c.Folder, "blobs"))
	if err != nil {
		return fmt.Errorf("look at the earlier backup: %w", err)
	}
	if own := state.Installation.ID; earlier.Installation != "" && earlier.Installation != own {
		if own == "" {
			own = "without a name"
		}
		return fmt.Errorf("%s is a backup of installation %s, and the data folder %s has installation %s. "+
			"Check --data and --database, or back up into another folder. Nothing was changed",
			c.Folder, earlier.Installation, c.Data, own)
	}
	return nil
}

// listContents lists the keys of the contents that are not in a database itself.
func listContents(ctx context.Context, database string) (keys []string, err error) {
	err = store.EachLargeFile(ctx, database, func(owner library.ID, file wire.FileName) error {
		keys = append(keys, string(owner)+"/"+string(file))
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = store.EachLargeStorageFile(ctx, database, func(content storage.Content) error {
		keys = append(keys, content.Key())
		return nil
	})
	return keys, err
}

// leaveOutChanged leaves out the contents that the server has removed while the backup ran, because their files were
// replaced or deleted by their application. It returns how many there are.
func (c BackupConfig) leaveOutChanged(ctx context.Context, missing []string) (left []string, changed int, err error) {
	if !slices.ContainsFunc(missing, isOfStorage) {
		return missing, 0, nil
	}
	there := map[string]bool{}
	err = store.EachLargeStorageFile(ctx, c.Database, func(content storage.Content) error {
		there[content.Key()] = true
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	left = slices.DeleteFunc(slices.Clone(missing), func(key string) bool { return isOfStorage(key) && !there[key] })
	return left, len(missing) - len(left), nil
}

func isOfStorage(key string) bool {
	_, ok := storage.ParseKey(key)
	return ok
}

// checkMissing returns an error if more contents are missing than may be.
func (c BackupConfig) checkMissing(n int) error {
	if n <= c.MissingOK {
		return nil
	}
	contents := "the contents of 1 file are"
	if n > 1 {
		contents = fmt.Sprintf("the contents of %d files are", n)
	}
	return fmt.Errorf("%s not in the data folder. If people have just deleted their libraries, run the command again; "+
		"otherwise check that this is the folder of the contents, or restore them. If they are lost for good, "+
		"--missing-ok=%d makes a backup without them. The earlier backup was not replaced", contents, n)
}

// prepareFolder makes the folder, or checks that it is that of an earlier backup.
func (c BackupConfig) prepareFolder() error {
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
	} else if err := c.mark(); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(c.Folder, unfinished)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove what an earlier backup has left: %w", err)
	}
	return nil
}

// mark writes the file by which a later backup recognises the folder.
func (c BackupConfig) mark() error {
	text := fmt.Sprintf("A backup of %s by carrel backup, of %s. The master keys are not in it.\n",
		c.Data, time.Now().UTC().Format(time.RFC3339))
	if err := os.WriteFile(filepath.Join(c.Folder, backupMark), []byte(text), 0o600); err != nil {
		return fmt.Errorf("mark folder: %w", err)
	}
	return nil
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
	if relative, err := filepath.Rel(folder, path); err == nil {
		return filepath.IsLocal(relative), nil
	}
	return false, nil // on another volume
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
