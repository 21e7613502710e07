package server_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// TestKeyringFileWatched removes the file of the master keys of a server that runs, spoils it, and lets others read it.
// The log says so once for each change, and the server goes on.
func TestKeyringFileWatched(t *testing.T) {
	t.Parallel()
	w := carreltest.Serve(t)
	grant := w.Person().Allows(w.Application().Contract(library.Write))
	ring := filepath.Join(w.Folder, "master.key")
	text := carreltest.Must(os.ReadFile(ring))(t)
	const warning, well = "could not be started again with the present file", "is in order again"
	logged := 0
	says := func(what, message string, words ...string) {
		t.Helper()
		for range 2 {
			if r := getFrom(t, w.URL+"/readyz", ""); r.StatusCode != http.StatusOK {
				t.Errorf("%s: the server is not ready: %d", what, r.StatusCode)
			}
		}
		carreltest.Must(grant.Pushes(what, []byte("text")))(t)
		all := w.Log.String()
		if n := strings.Count(all, message); n != logged {
			t.Errorf("%s: the log says %d times %q, want %d:\n%s", what, n, message, logged, all)
		}
		for _, word := range words {
			if !strings.Contains(all, word) {
				t.Errorf("%s: the log does not say %q:\n%s", what, word, all)
			}
		}
	}
	says("at first", warning)
	for _, fault := range []struct {
		what  string
		spoil func() error
		word  string
	}{
		{"gone", func() error { return os.Remove(ring) }, "no such file"},
		{"no keys", func() error { return os.WriteFile(ring, []byte("key\n"), 0o600) }, "on line 1"},
		{"open to others", func() error { return os.Chmod(ring, 0o644) }, "chmod 600"},
	} {
		if fault.what == "open to others" && runtime.GOOS == "windows" {
			continue // files have no such modes
		}
		if err := fault.spoil(); err != nil {
			t.Fatal(err)
		}
		logged++
		says(fault.what, warning, `"level":"WARN"`, fault.word, "--master-key-file", ring)
		if err := errors.Join(os.RemoveAll(ring), os.WriteFile(ring, text, 0o600)); err != nil {
			t.Fatal(err)
		}
		says(fault.what+" no more", well)
	}
}
