package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// The test program runs itself as the process that crashes. These variables name the
// step after which it does, and the folder.
const (
	crashAfterVar = "CARREL_TEST_CRASH_AFTER"
	crashInVar    = "CARREL_TEST_CRASH_IN"
)

func TestMain(m *testing.M) {
	if after := os.Getenv(crashAfterVar); after != "" {
		putAndCrash(putStep(after), os.Getenv(crashInVar))
	}
	os.Exit(m.Run())
}

var crashContent = bytes.Repeat([]byte("sealed"), 1<<20)

func putAndCrash(after putStep, path string) {
	d, err := OpenDisk(path)
	if err != nil {
		panic(err)
	}
	d.afterStep = func(s putStep) {
		if s == after {
			if self, err := os.FindProcess(os.Getpid()); err == nil {
				_ = self.Kill()
			}
			select {} // go no further
		}
	}
	_, err = d.Put(context.Background(), "lib/file", bytes.NewReader(crashContent))
	panic(err)
}

func TestCrashLeavesAllOrNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		after   putStep
		visible bool
	}{
		{stepFolder, false}, {stepCreate, false}, {stepWrite, false}, {stepSync, false},
		{stepRename, true}, {stepVisible, true},
	} {
		t.Run(string(c.after), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "blobs")
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), crashAfterVar+"="+string(c.after), crashInVar+"="+path)
			out, err := child.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != -1 && runtime.GOOS != "windows" {
				t.Fatalf("the child ended with %v\n%s", err, out)
			}

			d, err := OpenDisk(path)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			var keys []string
			list := func(key string, _ time.Time) error { keys = append(keys, key); return nil }
			if err := d.List(t.Context(), "", list); err != nil {
				t.Fatal(err)
			}
			r, err := d.Open(t.Context(), "lib/file")
			if !c.visible {
				if !errors.Is(err, library.ErrNotFound) || len(keys) != 0 {
					t.Errorf("open: %v; listed: %q", err, keys)
				}
			} else {
				if err != nil || len(keys) != 1 {
					t.Fatalf("open: %v; listed: %q", err, keys)
				}
				defer r.Close()
				if content, err := io.ReadAll(r); err != nil || !bytes.Equal(content, crashContent) {
					t.Errorf("read %d bytes, %v", len(content), err)
				}
			}

			if err := d.Sweep(t.Context(), time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			want := 0
			if c.visible {
				want = 1
			}
			if n := filesIn(t, path); n != want {
				t.Errorf("%d files after sweeping, want %d", n, want)
			}
		})
	}
}

func TestSweepSparesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	d, err := OpenDisk(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	d.afterStep = func(s putStep) {
		if s == stepSync {
			if err := d.Sweep(t.Context(), time.Now().Add(-time.Hour)); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := d.Put(t.Context(), "lib/file", bytes.NewReader(crashContent)); err != nil {
		t.Fatal(err)
	}
	if err := d.Sweep(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := filesIn(t, path); n != 1 {
		t.Errorf("%d files, want 1", n)
	}
}

func TestKeysStayInside(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	d, err := OpenDisk(filepath.Join(parent, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, key := range []string{"", "file", "../out/file", "lib/../../out", "/etc/file", "lib/a/b", "lib/.", "lib/f~x",
		"./f"} {
		if _, err := d.Put(t.Context(), key, bytes.NewReader(nil)); err == nil {
			t.Errorf("put under %q", key)
		}
	}
	// Symbolic links are not followed to the outside either.
	if err := os.Symlink(parent, filepath.Join(parent, "blobs", "lib")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Put(t.Context(), "lib/file", bytes.NewReader(nil)); err == nil {
		t.Error("put through a link to the outside")
	}
	if n := filesIn(t, parent); n != 0 {
		t.Errorf("%d files were made", n)
	}
}

func TestOthersMayNotRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "blobs")
	d, err := OpenDisk(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Put(t.Context(), "lib/file", bytes.NewReader(nil)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "lib", "lib/file"} {
		info, err := os.Stat(filepath.Join(path, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%q has the mode %v", name, info.Mode())
		}
	}
}

func filesIn(t *testing.T, path string) (n int) {
	t.Helper()
	err := filepath.WalkDir(path, func(_ string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
