//go:build unix

package outfile_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/carrelhq/carrel/internal/outfile"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

var errBroken = errors.New("broken")

func broken(w io.Writer) error { return errors.Join(text("half")(w), errBroken) }

// wantFile checks content, mode and kind of a file.
func wantFile(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Error(err)
		return
	}
	if info.Mode() != mode {
		t.Errorf("%s has mode %v, want %v", filepath.Base(path), info.Mode(), mode)
	}
	if !mode.IsRegular() {
		return // reading a pipe would wait for a writer
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != content {
		t.Errorf("%s has %q, %v; want %q", filepath.Base(path), got, err, content)
	}
}

// wantAlone checks that a folder has no temporary file.
func wantAlone(t *testing.T, folder string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != len(names) {
		t.Errorf("the folder has %v, %v; want %v", entries, err, names)
	}
}

func check(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

func TestReplace(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "file")
	check(t, outfile.Replace(path, broken), errBroken)
	wantAlone(t, folder)
	check(t, outfile.Replace(path, text("one")), nil)
	wantFile(t, path, "one", 0o600)
	check(t, outfile.Replace(path, text("two")), nil)
	check(t, outfile.Replace(path, broken), errBroken)
	wantFile(t, path, "two", 0o600)
	wantAlone(t, folder, "file")
}

// TestAttackReplaceSpecialFiles: what is no regular file stays what it is.
func TestAttackReplaceSpecialFiles(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	check(t, errors.Join(
		os.WriteFile(in("target"), []byte("a longer text before"), 0o640),
		os.Chmod(in("target"), 0o640),
		os.Symlink("target", in("link")),
		os.Symlink("nothing", in("dangling")),
		syscall.Mkfifo(in("pipe"), 0o600),
		os.Mkdir(in("folder"), 0o700),
	), nil)

	check(t, outfile.Replace(in("link"), text("new")), nil)
	wantFile(t, in("link"), "", fs.ModeSymlink|0o777)
	wantFile(t, in("target"), "new", 0o640)

	check(t, outfile.Replace(in("dangling"), text("new")), nil)
	wantFile(t, in("dangling"), "", fs.ModeSymlink|0o777)
	wantFile(t, in("nothing"), "new", 0o600)

	read := make(chan string)
	go func() {
		got, _ := os.ReadFile(in("pipe"))
		read <- string(got)
	}()
	check(t, outfile.Replace(in("pipe"), text("through")), nil)
	if got := <-read; got != "through" {
		t.Errorf("the pipe's reader got %q", got)
	}
	wantFile(t, in("pipe"), "", fs.ModeNamedPipe|0o600)

	if err := outfile.Replace(in("folder"), text("x")); err == nil {
		t.Error("a folder was written to")
	}
	for _, name := range []string{"link", "pipe", "folder"} {
		err := outfile.ReplaceRegular(in(name), text("x"))
		if err == nil || !strings.Contains(err.Error(), "no regular file") {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantFile(t, in("target"), "new", 0o640)

	// A device like /dev/null; only root can make one.
	if err := syscall.Mknod(in("null"), syscall.S_IFCHR|0o666, 1<<8|3); err != nil {
		t.Logf("no device: %v", err)
		return
	}
	check(t, outfile.Replace(in("null"), text("x")), nil)
	check(t, outfile.WriteSecret(in("null"), []byte("x")), nil)
	if info, err := os.Lstat(in("null")); err != nil || info.Mode()&fs.ModeCharDevice == 0 {
		t.Errorf("the device is %v, %v", info.Mode(), err)
	}
}

func TestWriteSecret(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path, link := filepath.Join(folder, "file"), filepath.Join(folder, "link")
	check(t, errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o644), os.Symlink("file", link)), nil)
	for i, name := range []string{path, link, filepath.Join(folder, "new")} {
		content := strings.Repeat("secret", i+1)
		check(t, outfile.WriteSecret(name, []byte(content)), nil)
		if name == link {
			wantFile(t, link, "", fs.ModeSymlink|0o777)
			name = path
		}
		wantFile(t, name, content, 0o600)
	}
	wantAlone(t, folder, "file", "link", "new")
}

func TestCreateSecret(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "file")
	check(t, outfile.CreateSecret(path, broken), errBroken)
	wantAlone(t, folder)
	check(t, outfile.CreateSecret(path, text("one")), nil)
	wantFile(t, path, "one", 0o600)
	check(t, outfile.CreateSecret(path, text("two")), fs.ErrExist)
	check(t, os.Symlink("elsewhere", filepath.Join(folder, "link")), nil)
	check(t, outfile.CreateSecret(filepath.Join(folder, "link"), text("two")), fs.ErrExist)
	wantFile(t, path, "one", 0o600)
}

func TestRestrict(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	check(t, f.Chmod(0o664), nil)
	for _, want := range []bool{true, false} {
		if restricted, err := outfile.Restrict(f); err != nil || restricted != want {
			t.Errorf("restricted %t, %v; want %t", restricted, err, want)
		}
	}
	wantFile(t, path, "", 0o600)
}
