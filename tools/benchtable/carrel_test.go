package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Each measure runs with the real program, so that both know the same flags and figures.
func TestCarrel(t *testing.T) {
	carrel := filepath.Join(t.TempDir(), "carrel")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", carrel, "./cmd/carrel")
	build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build carrel: %v\n%s", err, out)
	}
	for _, tt := range []struct {
		only    string
		figures int // rows with a figure of Carrel
	}{
		{"P1a", 3}, {"P2b", 1}, {"P3,P4", 2}, {"P5", 2}, {"P6", 2}, {"P7", 4},
	} {
		t.Run(tt.only, func(t *testing.T) {
			t.Parallel()
			var out, progress bytes.Buffer
			err := run(t.Context(), options{carrel: carrel, folder: shortFolder(t), quick: true, only: tt.only},
				&out, &progress)
			if err != nil {
				t.Fatalf("%v\n%s\n%s", err, &out, &progress)
			}
			measured := 0
			for line := range strings.Lines(out.String()) {
				cells := strings.Split(line, " | ")
				if len(cells) == 7 && strings.HasPrefix(line, "| P") && cells[2] != "–" {
					measured++
				}
			}
			if strings.Contains(out.String(), "no PostgreSQL here") && os.Getenv("CARREL_TEST_NO_SKIP") == "" {
				t.Skip("no PostgreSQL here")
			}
			if measured != tt.figures {
				t.Errorf("%d rows have a figure, want %d:\n%s", measured, tt.figures, &out)
			}
		})
	}
}

// shortFolder returns a folder that PostgreSQL's user can get into, with a path that is not too long for a socket in
// it.
func shortFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("/tmp", "benchtable-test-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
			t.Errorf("left in the folder: %v, %v", left, err)
		}
		_ = os.RemoveAll(folder)
	})
	if err := os.Chmod(folder, 0o711); err != nil {
		t.Fatal(err)
	}
	return folder
}
