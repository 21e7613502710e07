package server_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/storage"
)

// TestBackupOfStorages: a backup has the contents of storages, and one that its application has replaced while the
// backup ran is no content that is missing.
func TestBackupOfStorages(t *testing.T) {
	t.Parallel()
	s := carreltest.Serve(t)
	contract := s.Application().Contract(library.Write)
	_, id := givesStorage(t, s, contract)
	upload := func(name string) storage.Content {
		t.Helper()
		file := carreltest.Must(contract.Uploads(id, carreltest.PathOf(name), carreltest.Large(name)))(t)
		return storage.Content{Storage: id, File: file.ID}
	}
	kept, replaced := upload("kept"), upload("replaced")
	carreltest.Must(contract.Uploads(id, carreltest.PathOf("small"), []byte("small")))(t)
	c := server.BackupConfig{Data: s.Folder, Database: filepath.Join(s.Folder, "carrel.db"),
		Folder: filepath.Join(t.TempDir(), "backup")}
	has := func(c server.BackupConfig, content storage.Content) bool {
		_, err := os.Stat(filepath.Join(c.Folder, "blobs", filepath.FromSlash(content.Key())))
		return err == nil
	}
	result := carreltest.Must(server.Backup(t.Context(), c))(t)
	if len(result.Missing) > 0 || result.Changed > 0 || !has(c, kept) || !has(c, replaced) {
		t.Errorf("%+v", result)
	}
	fresh := upload("replaced")
	gone := func(content storage.Content) func() bool {
		return func() bool {
			_, err := os.Stat(filepath.Join(s.Folder, "blobs", filepath.FromSlash(content.Key())))
			return errors.Is(err, os.ErrNotExist)
		}
	}
	carreltest.Eventually(t, "what was replaced is removed", gone(replaced))
	result = carreltest.Must(server.Backup(t.Context(), c))(t)
	if len(result.Missing) > 0 || result.Changed > 0 || !has(c, kept) || has(c, replaced) || !has(c, fresh) {
		t.Errorf("%+v", result)
	}
	// The copy of the database has rows that the database has not any more: those of what was replaced meanwhile.
	none := storage.Content{Storage: id, File: "none"}
	left, changed, err := c.LeaveOutChanged(context.Background(),
		[]string{kept.Key(), replaced.Key(), none.Key(), "anna/file"})
	if err != nil || changed != 2 || !slices.Equal(left, []string{kept.Key(), "anna/file"}) {
		t.Errorf("left %q, changed %d, %v", left, changed, err)
	}
	if err := os.Remove(filepath.Join(s.Folder, "blobs", filepath.FromSlash(kept.Key()))); err != nil {
		t.Fatal(err)
	}
	c.Folder = filepath.Join(t.TempDir(), "other")
	result, err = server.Backup(t.Context(), c)
	if err == nil || len(result.Missing) != 1 || result.Missing[0].Key != kept.Key() {
		t.Errorf("a content is lost: %+v, %v", result, err)
	}
}
