package server_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/blob"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/storage"
)

// checks runs a check beside the server and returns its lines.
func (k *keeper) checks(all bool) (summary library.CheckSummary, lines []string) {
	k.t.Helper()
	db := k.OpensStore()
	blobs := carreltest.Must(blob.OpenDisk(filepath.Join(k.Folder, "blobs")))(k.t)
	defer blobs.Close()
	storages := storage.Checker{Store: db, Blobs: blobs, Now: k.Clock.Now, AllContents: all,
		Integrity: k.OpensIntegrity(db)}
	c := library.Checker{
		Store: db, Blobs: blobs, Owners: []library.ContentOwner{storage.Contents{Store: db}},
		Now: k.Clock.Now, AllContents: all,
		Keyring: carreltest.Must(seal.OpenKeyring(filepath.Join(k.Folder, "master.key")))(k.t),
		Report:  func(fault string) { lines = append(lines, fault) },
		More: []func(context.Context, func(string)) error{
			func(ctx context.Context, report func(string)) error { return delivery.Check(ctx, db, report) },
			storages.Check,
		},
	}
	summary = carreltest.Must(c.Check(k.t.Context()))(k.t)
	return summary, lines
}

// TestAttackFoundByCheck: each change to what is stored is found by the check, which names the library; and what nobody
// has touched is well.
func TestAttackFoundByCheck(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		app := k.Application()
		write := app.Contract(library.Write)
		type victim struct {
			*carreltest.Person
			small, other, large string // ids of files
		}
		blobOf := func(v *victim) string { return filepath.Join(k.Folder, "blobs", string(v.Library), v.large) }
		swap := func(v *victim, table, id, column string) {
			var one, other any
			k.reads(&one, `SELECT `+column+` FROM `+table+` WHERE `+id+` = $1`, v.small)
			k.reads(&other, `SELECT `+column+` FROM `+table+` WHERE `+id+` = $1`, v.other)
			k.changes(`UPDATE `+table+` SET `+column+` = $1 WHERE `+id+` = $2`, other, v.small)
			k.changes(`UPDATE `+table+` SET `+column+` = $1 WHERE `+id+` = $2`, one, v.other)
		}
		db := k.OpensStore()
		damages := map[string]struct {
			do     func(v *victim)
			faults []string
			all    bool // only if all contents are read
		}{
			"nothing": {func(*victim) {}, nil, false},
			"a blob removed": {func(v *victim) {
				if err := os.Remove(blobOf(v)); err != nil {
					t.Fatal(err)
				}
			}, []string{"its content is gone"}, false},
			"a blob cut": {func(v *victim) {
				if err := os.Truncate(blobOf(v), 70_000); err != nil {
					t.Fatal(err)
				}
			}, []string{"70000 bytes"}, false},
			"a blob changed": {func(v *victim) {
				b := carreltest.Must(os.ReadFile(blobOf(v)))(t)
				b[100_000] ^= 1
				if err := os.WriteFile(blobOf(v), b, 0o600); err != nil {
					t.Fatal(err)
				}
			}, []string{"not the one that arrived"}, true},
			"a content removed": {func(v *victim) {
				k.changes(`DELETE FROM contents WHERE file_id = $1`, v.small)
			}, []string{"its content is gone"}, false},
			"a content changed": {func(v *victim) {
				k.changes(`UPDATE contents SET data = (SELECT o.data FROM contents o WHERE o.file_id = $1)
					WHERE file_id = $2`, v.other, v.small)
			}, []string{"not the one that arrived"}, false},
			"a row removed": {func(v *victim) {
				k.changes(`DELETE FROM files WHERE id = $1`, v.large)
			}, []string{"2 with 10 are stored", "its row is gone"}, false},
			"metadata changed": {func(v *victim) {
				k.changes(`UPDATE files SET metadata = REPLACE(metadata, 'small', 'smell') WHERE id = $1`, v.small)
			}, []string{"what is stored about it"}, false},
			"metadata no text": {func(v *victim) {
				k.changes(`UPDATE files SET metadata = '{' WHERE id = $1`, v.small)
			}, []string{"what is stored about it"}, false},
			"the rows of two files swapped": {func(v *victim) {
				swap(v, "files", "id", "metadata")
			}, []string{"what is stored about it", "what is stored about it"}, false},
			"the contents of two files swapped": {func(v *victim) {
				swap(v, "contents", "file_id", "format")
				swap(v, "contents", "file_id", "sealed_key")
				swap(v, "contents", "file_id", "data")
			}, []string{"not the one that arrived", "not the one that arrived"}, false},
			"an older format": {func(v *victim) {
				k.changes(`UPDATE contents SET format = 1 WHERE file_id = $1`, v.small)
			}, []string{"an older format"}, false},
			"a file put in": {func(v *victim) {
				k.changes(`INSERT INTO files (id, library_id, application_id, contract_id, metadata, size, created_at)
					SELECT id || 'x', library_id, application_id, contract_id, metadata, size, created_at FROM files
					WHERE id = $1`, v.small)
			}, []string{"4 with 327695 are stored", "no line of its arrival"}, false},
			"another public key": {func(v *victim) {
				k.changes(`UPDATE libraries SET public_key = $1 WHERE id = $2`,
					carreltest.Must(seal.GenerateKey())(t).PublicKey().Bytes(), v.Library)
			}, []string{"its id and public key"}, false},
			"no public key": {func(v *victim) {
				k.changes(`UPDATE libraries SET public_key = $1 WHERE id = $2`, []byte{1}, v.Library)
			}, []string{"its row does not parse"}, false},
			"no binding": {func(v *victim) {
				k.changes(`UPDATE libraries SET binding = NULL WHERE id = $1`, v.Library)
			}, []string{"its id and public key"}, false},
			"a grant made longer": {func(v *victim) {
				k.changes(`UPDATE grants SET expires_at = expires_at + 1 WHERE library_id = $1`, v.Library)
			}, []string{"it is not what the person has allowed"}, false},
			"a grant to read": {func(v *victim) {
				k.changes(`UPDATE grants SET access = 'r', binding = NULL WHERE library_id = $1`, v.Library)
			}, []string{"it is not what the person has allowed"}, false},
			"no lock": {func(v *victim) {
				k.changes(`DELETE FROM locks WHERE library_id = $1 AND kind = 'recovery'`, v.Library)
			}, []string{"the lock of its recovery is gone"}, false},
			"a line changed": {func(v *victim) {
				k.changes(`UPDATE events SET details = REPLACE(details, 'small', 'smell')
					WHERE library_id = $1 AND kind = 'file.added'`, v.Library)
			}, []string{"has been changed"}, false},
			"a line removed": {func(v *victim) {
				k.changes(`DELETE FROM events WHERE library_id = $1 AND seq = 3`, v.Library)
			}, []string{"does not follow", "no line of its arrival"}, false},
			"the newest line removed": {func(v *victim) {
				k.changes(`DELETE FROM events
					WHERE library_id = $1 AND seq = (SELECT events FROM chains WHERE library_id = $1)`, v.Library)
			}, []string{"events have been counted"}, false},
			"the head rolled back": {func(v *victim) {
				k.changes(`DELETE FROM events WHERE library_id = $1 AND seq > 10`, v.Library)
				k.changes(`UPDATE chains SET events = 10 WHERE library_id = $1`, v.Library)
			}, []string{"it ends with event 10"}, false},
			"all lines made anew": {func(v *victim) {
				k.changes(`UPDATE events SET kind = 'you.wrong' WHERE library_id = $1 AND seq = 2`, v.Library)
				k.rewrites(v.Person, db, 2)
			}, []string{"was not made by this server"}, false},
			"all lines made anew, and the end forgotten": {func(v *victim) {
				k.changes(`UPDATE events SET kind = 'you.wrong' WHERE library_id = $1 AND seq = 2`, v.Library)
				k.rewrites(v.Person, db, 2)
				k.changes(`UPDATE chains SET mac = NULL WHERE library_id = $1`, v.Library)
				k.changes(`DELETE FROM event_checkpoints WHERE library_id = $1`, v.Library)
			}, []string{"was not made by this server"}, false},
			"the end of another activity": {func(v *victim) {
				k.changes(`UPDATE chains SET (events, hash, mac) = (SELECT o.events, o.hash, o.mac FROM chains o
					WHERE o.library_id <> $1 AND o.events = chains.events LIMIT 1) WHERE library_id = $1`, v.Library)
			}, []string{"was not made by this server"}, false},
			"the newest line and its count removed": {func(v *victim) {
				k.changes(`DELETE FROM event_checkpoints WHERE library_id = $1`, v.Library)
				k.cutsOff(v.Person, 1)
			}, []string{"was not made by this server"}, false},
			"the newest line alone made anew": {func(v *victim) {
				k.changes(`DELETE FROM event_checkpoints WHERE library_id = $1`, v.Library)
				newest := carreltest.Must(db.ListEvents(t.Context(), v.Library, 0, 1))(t)[0]
				newest.Kind = library.EventWrongPassword
				newest.Chain(newest.Previous)
				k.changes(`UPDATE events SET kind = $1, hash = $2 WHERE library_id = $3 AND seq = $4`,
					string(newest.Kind), newest.Hash, v.Library, newest.Seq)
			}, []string{"is another than it was"}, false},
			"a content and the line of its arrival": {func(v *victim) {
				k.forges(&youngVictim{Person: v.Person, file: v.small}, db)
			}, []string{"was not made by this server"}, false},
		}
		victims := map[string]*victim{}
		for name := range damages {
			v := &victim{Person: k.Person()}
			g := v.Allows(write)
			for into, content := range map[*string]string{
				&v.small: "small", &v.other: "other", &v.large: strings.Repeat("large", library.InlineLimit),
			} {
				*into = string(carreltest.Must(g.Pushes(content[:5], []byte(content)))(t).ID)
			}
			lives(t, db, v.Person, 40)
			if page := carreltest.Must(k.Activity.List(t.Context(), v.SignedIn(), 0))(t); page.Fault != nil {
				t.Fatal(page.Fault)
			}
			victims[name] = v
		}
		for _, all := range []bool{false, true} {
			summary, lines := k.checks(all)
			if len(lines) > 0 || summary.Faults > 0 || summary.NotAdopted || summary.Older > 0 ||
				summary.Libraries != len(damages) || summary.Files != 3*len(damages) {
				t.Fatalf("what nobody has touched: %+v, %q", summary, lines)
			}
		}
		for name, damage := range damages {
			damage.do(victims[name])
		}
		for _, all := range []bool{false, true} {
			_, lines := k.checks(all)
			for name, damage := range damages {
				var own []string
				for _, line := range lines {
					if strings.Contains(line, string(victims[name].Library)) {
						own = append(own, line)
					}
				}
				want := damage.faults
				if damage.all && !all {
					want = nil
				}
				if len(own) != len(want) {
					t.Errorf("%s, all contents %t: %q, want %q", name, all, own, want)
					continue
				}
				for i := range want {
					if !strings.Contains(own[i], want[i]) {
						t.Errorf("%s, all contents %t: %q, want %q", name, all, own[i], want[i])
					}
				}
			}
		}
	})
}

// TestAttackTriggersFoundByCheck: the keeper adds a trigger that takes revocations out again, and views and rules. The
// check reports each, and the log of a server that starts has it.
func TestAttackTriggersFoundByCheck(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		anna := k.Person()
		anna.Allows(k.Application().Contract(library.Write))
		if _, lines := k.checks(true); len(lines) != 0 {
			t.Errorf("before: %q", lines)
		}
		statements := []string{
			`CREATE VIEW grants_of_all AS SELECT * FROM grants`,
			`CREATE TRIGGER keeps AFTER UPDATE OF revoked_at ON grants WHEN NEW.revoked_at <> 0
				BEGIN UPDATE grants SET revoked_at = 0 WHERE id = NEW.id; END`,
		}
		want := []string{"trigger keeps on grants", "view grants_of_all"}
		if strings.HasSuffix(t.Name(), "PostgreSQL") {
			statements = []string{
				statements[0],
				`CREATE FUNCTION keeps() RETURNS trigger LANGUAGE plpgsql
					AS 'BEGIN NEW.revoked_at = 0; RETURN NEW; END'`,
				`CREATE TRIGGER keeps BEFORE UPDATE OF revoked_at ON grants FOR EACH ROW EXECUTE FUNCTION keeps()`,
				`CREATE RULE no_events AS ON UPDATE TO tokens DO INSTEAD NOTHING`,
				`CREATE POLICY hides ON events USING (FALSE)`,
			}
			want = append(want, "rule no_events on tokens", "policy hides on events")
		}
		for _, s := range statements {
			carreltest.Must(k.db.ExecContext(t.Context(), s))(t)
		}
		_, lines := k.checks(true)
		for _, w := range want {
			if !slices.Contains(lines, "database: "+w+" is not of this program") {
				t.Errorf("the check does not report %s: %q", w, lines)
			}
		}
		if len(lines) != len(want) {
			t.Errorf("the check reports %q", lines)
		}
		if !strings.HasSuffix(t.Name(), "PostgreSQL") {
			return // another server does not start on SQLite while this one runs
		}
		again := carreltest.Must(server.Open(t.Context(), k.config))(t)
		if err := again.Close(); err != nil {
			t.Error(err)
		}
		for _, w := range want {
			if !k.Log.Contains(w) {
				t.Errorf("the log of the next start does not have %s", w)
			}
		}
	})
}

// TestAttackUnreadableLine: the keeper puts a text where a number belongs, which SQLite allows, and lines before the
// first. The check reports both, and goes on with the other libraries; the person sees no such line.
func TestAttackUnreadableLine(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		anna, bob := k.Person(), k.Person()
		if bob.Library < anna.Library { // the check comes to anna first
			anna, bob = bob, anna
		}
		k.changes(`INSERT INTO events (library_id, seq, at, kind, details, previous, hash)
			SELECT library_id, -seq, at, kind, details, previous, hash FROM events WHERE library_id = $1`,
			string(bob.Library))
		want := []string{"library " + string(bob.Library) + ": activity: 1 events stand before the first"}
		if !strings.HasSuffix(t.Name(), "PostgreSQL") {
			k.changes(`UPDATE events SET at = 'x' WHERE library_id = $1 AND seq = 1`, string(anna.Library))
			want = append(want, "library "+string(anna.Library)+": activity: event 1 of library",
				"table events, row "+string(anna.Library)+"/1: at")
		}
		summary, lines := k.checks(true)
		for _, w := range want {
			if !strings.Contains(strings.Join(lines, "\n"), w) {
				t.Errorf("the check does not report %q: %q", w, lines)
			}
		}
		if summary.Libraries != 2 {
			t.Errorf("it has checked %d libraries", summary.Libraries)
		}
		for before := range int64(2) {
			page := carreltest.Must(k.Activity.List(t.Context(), bob.SignedIn(), before))(t)
			for _, e := range page.Events {
				if e.Seq < 1 {
					t.Errorf("the person sees line %d", e.Seq)
				}
			}
		}
	})
}
