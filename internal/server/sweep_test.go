package server_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/server/servertest"
)

// What a crash left of a push is removed at the next start; what is being written is
// not.
func TestTemporariesAreSwept(t *testing.T) {
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
	servertest.Start(t, func(c *server.Config) { c.Blobs = folder })
	for range 500 {
		if _, err := os.Stat(old); os.IsNotExist(err) {
			if _, err := os.Stat(fresh); err != nil {
				t.Errorf("what is being written: %v", err)
			}
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("what a crash left is still there")
}
