package server_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/server"
)

// When it starts, the server removes a temporary file that a crash has left, but not one that is being written.
func TestTemporariesAreSwept(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	library := filepath.Join(folder, "0123456789abcdefghjkmnpqrs")
	if err := os.MkdirAll(library, 0o700); err != nil {
		t.Fatal(err)
	}
	old, fresh := filepath.Join(library, "a~left"), filepath.Join(library, "b~under-way")
	for _, name := range []string{old, fresh} {
		if err := os.WriteFile(name, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(old, long, long); err != nil {
		t.Fatal(err)
	}
	carreltest.Serve(t, func(c *server.Config) { c.Blobs = folder })
	carreltest.Eventually(t, "the file that a crash has left is removed", func() bool {
		_, err := os.Stat(old)
		return os.IsNotExist(err)
	})
	if _, err := os.Stat(fresh); err != nil {
		t.Errorf("the file that is being written: %v", err)
	}
}
