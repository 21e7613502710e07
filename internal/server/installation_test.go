package server_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/blob"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/store"
	"github.com/carrelhq/carrel/internal/testenv"
)

// oldData is what a server of before there were installations has left: a database, contents and a keyring without ids.
type oldData struct {
	*carreltest.World
	config server.Config
}

func newOldData(t *testing.T, options ...carreltest.Option) *oldData {
	t.Helper()
	o := &oldData{}
	o.World = carreltest.New(t, append(options, func(c *server.Config) { o.config = *c })...)
	if _, err := library.OpenSigner(t.Context(), o.Store, o.Keyring, o.Clock.Now, library.DrawSigningKey); err != nil {
		t.Fatal(err)
	}
	writer := o.Person("anna@example.org").Allows(o.Application().Contract(library.Write))
	carreltest.Must(writer.Pushes("scan", carreltest.Large("scan")))(t)
	return o
}

// opens opens a server on the data, and closes it.
func (o *oldData) opens(t *testing.T) error {
	t.Helper()
	s, err := server.Open(context.WithoutCancel(t.Context()), o.config)
	if err != nil {
		return err
	}
	return s.Close()
}

// change runs a statement on the database from beside the store.
func (o *oldData) change(t *testing.T, statement string) {
	t.Helper()
	driver, name := "sqlite", "file:"+o.config.Database+"?_pragma=busy_timeout(5000)"
	if strings.Contains(o.config.Database, "://") {
		driver, name = "pgx", o.config.Database
	}
	db := carreltest.Must(sql.Open(driver, name))(t)
	_, err := db.ExecContext(t.Context(), statement)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// wantOneInstallation checks that all parts have one id.
func (o *oldData) wantOneInstallation(t *testing.T) store.Installation {
	t.Helper()
	own := carreltest.Must(o.Store.GetInstallation(t.Context()))(t)
	mark := carreltest.Must(blob.ReadMark(o.config.Blobs))(t)
	ring := carreltest.Must(seal.OpenKeyring(o.config.Keyring))(t)
	if own.ID == "" || mark.Installation != own.ID || ring.Installation() != own.ID {
		t.Errorf("the database has id %q, the folder %q, the keyring %q",
			own.ID, mark.Installation, ring.Installation())
	}
	if own.Folder == "" || mark.Folder != own.Folder {
		t.Errorf("the database has folder %q, the folder %q", own.Folder, mark.Folder)
	}
	return own
}

// TestInstallationIsAdopted: old data gets an id at the first start, and keeps it. A start that was interrupted on the
// way goes on.
func TestInstallationIsAdopted(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, options ...carreltest.Option) {
		o := newOldData(t, options...)
		text := carreltest.Must(os.ReadFile(o.config.Keyring))(t)
		if err := o.opens(t); err != nil {
			t.Fatal(err)
		}
		own := o.wantOneInstallation(t)
		if now := carreltest.Must(os.ReadFile(o.config.Keyring))(t); !bytes.HasPrefix(now, text) {
			t.Error("what was in the keyring has changed")
		}
		mark := filepath.Join(o.config.Blobs, "installation")
		for name, interrupt := range map[string]func() error{
			"nothing": func() error { return nil },
			"before the keyring": func() error {
				return os.WriteFile(o.config.Keyring, text, 0o600)
			},
			"in the keyring's line": func() error {
				return os.WriteFile(o.config.Keyring, append(text, "# installation "+own.ID[:7]...), 0o600)
			},
			"before the folder is recorded": func() error {
				_, err := o.Store.SetContentFolder(t.Context(), "", own.Folder)
				return err
			},
			"before the folder is marked": func() error {
				_, err := o.Store.SetContentFolder(t.Context(), "", own.Folder)
				return errors.Join(err, os.Remove(mark), os.WriteFile(o.config.Keyring, text, 0o600))
			},
		} {
			if err := errors.Join(interrupt(), o.opens(t)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if now := o.wantOneInstallation(t); now.ID != own.ID {
				t.Errorf("%s: the id has changed from %s to %s", name, own.ID, now.ID)
			} else {
				own = now
			}
		}
	})
}

// TestAttackAdoptionOfStrangers: parts without ids that do not belong together are not given one.
func TestAttackAdoptionOfStrangers(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, options ...carreltest.Option) {
		o := newOldData(t, options...)
		own := o.config
		for name, spoil := range map[string]func(c *server.Config){
			"an empty folder": func(c *server.Config) { c.Blobs = filepath.Join(t.TempDir(), "blobs") },
			"another server's folder": func(c *server.Config) {
				c.Blobs = t.TempDir()
				path := filepath.Join(c.Blobs, seal.RandomID(26))
				err := errors.Join(os.Mkdir(path, 0o700), os.WriteFile(filepath.Join(path, "file"), nil, 0o600))
				if err != nil {
					t.Fatal(err)
				}
			},
			"an empty database": func(c *server.Config) { c.Database = filepath.Join(t.TempDir(), "carrel.db") },
			"an empty PostgreSQL database": func(c *server.Config) {
				c.Database = testenv.Postgres(t)
			},
		} {
			o.config = own
			spoil(&o.config)
			if err := o.opens(t); err == nil || !strings.Contains(err.Error(), "--database") {
				t.Errorf("%s: %v", name, err)
			}
			if mark := carreltest.Must(blob.ReadMark(o.config.Blobs))(t); mark != (blob.Mark{}) {
				t.Errorf("%s: the folder was marked: %+v", name, mark)
			}
		}
		if ring := carreltest.Must(seal.OpenKeyring(own.Keyring))(t); ring.Installation() != "" {
			t.Error("the keyring was bound")
		}
		if n := len(o.BlobKeys()); n != 1 {
			t.Errorf("%d contents are left, want 1", n)
		}
		o.config = own
		if err := o.opens(t); err != nil {
			t.Error(err)
		}
	})
}

// TestAttackRefusedStartMigratesNothing: a start with a wrong setting leaves an older database to the program that it
// is from.
func TestAttackRefusedStartMigratesNothing(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, options ...carreltest.Option) {
		o := newOldData(t, options...)
		// If a start migrates, it fails at what is there already.
		o.change(t, `DELETE FROM goose_db_version WHERE version_id > 6`)
		own := o.config
		for name, tt := range map[string]struct {
			spoil func(c *server.Config)
			says  string
		}{
			"an empty folder": {func(c *server.Config) { c.Blobs = filepath.Join(t.TempDir(), "blobs") },
				"none of them is in the folder"},
			"no keyring": {func(c *server.Config) { c.Keyring = filepath.Join(t.TempDir(), "master.key") },
				"does not exist, and the database has secrets"},
			"another keyring": {func(c *server.Config) {
				c.Keyring = filepath.Join(t.TempDir(), "master.key")
				carreltest.Must(seal.CreateKeyring(c.Keyring))(t)
			}, "`carrel keys reset` says what is lost"},
		} {
			o.config = own
			tt.spoil(&o.config)
			if err := o.opens(t); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s: %v", name, err)
			}
		}
		o.config = own
		if err := o.opens(t); err == nil {
			t.Error("the right start migrates nothing, so this test shows nothing")
		}
	})
}

// TestAcceptInstallation: an operator can accept a folder that has lost its mark, and one that was made anew.
func TestAcceptInstallation(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, options ...carreltest.Option) {
		o := newOldData(t, options...)
		if err := o.opens(t); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			name    string
			change  func() error
			missing int
		}{
			{"a database of before", func() error { o.change(t, "DELETE FROM installation"); return nil }, 0},
			{"without its mark", func() error { return os.Remove(filepath.Join(o.config.Blobs, "installation")) }, 0},
			{"made anew", func() error {
				o.config.Blobs = filepath.Join(t.TempDir(), "blobs")
				return nil
			}, 1},
		} {
			if err := tt.change(); err != nil {
				t.Fatal(err)
			}
			before := o.config
			if err := o.opens(t); err == nil || !strings.Contains(err.Error(), "carrel installation accept") {
				t.Errorf("%s: %v", tt.name, err)
			}
			a, err := server.AcceptInstallation(t.Context(), before, server.AcceptOptions{Confirmed: true})
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			if a.Looked != 1 || a.Missing != tt.missing {
				t.Errorf("%s: accepted %+v, want %d missing", tt.name, a, tt.missing)
			}
			if err := o.opens(t); err != nil {
				t.Errorf("%s: after accepting: %v", tt.name, err)
			}
			if own := o.wantOneInstallation(t); own.ID != a.Installation {
				t.Errorf("%s: the id is %s, want %s", tt.name, own.ID, a.Installation)
			}
		}
		// Another database's keyring is not accepted.
		other := filepath.Join(t.TempDir(), "master.key")
		carreltest.Must(seal.CreateKeyring(other))(t)
		o.config.Keyring = other
		if _, err := server.AcceptInstallation(t.Context(), o.config, server.AcceptOptions{}); err == nil {
			t.Error("a keyring that opens nothing was accepted")
		}
	})
}

// TestAcceptOnlySaysWhat: without a confirmation, accepting says what it would change, also that it would migrate an
// older database, and changes nothing.
func TestAcceptOnlySaysWhat(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, options ...carreltest.Option) {
		o := newOldData(t, options...)
		if err := o.opens(t); err != nil {
			t.Fatal(err)
		}
		plan := func() string {
			t.Helper()
			a := carreltest.Must(server.AcceptInstallation(t.Context(), o.config, server.AcceptOptions{}))(t)
			return strings.Join(a.Changes, "\n")
		}
		if got := plan(); got != "" {
			t.Errorf("of parts that belong together, accepting would change %s", got)
		}
		mark := filepath.Join(o.config.Blobs, "installation")
		if err := os.Remove(mark); err != nil {
			t.Fatal(err)
		}
		if got := plan(); !strings.Contains(got, `has no file "installation"`) || strings.Contains(got, "tables") {
			t.Errorf("accepting would change %s", got)
		}
		// If the database is migrated, that fails at what is there already.
		o.change(t, `DELETE FROM goose_db_version WHERE version_id > 6`)
		if got := plan(); !strings.Contains(got, "the tables of the database are brought from version 6") {
			t.Errorf("accepting would change %s", got)
		}
		if _, err := os.Stat(mark); !os.IsNotExist(err) {
			t.Errorf("the folder was marked: %v", err)
		}
	})
}

// TestAttackNewerDatabaseWhileServing: a server that runs ends when a newer program has migrated its database.
func TestAttackNewerDatabaseWhileServing(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, options ...carreltest.Option) {
		o := newOldData(t, options...)
		s, err := server.Open(t.Context(), o.config)
		if err != nil {
			t.Fatal(err)
		}
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- s.Serve(t.Context(), l, nil) }()
		if err := s.CheckDatabase(t.Context()); err != nil {
			t.Errorf("the database that it has made: %v", err)
		}
		if status := readiness(t, l); status != http.StatusOK {
			t.Errorf("the readiness is %d", status)
		}
		o.change(t, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)")
		if status := readiness(t, l); status != http.StatusServiceUnavailable {
			t.Errorf("with a newer database the readiness is %d", status)
		}
		if err := s.CheckDatabase(t.Context()); !errors.Is(err, store.ErrNewer) {
			t.Errorf("check: %v", err)
		}
		if err := <-served; !errors.Is(err, store.ErrNewer) {
			t.Errorf("the server ended with %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// readiness asks a server whether it is ready.
func readiness(t *testing.T, l net.Listener) int {
	t.Helper()
	r := carreltest.Must(http.Get("http://" + l.Addr().String() + "/readyz"))(t)
	if err := r.Body.Close(); err != nil {
		t.Error(err)
	}
	return r.StatusCode
}

// TestServersStartAtOnce: of servers that start on a new database at the same time, all start if they share the folder
// and the keyring, and one if each has its own folder.
func TestServersStartAtOnce(t *testing.T) {
	t.Parallel()
	for name, shared := range map[string]bool{"shared": true, "apart": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const servers = 3
			database, folder := testenv.Postgres(t), t.TempDir()
			ring := filepath.Join(folder, "master.key")
			errs := make([]error, servers)
			var done sync.WaitGroup
			for i := range servers {
				blobs := filepath.Join(folder, "blobs")
				if !shared {
					blobs = filepath.Join(t.TempDir(), "blobs")
				}
				o := oldData{config: server.Config{
					PublicURL: "https://library.example", Database: database, Blobs: blobs, Keyring: ring,
					Now: time.Now,
				}}
				done.Go(func() { errs[i] = o.opens(t) })
			}
			done.Wait()
			started := 0
			for _, err := range errs {
				switch {
				case err == nil:
					started++
				case shared || !strings.Contains(err.Error(), "another folder of large contents"):
					t.Error(err)
				}
			}
			if want := map[bool]int{true: servers, false: 1}[shared]; started != want {
				t.Errorf("%d servers have started, want %d", started, want)
			}
		})
	}
}

// TestAttackSecondAdoption: whoever keeps the database removes the record of the adoption, so that the next start
// accepts what they have changed. The keyring's file remembers, and the start is refused.
func TestAttackSecondAdoption(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, options ...carreltest.Option) {
		o := newOldData(t, options...)
		older := carreltest.Must(os.ReadFile(o.config.Keyring))(t)
		for range 2 {
			if err := o.opens(t); err != nil {
				t.Fatal(err)
			}
		}
		text := carreltest.Must(os.ReadFile(o.config.Keyring))(t)
		if n := bytes.Count(text, []byte("# adopted 3\n")); n != 1 {
			t.Fatalf("the keyring says %d times that rows were adopted", n)
		}
		o.change(t, `UPDATE chains SET mac = NULL`)
		o.change(t, `CREATE TABLE removed AS SELECT * FROM adoptions`)
		refused := func(what string) {
			t.Helper()
			o.change(t, `UPDATE libraries SET binding = NULL`)
			err := o.opens(t)
			if err == nil || !strings.Contains(err.Error(), "the record of an adoption is gone") ||
				!strings.Contains(err.Error(), "carrel keys reset") {
				t.Errorf("%s: %v", what, err)
			}
			id := carreltest.Must(o.Store.ListLibraryIDs(t.Context(), "", 1))(t)[0]
			if l := carreltest.Must(o.Store.GetLibrary(t.Context(), id))(t); len(l.Binding) > 0 {
				t.Errorf("%s: the library is bound", what)
			}
		}
		o.change(t, `DELETE FROM adoptions WHERE id = 3`)
		refused("the newest record removed")
		o.change(t, `DELETE FROM adoptions WHERE id = 2`)
		refused("another record removed as well")
		o.change(t, `DELETE FROM adoptions`)
		refused("all records removed")
		o.change(t, `INSERT INTO adoptions SELECT * FROM removed WHERE id > 1`)
		refused("the oldest record removed")
		var lines []string
		_, err := server.CheckStored(t.Context(), o.config, server.CheckOptions{},
			func(fault string) { lines = append(lines, fault) })
		if err != nil || !strings.Contains(strings.Join(lines, "\n"), "the record of an adoption is gone") {
			t.Errorf("the check says %q, %v", lines, err)
		}

		// A backup of the database from before, with its keyring.
		o.change(t, `DELETE FROM adoptions`)
		err = os.WriteFile(o.config.Keyring, older, 0o600)
		if err = errors.Join(err, o.opens(t)); err != nil {
			t.Errorf("with the keyring of before: %v", err)
		}
		o.change(t, `DELETE FROM adoptions`)
		refused("after that start")
		if err := errors.Join(server.ResetKeys(t.Context(), o.config), o.opens(t)); err != nil {
			t.Errorf("after a reset: %v", err)
		}
		o.change(t, `DELETE FROM adoptions`)
		refused("after the reset and a start")
	})
}
