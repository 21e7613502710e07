//go:build unix

package blob

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// TestAttackFolderMovedAway moves the folder away while it is open, with and without a copy in its place. What is
// written then would be lost with the folder that was moved, and what is deleted would stay in the copy.
func TestAttackFolderMovedAway(t *testing.T) {
	t.Parallel()
	for name, putInPlace := range map[string]func(moved, folder string) error{
		"removed":        func(string, string) error { return nil },
		"an empty one":   func(_, folder string) error { return os.Mkdir(folder, 0o700) },
		"a copy":         func(moved, folder string) error { return os.CopyFS(folder, os.DirFS(moved)) },
		"a link to copy": func(moved, folder string) error { return copyAndLink(moved, folder) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir() + "/blobs"
			d, err := OpenDisk(folder)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = d.Close() })
			if _, err := d.Put(t.Context(), "anna/1", strings.NewReader("sealed")); err != nil {
				t.Fatal(err)
			}
			under := &movingReader{r: strings.NewReader("sealed"), move: func() error {
				return errors.Join(os.Rename(folder, folder+".old"), putInPlace(folder+".old", folder))
			}}
			refused := map[string]error{}
			_, refused["a put under way"] = d.Put(t.Context(), "anna/2", under)
			_, refused["put"] = d.Put(t.Context(), "anna/3", strings.NewReader("sealed"))
			refused["delete"] = d.Delete(t.Context(), "anna/1")
			refused["set aside"] = d.SetAside(t.Context(), "anna/1", time.Now())
			refused["sweep"] = d.Sweep(t.Context(), time.Now())
			refused["check"] = d.Check()
			for what, err := range refused {
				if !errors.Is(err, ErrMoved) || !errors.Is(err, library.ErrUnavailable) {
					t.Errorf("%s: %v", what, err)
				}
			}
			for _, key := range []string{"anna/2", "anna/3"} {
				if _, err := os.Stat(folder + ".old/" + key); err == nil {
					t.Errorf("%s was written into the folder that was moved", key)
				}
			}
			content, err := d.Open(t.Context(), "anna/1")
			if err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(content); err != nil || string(text) != "sealed" {
				t.Errorf("read %q, %v", text, err)
			}
			_ = content.Close() // it was only read
			if err := errors.Join(os.RemoveAll(folder), os.Rename(folder+".old", folder)); err != nil {
				t.Fatal(err)
			}
			if _, err := d.Put(t.Context(), "anna/3", strings.NewReader("sealed")); err != nil {
				t.Errorf("with the folder in its place again: %v", err)
			}
		})
	}
}

func copyAndLink(moved, folder string) error {
	return errors.Join(os.CopyFS(folder+".copy", os.DirFS(moved)), os.Symlink(folder+".copy", folder))
}

// movingReader moves the folder before its end.
type movingReader struct {
	r    io.Reader
	move func() error
}

func (m *movingReader) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if err == io.EOF {
		if moved := m.move(); moved != nil {
			return n, moved
		}
	}
	return n, err
}
