package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/testenv"
)

// These tests give the server and its commands settings that are wrong in part, and do what the refusal says.

// succeeds runs a command that must succeed, and returns what it says.
func succeeds(t *testing.T, args ...string) string {
	t.Helper()
	out, err := carrel(t.Context(), args...).CombinedOutput()
	if err != nil {
		t.Errorf("carrel %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// on returns a command with the settings of a server.
func on(data, database, command string) []string {
	return append(strings.Fields(command), settings(data, database)...)
}

// TestAttackSecondServer starts a second server on the database and the folder of one that runs.
func TestAttackSecondServer(t *testing.T) {
	t.Parallel()
	bothDatabases(t, func(t *testing.T, database string) {
		data := t.TempDir()
		first := startServe(t, freeAddress(t), settings(data, database)...)
		if strings.Contains(database, "://") { // servers may share PostgreSQL
			runsOnce(t, data, database)
			return
		}
		says(t, refused(t, on(data, database, "serve")...), "in use", "another server", "PostgreSQL")
		if r, err := http.Get(first.url + "/healthz"); err != nil || r.StatusCode != http.StatusNoContent {
			t.Errorf("the first server answers %+v, %v", r, err)
		}
		first.kill()
		runsOnce(t, data, database)
	})
}

// TestAttackChangeBesideServer accepts an installation and resets its keys while a server runs.
func TestAttackChangeBesideServer(t *testing.T) {
	t.Parallel()
	bothDatabases(t, func(t *testing.T, database string) {
		data := t.TempDir()
		server := startServe(t, freeAddress(t), settings(data, database)...)
		mark, ring := filepath.Join(data, "blobs", "installation"), filepath.Join(data, "master.key")
		text, err := os.ReadFile(mark)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(mark); err != nil {
			t.Fatal(err)
		}
		says(t, refused(t, on(data, database, "installation accept --yes")...), "Stop every server")
		if _, err := os.Stat(mark); !os.IsNotExist(err) {
			t.Errorf("the folder was marked: %v", err)
		}
		if err := errors.Join(os.WriteFile(mark, text, 0o600), os.Rename(ring, ring+".lost")); err != nil {
			t.Fatal(err)
		}
		says(t, refused(t, on(data, database, "keys reset --yes")...), "Stop every server")
		if list := succeeds(t, on(data, database, "keys list")...); !strings.Contains(list, "signing key: 1") {
			t.Errorf("the keys were reset: %s", list)
		}
		server.stop(t, syscall.SIGTERM)
		succeeds(t, on(data, database, "keys reset --yes")...)
		runsOnce(t, data, database)
	})
}

// TestAttackDatabaseReplacedUnderServer restores a backup over the database of a server that runs.
func TestAttackDatabaseReplacedUnderServer(t *testing.T) {
	t.Parallel()
	data, backup := t.TempDir(), t.TempDir()
	database := filepath.Join(data, "carrel.db")
	server := startServe(t, freeAddress(t), settings(data, database)...)
	succeeds(t, append(on(data, database, "backup"), backup)...)
	ready := func(want int) {
		t.Helper()
		r, err := http.Get(server.url + "/readyz")
		if err != nil || r.StatusCode != want {
			t.Errorf("it is ready with %+v, %v, want %d", r, err, want)
		}
	}
	ready(http.StatusOK)
	if err := os.Link(database, database+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(backup, "carrel.db"), database); err != nil {
		t.Fatal(err)
	}
	ready(http.StatusServiceUnavailable)
	if err := os.Rename(database+".away", database); err != nil {
		t.Fatal(err)
	}
	ready(http.StatusOK)
	server.stop(t, syscall.SIGTERM)
	says(t, server.log.String(), database+" was moved, removed or replaced", "Stop the server")
}

// TestAttackFolderCopied starts a second server on the same PostgreSQL database, with a copy of the content folder.
func TestAttackFolderCopied(t *testing.T) {
	t.Parallel()
	data, second, database := t.TempDir(), "", testenv.Postgres(t)
	first := startServe(t, freeAddress(t), settings(data, database)...)
	var beats []string
	for len(beats) != 1 { // a copy may meet a file that the server is about to rename
		second = t.TempDir()
		if err := os.CopyFS(second, os.DirFS(data)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		} else if err == nil {
			beats, _ = filepath.Glob(filepath.Join(second, "blobs", "servers~", "*"))
		}
	}
	runsOnce(t, data, database) // a server that shares the folder
	// The copy is older than the last number of the first server.
	if err := os.WriteFile(beats[0], []byte("0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(second, "master.key"), 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, refused(t, on(second, database, "serve")...), "is a copy", "--data")
	first.stop(t, syscall.SIGTERM)
	if left, _ := filepath.Glob(filepath.Join(data, "blobs", "servers~*")); len(left) != 0 {
		t.Errorf("a server that has stopped leaves %q", left)
	}
}

// TestAttackFolderChangesUnderServer gives a server that runs another folder of large contents, as a disk does that is
// not mounted any more.
func TestAttackFolderChangesUnderServer(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	database := filepath.Join(data, "carrel.db")
	server := startServe(t, freeAddress(t), settings(data, database)...)
	blobs := filepath.Join(data, "blobs")
	ready := func(want int) {
		t.Helper()
		r, err := http.Get(server.url + "/readyz")
		if err != nil || r.StatusCode != want {
			t.Errorf("it is ready with %+v, %v, want %d", r, err, want)
		}
	}
	if err := errors.Join(os.Rename(blobs, blobs+".away"), os.Mkdir(blobs, 0o700)); err != nil {
		t.Fatal(err)
	}
	ready(http.StatusServiceUnavailable)
	if err := errors.Join(os.Remove(blobs), os.Rename(blobs+".away", blobs)); err != nil {
		t.Fatal(err)
	}
	ready(http.StatusOK)
	server.stop(t, syscall.SIGTERM)
	says(t, server.log.String(), "was moved, removed or replaced while the server had it open")
}

// TestAttackAcceptForeign accepts the folder and the keyring of another installation.
func TestAttackAcceptForeign(t *testing.T) {
	t.Parallel()
	bothDatabases(t, func(t *testing.T, database string) {
		data, other := t.TempDir(), t.TempDir()
		w := inUse(t, data, database)
		runsOnce(t, other, filepath.Join(other, "carrel.db"))
		opensAll(t, w)
		mark := filepath.Join("blobs", "installation")
		theirs, err := os.ReadFile(filepath.Join(other, mark))
		if err != nil {
			t.Fatal(err)
		}
		id := strings.Fields(string(theirs[bytes.Index(theirs, []byte("\ninstallation ")):]))[1]
		if err := os.WriteFile(filepath.Join(data, mark), theirs, 0o600); err != nil {
			t.Fatal(err)
		}
		says(t, refused(t, on(data, database, "installation accept")...),
			"belongs to installation "+id, "3 large contents", "0 are not in the folder", "--yes="+id,
			"nothing was changed")
		says(t, refused(t, on(data, database, "installation accept --yes")...), "--yes="+id, "Nothing was changed")
		says(t, refused(t, on(data, database, "installation accept --yes=aaaaaaaaaaaaaaaaaaaa")...), "--yes="+id)
		if now, err := os.ReadFile(filepath.Join(data, mark)); err != nil || !bytes.Equal(now, theirs) {
			t.Errorf("the folder was marked: %s, %v", now, err)
		}
		succeeds(t, on(data, database, "installation accept --yes="+id)...)
		if said := succeeds(t, on(data, database, "installation accept")...); !strings.Contains(said, "already") {
			t.Errorf("accepting once more says %s", said)
		}
		runsOnce(t, data, database)
		opensAll(t, w)
	})
}

// TestAttackUnusableKeyring starts a server with a keyring that is none, and does what the refusal says.
func TestAttackUnusableKeyring(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(ring string) error{
		"of another installation": func(ring string) error {
			text, err := os.ReadFile(ring)
			before, _, _ := bytes.Cut(text, []byte("# installation "))
			text = append(before, "# installation aaaaaaaaaaaaaaaaaaaa\n"...)
			return errors.Join(err, os.WriteFile(ring, text, 0o600))
		},
		"another key of another installation": func(ring string) error {
			return os.WriteFile(ring, []byte(strings.Repeat("A", 43)+"=\n# installation aaaaaaaaaaaaaaaaaaaa\n"), 0o600)
		},
		"empty":    func(ring string) error { return os.WriteFile(ring, nil, 0o600) },
		"no key":   func(ring string) error { return os.WriteFile(ring, []byte("key\n"), 0o600) },
		"a folder": func(ring string) error { return errors.Join(os.Remove(ring), os.Mkdir(ring, 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := t.TempDir()
			database, ring := filepath.Join(data, "carrel.db"), filepath.Join(data, "master.key")
			runsOnce(t, data, database)
			if err := spoil(ring); err != nil {
				t.Fatal(err)
			}
			for _, command := range []string{"serve", "keys reset", "keys reset --yes"} {
				says(t, refused(t, on(data, database, command)...),
					"move", "away", "--master-key-file", "carrel keys reset", "Nothing was changed")
			}
			if err := os.Rename(ring, ring+".away"); err != nil {
				t.Fatal(err)
			}
			says(t, refused(t, on(data, database, "keys reset")...), "signing keys             1", "with --yes")
			succeeds(t, on(data, database, "keys reset --yes")...)
			runsOnce(t, data, database)
		})
	}
}

// TestAttackLostFolderAndKeyring: the whole data folder is lost, beside a database that is not.
func TestAttackLostFolderAndKeyring(t *testing.T) {
	t.Parallel()
	bothDatabases(t, func(t *testing.T, database string) {
		data := t.TempDir()
		inUse(t, data, database)
		data = t.TempDir()
		says(t, refused(t, on(data, database, "installation accept --yes")...), "carrel keys reset")
		succeeds(t, on(data, database, "keys reset --yes")...)
		says(t, refused(t, on(data, database, "installation accept")...), "3 are not in the folder")
		succeeds(t, on(data, database, "installation accept --yes")...)
		runsOnce(t, data, database)
	})
}

// TestAttackWrongKeyringForCheck compares what is stored with the keyring of another installation.
func TestAttackWrongKeyringForCheck(t *testing.T) {
	t.Parallel()
	bothDatabases(t, func(t *testing.T, database string) {
		data := t.TempDir()
		inUse(t, data, database)
		other := filepath.Join(t.TempDir(), "master.key")
		if err := os.WriteFile(other, []byte(strings.Repeat("A", 43)+"=\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		check := append(on(data, database, "check"), "--master-key-file", other)
		out, err := carrel(t.Context(), check...).CombinedOutput()
		if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 2 {
			t.Errorf("the check ends with %v", err)
		}
		says(t, string(out), "is not the one of this database", "--master-key-file")
		if strings.Contains(string(out), "tampered") || bytes.Count(out, []byte("\n")) != 1 {
			t.Errorf("the check says:\n%s", out)
		}
		says(t, succeeds(t, on(data, database, "check")...), "1 library, 3 files", "all is well")
	})
}

// TestStopDuringStart stops a server that waits for its database.
func TestStopDuringStart(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	asked := make(chan struct{})
	go func() {
		c, err := l.Accept()
		if err == nil {
			defer c.Close()
			close(asked)
			<-t.Context().Done()
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var said bytes.Buffer
	cmd := carrel(ctx, append(on(t.TempDir(), "postgres://"+l.Addr().String()+"/carrel?sslmode=disable", "serve"),
		"--listen", freeAddress(t))...)
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the server ends with %v:\n%s", err, &said)
	}
	says(t, said.String(), "stopped before it has started")
}

// TestNegativeSettings gives flags and variables values that mean nothing.
func TestNegativeSettings(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{
		"access-token-lifetime=-1h", "refresh-token-lifetime=-1h", "delete-wait=-1s", "delete-wait=-1d",
		"storage-quota-files=-1",
		"delivery-timeout=-1s", "delivery-retry=-1s", "delivery-keep=-1h", "medmij-refresh=-1m",
		"library-quota-files=-1", "application-quota-files=-1", "contract-quota-files=-1",
	} {
		name, _, _ := strings.Cut(flag, "=")
		says(t, refused(t, "serve", "--data", t.TempDir(), "--"+flag), "--"+name, "must not be negative")
	}
	for _, flag := range []string{"library-quota=-1", "contract-quota=much", "application-quota=101%",
		"free-space-reserve=-1GiB", "library-quota=9999999TB", "max-file-size=-1"} {
		name, _, _ := strings.Cut(flag, "=")
		says(t, refused(t, "serve", "--data", t.TempDir(), "--"+flag), "--"+name, "is no s")
	}
	says(t, refused(t, "demo", "--access-token-lifetime=-1h"), "must not be negative")
	says(t, refused(t, "contract", "add", "--application=a", "--access=read", "--redirect-uri=https://a.example",
		"--valid=-1h"), "must not be negative")
	says(t, refused(t, "bench", "push", "--requests=-1"), "must not be negative")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := carrel(ctx, "serve", "--listen", freeAddress(t), "--data", t.TempDir())
	cmd.Env = append(os.Environ(), "CARREL_DELETE_WAIT=-1h")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Error("a negative variable is accepted")
	}
	says(t, string(out), "CARREL_DELETE_WAIT", "must not be negative")
}

// TestLeftoverOfKeyring: a kill while the keyring was written leaves a file with keys, which the next start removes.
func TestLeftoverOfKeyring(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	left, other := filepath.Join(data, ".keyring-1234567"), filepath.Join(data, ".keyring-of-mine")
	for _, path := range []string{left, other} {
		if err := os.WriteFile(path, []byte("key\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	age(t, data, time.Minute)
	runsOnce(t, data, filepath.Join(data, "carrel.db"))
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("a temporary keyring is left: %v", err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}
