package blob

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestBackup(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	d, err := OpenDisk(from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	put := func(key, content string) {
		t.Helper()
		if _, err := d.Put(t.Context(), key, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	backup := func(want Copied, files ...string) {
		t.Helper()
		got, err := Backup(t.Context(), from, to, []string{"anna/9", "bert/1"}, func([]string) error { return nil })
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
		if has := contentsIn(t, to); !slices.Equal(has, files) {
			t.Errorf("the copy has %q, want %q", has, files)
		}
	}
	put("anna/1", "one")
	put("anna/2", "two!")
	put("bert/1", "three")
	for _, name := range []string{"mark", "anna/3" + temporaryMark + "x"} {
		if err := os.WriteFile(filepath.Join(from, name), []byte("mark"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	backup(Copied{Files: 3, New: 3, Bytes: 12}, "anna/1=one", "anna/2=two!", "bert/1=three", "mark=mark")

	// Blobs are copied once. Of two with different sizes, the copy keeps its own.
	if err := os.WriteFile(filepath.Join(to, "anna", "1"), []byte("o"), 0o600); err != nil {
		t.Fatal(err)
	}
	put("carla/1", "four")
	backup(Copied{Files: 4, New: 1, Bytes: 4, Differing: []Differing{{"anna/1", 3, 1}}},
		"anna/1=o", "anna/2=two!", "bert/1=three", "carla/1=four", "mark=mark")
	if err := os.Remove(filepath.Join(to, "anna", "1")); err != nil {
		t.Fatal(err)
	}
	if err := d.WriteBeat("server", 7); err != nil { // which a backup does not have
		t.Fatal(err)
	}
	backup(Copied{Files: 4, New: 1, Bytes: 3},
		"anna/1=one", "anna/2=two!", "bert/1=three", "carla/1=four", "mark=mark")

	// What was deleted goes, but not before the new blobs are there.
	if err := errors.Join(d.Delete(t.Context(), "bert/1"), d.Delete(t.Context(), "anna/2")); err != nil {
		t.Fatal(err)
	}
	put("anna/4", "five")
	failed := errors.New("failed")
	if _, err := Backup(t.Context(), from, to, []string{"anna/4", "bert/1", "anna/5"}, func(missing []string) error {
		if !slices.Equal(missing, []string{"bert/1", "anna/5"}) {
			t.Errorf("missing are %q", missing)
		}
		return failed
	}); !errors.Is(err, failed) {
		t.Errorf("got %v, want the error of the caller", err)
	}
	if has := contentsIn(t, to); len(has) != 6 {
		t.Errorf("a failed backup has %q", has)
	}
	// What is expected, and is only in the copy, stays there.
	backup(Copied{Files: 3, Removed: 1},
		"anna/1=one", "anna/4=five", "bert/1=three", "carla/1=four", "mark=mark")
}

func contentsIn(t *testing.T, folder string) (files []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(folder), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(folder, path))
		files = append(files, path+"="+string(content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
