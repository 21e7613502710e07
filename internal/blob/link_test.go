//go:build unix

package blob

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAttackLinkInContents: somebody who may write into the folder of contents replaces one by a link to a secret of
// the machine, or by a pipe, after a backup has listed the folder.
func TestAttackLinkInContents(t *testing.T) {
	t.Parallel()
	const secret = "the master keyring"
	for name, plant := range map[string]func(secret, content string) error{
		"a link to a file": os.Symlink,
		"a pipe":           func(_, content string) error { return syscall.Mkfifo(content, 0o600) },
		"a link to a folder": func(secret, content string) error {
			if err := os.Remove(filepath.Dir(content)); err != nil {
				return err
			}
			return os.Symlink(filepath.Dir(secret), filepath.Dir(content))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outside, from, to := t.TempDir(), t.TempDir(), t.TempDir()
			d, err := OpenDisk(from)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			if _, err := d.Put(t.Context(), "anna/1", strings.NewReader("sealed")); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(outside, "1"), []byte(secret), 0o600); err != nil {
				t.Fatal(err)
			}
			content := filepath.Join(from, "anna", "1")
			entries, err := os.ReadDir(filepath.Join(from, "anna"))
			if err != nil || len(entries) != 1 {
				t.Fatal(entries, err)
			}
			if err := os.Remove(content); err != nil {
				t.Fatal(err)
			}
			if err := plant(filepath.Join(outside, "1"), content); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error)
			go func() { ended <- addListed(from, to, "anna/1", entries[0]) }()
			select {
			case err := <-ended:
				if err == nil {
					t.Error("the backup says nothing")
				}
			case <-time.After(5 * time.Second):
				t.Fatal("the backup waits for the other end of the pipe")
			}
			for _, file := range contentsIn(t, to) {
				t.Errorf("the backup has %s", file)
			}
			if f, err := d.Open(t.Context(), "anna/1"); err == nil {
				_ = f.Close()
				t.Error("it opens as a content")
			}
			if Has(from, "anna/1") {
				t.Error("it counts as a content")
			}
		})
	}
}

// addListed adds a file to a backup that has been listed before.
func addListed(from, to, name string, entry fs.DirEntry) error {
	b := backup{there: map[string]bool{}}
	var err error
	if b.from, err = os.OpenRoot(from); err != nil {
		return err
	}
	defer b.from.Close()
	if b.to, err = os.OpenRoot(to); err != nil {
		return err
	}
	defer b.to.Close()
	return errors.Join(b.to.MkdirAll(filepath.Dir(name), 0o700), b.add(name, entry))
}
