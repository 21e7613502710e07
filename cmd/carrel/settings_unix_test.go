//go:build unix

package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asNobody returns a function that runs a command as a user to whom nothing belongs, and gives them the files of a
// folder that is asked for. Only root can.
func asNobody(t *testing.T) (run func(args ...string) string, give func(folder string)) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can run a command as another user")
	}
	const nobody = 65534
	folder := t.TempDir()
	program := filepath.Join(folder, "carrel")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(filepath.Dir(folder), 0o755), os.WriteFile(program, text, 0o755)); err != nil {
		t.Fatal(err)
	}
	run = func(args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Dir = folder
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("carrel %s succeeds:\n%s", strings.Join(args, " "), out)
		}
		return string(out)
	}
	give = func(folder string) {
		t.Helper()
		err := filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
			return errors.Join(err, os.Chown(path, nobody, nobody))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return run, give
}

// TestAnotherUser runs commands as another user than the server's.
func TestAnotherUser(t *testing.T) {
	t.Parallel()
	run, _ := asNobody(t)
	data := t.TempDir()
	database := filepath.Join(data, "carrel.db")
	runsOnce(t, data, database)
	for _, mode := range []os.FileMode{0o755, 0o700} {
		if err := os.Chmod(data, mode); err != nil {
			t.Fatal(err)
		}
		for _, command := range []string{
			"application list", "application add --name Clinic", "check", "keys list", "installation show",
		} {
			said := run(on(data, database, command)...)
			if !strings.Contains(said, "as the user of the server") &&
				!strings.Contains(said, "of this command may read") {
				t.Errorf("%s in a folder of mode %04o says %s", command, mode, said)
			}
		}
	}
}

// TestReadOnlyFolder starts a server in a folder that cannot be written.
func TestReadOnlyFolder(t *testing.T) {
	t.Parallel()
	run, give := asNobody(t)
	data := t.TempDir()
	database := filepath.Join(data, "carrel.db")
	runsOnce(t, data, database)
	give(data)
	for name, modes := range map[string][2]os.FileMode{
		"the file": {0o700, 0o400}, "the folder": {0o500, 0o600}, "both": {0o500, 0o400},
	} {
		if err := errors.Join(os.Chmod(data, modes[0]), os.Chmod(database, modes[1])); err != nil {
			t.Fatal(err)
		}
		said := run(append(on(data, database, "serve"), "--listen", freeAddress(t))...)
		if !strings.Contains(said, "check that its") && !strings.Contains(said, "as the user of the server") ||
			strings.Contains(said, "attempt to write") {
			t.Errorf("%s cannot be written, and the server says %s", name, said)
		}
	}
}

// TestReadOnlyLog starts a server beside a log that cannot be written, as a restore by root leaves it.
func TestReadOnlyLog(t *testing.T) {
	t.Parallel()
	run, give := asNobody(t)
	data := t.TempDir()
	database := filepath.Join(data, "carrel.db")
	runsOnce(t, data, database)
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.WriteFile(database+suffix, nil, 0o444); err != nil {
			t.Fatal(err)
		}
		give(data)
		for _, command := range []string{"serve --listen " + freeAddress(t), "application list", "check"} {
			says(t, run(on(data, database, command)...), database+suffix, "has mode 0600")
		}
		if err := os.Remove(database + suffix); err != nil {
			t.Fatal(err)
		}
	}
}
