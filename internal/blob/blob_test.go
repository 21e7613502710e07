package blob_test

import (
	"path/filepath"
	"testing"

	"github.com/carrelhq/carrel/internal/blob"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/library/librarytest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	librarytest.TestBlobs(t, func(*testing.T) library.Blobs { return new(blob.Memory) })
}

func TestDisk(t *testing.T) {
	t.Parallel()
	librarytest.TestBlobs(t,
		func(t *testing.T) library.Blobs { return openDisk(t, filepath.Join(t.TempDir(), "blobs")) })
}

func openDisk(t *testing.T, path string) *blob.Disk {
	t.Helper()
	d, err := blob.OpenDisk(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}
