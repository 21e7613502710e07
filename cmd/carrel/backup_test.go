package main

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// textsBelow returns the text of each file in a folder, by its path.
func textsBelow(t *testing.T, folder string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		texts[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// sameFiles fails the test unless a folder has the files that it had before.
func sameFiles(t *testing.T, what, folder string, before map[string]string) {
	t.Helper()
	after := textsBelow(t, folder)
	for path, text := range before {
		if after[path] != text {
			t.Errorf("%s changes %s", what, path)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%s leaves %q", what, slices.Sorted(maps.Keys(after)))
	}
}

// restored makes a data folder of a backup and the master keys of another data folder.
func restored(t *testing.T, backup, data string) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(backup)); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(data, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "master.key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// TestAttackOlderDatabaseOverBackup restores yesterday's backup, and backs that up into the folder of today's.
func TestAttackOlderDatabaseOverBackup(t *testing.T) {
	t.Parallel()
	data, backups := t.TempDir(), t.TempDir()
	w := inUse(t, data, filepath.Join(data, "carrel.db"))
	person := w.Person()
	writer := person.Allows(w.Application().Contract(library.Write))
	push := func(name string) {
		t.Helper()
		if _, err := writer.Pushes(name, carreltest.Large(name)); err != nil {
			t.Fatal(err)
		}
	}
	yesterday, today := filepath.Join(backups, "yesterday"), filepath.Join(backups, "today")
	succeeds(t, "backup", "--data", data, yesterday)
	push("letter")
	succeeds(t, "backup", "--data", data, today)
	before := textsBelow(t, today)
	refuses := func(args ...string) {
		t.Helper()
		says(t, refused(t, append([]string{"backup"}, args...)...),
			"events of 1 library that the database does not have", "another folder", "--replace-newer")
		sameFiles(t, "a refused backup", today, before)
	}
	older := restored(t, yesterday, data)
	refuses("--data", older, today)
	refuses("--contents-only", "--data", older, today)

	// The person goes on with the older database, and has as many events there as in the backup, and then more.
	for range 3 {
		o := storesOf(t, older, filepath.Join(older, "carrel.db"))
		if _, err := o.People.SignIn(t.Context(), person.Email, person.Password, library.Device{}); err != nil {
			t.Fatal(err)
		}
		refuses("--data", older, today)
	}

	succeeds(t, "backup", "--data", older, filepath.Join(backups, "another"))
	push("another letter")
	says(t, succeeds(t, "backup", "--data", data, today), "new: 1 ")
	says(t, succeeds(t, "backup", "--replace-newer", "--data", older, today), "deleted: 1",
		"the earlier backup had events of 1 library that this one does not have, and 0 libraries that")
}

// TestAttackContentDamagedBeforeBackup cuts a content in the data folder short, and backs up over a whole one.
func TestAttackContentDamagedBeforeBackup(t *testing.T) {
	t.Parallel()
	data, backup := t.TempDir(), filepath.Join(t.TempDir(), "backup")
	database := filepath.Join(data, "carrel.db")
	inUse(t, data, database)
	command := append(on(data, database, "backup"), backup)
	succeeds(t, command...)
	before := textsBelow(t, filepath.Join(backup, "blobs"))
	contents, err := filepath.Glob(filepath.Join(data, "blobs", "*", "*"))
	if err != nil || len(contents) != largeContents {
		t.Fatalf("the contents are %q, %v", contents, err)
	}
	if err := os.Truncate(contents[0], 7); err != nil {
		t.Fatal(err)
	}
	says(t, refused(t, command...), "kept in the backup with ", "the data folder has 7: blobs/", "carrel check")
	sameFiles(t, "a backup of a damaged content", filepath.Join(backup, "blobs"), before)
}

// TestAttackFailedBackupOverBackup loses the contents, accepts a new folder for them, and backs that up.
func TestAttackFailedBackupOverBackup(t *testing.T) {
	t.Parallel()
	data, backup := t.TempDir(), filepath.Join(t.TempDir(), "backup")
	inUse(t, data, filepath.Join(data, "carrel.db"))
	succeeds(t, "backup", "--data", data, backup)
	before := textsBelow(t, backup)
	blobs := filepath.Join(data, "blobs")
	if err := errors.Join(os.RemoveAll(blobs), os.Mkdir(blobs, 0o700)); err != nil {
		t.Fatal(err)
	}
	succeeds(t, "installation", "accept", "--yes", "--data", data)
	says(t, refused(t, "backup", "--data", data, backup), "The earlier backup was not replaced")
	sameFiles(t, "a failed backup", backup, before)
	again := restored(t, backup, data)
	runsOnce(t, again, filepath.Join(again, "carrel.db"))

	// A backup that succeeds has the new folder.
	succeeds(t, "backup", "--missing-ok=3", "--data", data, backup)
	again = restored(t, backup, data)
	runsOnce(t, again, filepath.Join(again, "carrel.db"))
}
