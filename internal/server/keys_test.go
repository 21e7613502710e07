package server_test

import (
	"context"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fetch"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/storage"
	"github.com/carrelhq/carrel/internal/store"
)

// sealedWorld is a server that runs, and whose keyring has sealed something of every kind.
type sealedWorld struct {
	*carreltest.World
	config  server.Config
	app     *carreltest.Application
	person  *carreltest.Person
	grant   *carreltest.Grant
	account delivery.Connection
	// answered is a delivery that has ended, waiting one that waits, and authorization one that is under way. There are
	// also an account that has ended, whose tokens are to be revoked, and two authorizations that have ended.
	answered, waiting library.DeliveryID
	authorization     func() delivery.AuthorizationResult

	// collected are files from a source, of a grant that reads them, and kept is a storage with two files.
	collected *carreltest.Grant
	kept      storage.ID
	keeps     *carreltest.Contract
}

// sealedBoxes is how much the keyring of a sealedWorld has sealed: 8 boxes for deliveries and signing, a postbox, the
// account from which is collected, and the fingerprints of two files.
const sealedBoxes = 12

func newSealedWorld(t *testing.T, options ...carreltest.Option) *sealedWorld {
	t.Helper()
	s := &sealedWorld{}
	s.World = carreltest.New(t, append(options, func(c *server.Config) {
		c.Deliveries.FirstRetry, c.Deliveries.MaxRetry = time.Minute, time.Minute
		s.config = *c
	})...)
	if _, err := library.OpenSigner(t.Context(), s.Store, s.Keyring, s.Clock.Now, library.DrawSigningKey); err != nil {
		t.Fatal(err)
	}
	s.person = s.Person("anna@example.org")
	s.app = s.Application()
	s.grant, s.account = s.person.Connects(s.app.Contract(library.Write))
	s.answered = s.sends(t, "answered")
	s.Provider.Answers(delivery.Outcome{Kind: delivery.OutcomeNotFiled, Status: 503})
	s.waiting = s.sends(t, "waiting")
	getsPostbox(t, s.person, s.grant.Contract)
	s.Provider.Answers(delivery.Outcome{Kind: delivery.OutcomeDelivered, Status: 201, Answer: []byte(`{"of":"later"}`)})

	other := s.Person("bram@example.org")
	asked := other.Asked(s.Application().Contract(library.Write))
	state := other.LeavesFor(asked, delivery.Target{Source: carreltest.SourceID})
	stopped, _ := other.Connects(s.Application().Contract(library.Write))
	other.Stops(stopped)
	s.authorization = func() delivery.AuthorizationResult { return other.ComesBack(state, carreltest.GoodCode).Result }

	dora := s.Person("dora@example.org")
	s.collected = dora.Allows(s.Application().Contract(library.Read, mappedScope))
	connectsSample(t, dora, s.collected)
	s.collects(t)
	s.keeps = s.Application().Contract(library.Write)
	_, s.kept = dora.AllowsStorage(s.keeps)
	carreltest.Must(s.keeps.Uploads(s.kept, carreltest.PathOf("a"), []byte("small")))(t)
	carreltest.Must(s.keeps.Uploads(s.kept, carreltest.PathOf("b"), carreltest.Large("large")))(t)
	return s
}

// twoItems is a source with two files.
type twoItems struct{}

func (twoItems) Fetch(_ context.Context, _ delivery.Connection, _ string, yield func(fetch.Item) error) error {
	for _, key := range []string{"one", "two"} {
		item := fetch.Item{Key: key, Position: key, ObjectType: 1, Raw: wire.RawMetadata{MIMEType: "text/plain"},
			Content: strings.NewReader("content of " + key)}
		if err := yield(item); err != nil {
			return err
		}
	}
	return nil
}

// collects fetches from the source, and returns the files with the times of their versions.
func (s *sealedWorld) collects(t *testing.T) map[wire.FileName]wire.Millis {
	t.Helper()
	f := fetch.New(s.Store, s.Connections, library.NewCollector(s.Files, s.Consents), twoItems{}, s.Clock.Now,
		fetch.Config{}, slog.New(slog.DiscardHandler))
	b := carreltest.Must(s.collected.Bearer())(t)
	if err := f.Request(t.Context(), b.Grant, wire.SessionOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := f.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	files := map[wire.FileName]wire.Millis{}
	session := carreltest.Must(s.collected.StartsSession(wire.SessionOptions{}))(t)
	err := s.Files.List(t.Context(), carreltest.Must(s.collected.FindsSession(session))(t),
		func(e wire.FileEntry) error {
			files[e.Name] = e.UpdatedDate
			_, content, err := s.collected.ReadsFile(session, e.Name)
			if !strings.HasPrefix(string(content), "content of ") {
				t.Errorf("file %s from a source: %q, %v", e.Name, content, err)
			}
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func (s *sealedWorld) sends(t *testing.T, id string) library.DeliveryID {
	t.Helper()
	return carreltest.Must(s.grant.Sends(s.account.ID, carreltest.Observation(id)))(t).Delivery.ID
}

func (s *sealedWorld) delivery(t *testing.T, id library.DeliveryID) delivery.Delivery {
	t.Helper()
	return carreltest.Must(s.Store.GetDelivery(t.Context(), s.person.Library, id))(t)
}

// totals counts what each key has sealed, oldest key first. What it has authenticated is not counted.
func (s *sealedWorld) totals(t *testing.T) (totals []int) {
	t.Helper()
	for _, u := range carreltest.Must(server.ListKeys(t.Context(), s.config))(t) {
		boxes := u.Total() - u.Boxes[store.BoxBinding]
		if u.Total() > 0 {
			for _, kind := range store.BoxKinds() {
				if u.Boxes[kind] == 0 {
					t.Errorf("key %s has sealed no %s", u.ID, kind)
				}
			}
		}
		totals = append(totals, boxes)
	}
	return totals
}

// goesOn expects that everything that waits goes on.
func (s *sealedWorld) goesOn(t *testing.T) {
	t.Helper()
	s.Clock.Moves(2 * time.Minute)
	s.Work(s.Queue)
	if d := s.delivery(t, s.waiting); d.State != delivery.Delivered {
		t.Errorf("what waited is %s: %s", d.State, d.Reason)
	}
	b := carreltest.Must(s.grant.Bearer())(t)
	result := carreltest.Must(s.Queue.Get(t.Context(), b, s.answered))(t)
	if !strings.Contains(string(result.Answer), "Observation") {
		t.Errorf("the answer of before is %q", result.Answer)
	}
	if got := s.authorization(); got != delivery.AuthorizationConnected {
		t.Errorf("who was at a provider comes back with %v", got)
	}
	if err := s.Connections.RevokeTokens(t.Context(), slog.New(slog.NewTextHandler(s.Log, nil))); err != nil {
		t.Error(err)
	}
	if got := s.Provider.Revoked(); len(got) != 1 {
		t.Errorf("of an account that has ended, the provider has revoked %q", got)
	}
	for name, want := range map[string]string{"a": "small", "b": string(carreltest.Large("large"))} {
		if got, err := s.keeps.Downloads(s.kept, carreltest.PathOf(name)); err != nil || string(got) != want {
			t.Errorf("file %s of the storage: %d bytes, %v", name, len(got), err)
		}
	}
	carreltest.Must(s.keeps.Uploads(s.kept, carreltest.PathOf("c"), []byte("more")))(t)
}

// TestRotateKeys gives a server that runs another key, and takes the old one away: everything that waits goes on.
func TestRotateKeys(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, options ...carreltest.Option) {
		s := newSealedWorld(t, options...)
		if got := s.totals(t); !slices.Equal(got, []int{sealedBoxes}) {
			t.Fatalf("the keys have sealed %v", got)
		}
		before := s.collects(t)
		rotate := func(o server.RotateOptions) server.Rotation {
			t.Helper()
			return carreltest.Must(server.RotateKeys(t.Context(), s.config, o))(t)
		}
		added := rotate(server.RotateOptions{AddOnly: true})
		if got := s.totals(t); !slices.Equal(got, []int{sealedBoxes, 0}) || added.Added == "" {
			t.Errorf("after adding a key, the keys have sealed %v: %+v", got, added)
		}
		// An interrupted rotation goes on with the key that it has added.
		r := rotate(server.RotateOptions{})
		if got := s.totals(t); !slices.Equal(got, []int{0, sealedBoxes}) || r.Encrypted != sealedBoxes ||
			r.Added != "" || r.Newest != added.Added {
			t.Errorf("after rotating, the keys have sealed %v: %+v", got, r)
		}
		r = rotate(server.RotateOptions{DropOld: true})
		if got := s.totals(t); !slices.Equal(got, []int{sealedBoxes}) || len(r.Dropped) != 1 || r.Added != "" {
			t.Errorf("after dropping the old key, the keys have sealed %v: %+v", got, r)
		}
		if again := rotate(server.RotateOptions{}); again.Added == "" || again.Encrypted != sealedBoxes {
			t.Errorf("the next rotation: %+v", again)
		}

		carreltest.Must(library.OpenSigner(t.Context(), s.Store, s.Keyring, s.Clock.Now, library.DrawSigningKey))(t)
		s.goesOn(t)
		if again := s.collects(t); len(again) != 2 || !maps.Equal(again, before) {
			t.Errorf("collected again: %v, before %v", again, before)
		}
		var faults []string
		carreltest.Must(server.CheckStored(t.Context(), s.config, server.CheckOptions{AllContents: true},
			func(fault string) { faults = append(faults, fault) }))(t)
		if len(faults) > 0 {
			t.Errorf("the check says %q", faults)
		}
	})
}

// TestAttackLostKeys: with the keyring gone, a reset gives up what only the keyring opened, tells the persons, and
// leaves files and consents.
func TestAttackLostKeys(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, options ...carreltest.Option) {
		s := newSealedWorld(t, options...)
		reader := s.person.Allows(s.app.Contract(library.Read))
		carreltest.Must(s.grant.Pushes("letter", []byte("dear Anna")))(t)
		if err := os.Remove(s.config.Keyring); err != nil {
			t.Fatal(err)
		}
		if _, err := server.RotateKeys(t.Context(), s.config, server.RotateOptions{}); err == nil {
			t.Error("a lost keyring was rotated")
		}
		uses := carreltest.Must(server.ListKeys(t.Context(), s.config))(t)
		if len(uses) != 1 || uses[0].Known || uses[0].Total() != sealedBoxes+uses[0].Boxes[store.BoxBinding] {
			t.Errorf("without a keyring the keys are %+v", uses)
		}
		s.config.PublicURL = "https://library.example"
		_, err := server.Open(t.Context(), s.config)
		if err == nil || !strings.Contains(err.Error(), "carrel keys reset") {
			t.Errorf("a server without its keyring: %v", err)
		}
		if err := server.ResetKeys(t.Context(), s.config); err != nil {
			t.Fatal(err)
		}
		if uses := carreltest.Must(server.ListKeys(t.Context(), s.config))(t); len(uses) != 0 {
			t.Errorf("after the reset the keys are %+v", uses)
		}
		again, err := server.Open(t.Context(), s.config)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if d := s.delivery(t, s.waiting); d.State != delivery.Expired || d.Payload != nil {
			t.Errorf("what waited is %s", d.State)
		}
		if d := s.delivery(t, s.answered); d.State != delivery.Delivered || d.Answer != nil {
			t.Errorf("what was delivered is %s", d.State)
		}
		got := s.person.Activity()
		if !strings.Contains(got, "account.ended") || !strings.Contains(got, "sent.given_up") {
			t.Errorf("the activity is %s", got)
		}
		if got := carreltest.Must(reader.Reads())(t); got["letter"] != "dear Anna" {
			t.Errorf("the files are %v", got)
		}
		// The server has adopted what is in storages, and what was collected.
		if got := carreltest.Must(s.keeps.Downloads(s.kept, carreltest.PathOf("a")))(t); string(got) != "small" {
			t.Errorf("the file of the storage is %q", got)
		}
		session := carreltest.Must(s.collected.StartsSession(wire.SessionOptions{}))(t)
		read := 0
		err = s.Files.List(t.Context(), carreltest.Must(s.collected.FindsSession(session))(t),
			func(e wire.FileEntry) error {
				read++
				_, _, err := s.collected.ReadsFile(session, e.Name)
				return err
			})
		if err != nil || read != 2 {
			t.Errorf("of what was collected, %d are read, %v", read, err)
		}
	})
}

// TestSealedColumnsAreKnown: every column of bytes is one that the keyring seals, and that a rotation encrypts again,
// or one of those that have nothing of the keyring in them. A new column has to be added to one of the lists.
func TestSealedColumnsAreKnown(t *testing.T) {
	t.Parallel()
	sealed := []string{
		"signing_keys.private", "trips.secrets", "provider_accounts.access", "token_revocations.access",
		"delivery_contents.payload", "delivery_contents.answer", "collected_files.fingerprint", "postboxes.box",
	}
	// Their MACs are made again by library.Integrity.Rebind, and counted by store.DB.CountBindings.
	authenticated := []string{
		"libraries.binding", "codes.binding", "tokens.binding", "adoptions.mac", "event_checkpoints.mac",
		"chains.mac", "grants.binding", "collected_files.binding", "storages.binding", "storage_files.binding",
	}
	others := []string{
		"links.binding", "links.session_binding", "logins.binding", "event_checkpoints.hash", "chains.hash",
		"nonces.hash", "nonces.retry_call", "sessions.unsigned_key",
		"libraries.public_key", "locks.box", "logins.hash", "logins.seal", "logins.pending_code",
		"events.previous", "events.hash", "links.hash", "links.state", "links.session_hash", "codes.hash", "codes.seal",
		"tokens.hash", "tokens.seal", "tokens.code_hash", "deleted_tokens.hash", "sessions.hash", "sessions.public_key",
		"sessions.seal", "contents.sealed_key", "contents.data", "epochs.id", "epochs.encapsulation",
		"trips.hash", "trips.link_hash",
		"storage_files.sha256", "storage_contents.data", // which the application has encrypted
	}
	w := carreltest.New(t)
	for _, column := range w.BytesColumns() {
		if !slices.Contains(slices.Concat(sealed, authenticated, others), column) {
			t.Errorf("no list has the column %s: does store.DB.EachBox have to know it?", column)
		}
	}
	if kinds := len(store.BoxKinds()) - 1; len(sealed) != kinds { // the other kind is that of the MACs
		t.Errorf("%d columns are sealed, and there are %d kinds of boxes", len(sealed), kinds)
	}
}

// TestReadOnlyKeyring: a keyring that cannot be written, such as a mounted secret, works, and is not bound.
func TestReadOnlyKeyring(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Log("root writes every file: only the bytes of the environment are tested")
	}
	w := carreltest.New(t)
	path := filepath.Join(w.Folder, "master.key")
	text := carreltest.Must(os.ReadFile(path))(t)
	c := server.Config{PublicURL: "https://library.example", Database: filepath.Join(w.Folder, "carrel.db"),
		Blobs: filepath.Join(w.Folder, "blobs"), Keyring: filepath.Join(w.Folder, "none"), MasterKeys: text}
	if os.Getuid() != 0 {
		if err := os.Chmod(path, 0o400); err != nil {
			t.Fatal(err)
		}
		c.Keyring, c.MasterKeys = path, nil
	}
	for range 2 {
		s, err := server.Open(context.WithoutCancel(t.Context()), c)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if now := carreltest.Must(os.ReadFile(path))(t); string(now) != string(text) {
		t.Error("the keyring was written to")
	}
	if _, err := os.Stat(filepath.Join(w.Folder, "none")); !os.IsNotExist(err) {
		t.Errorf("a keyring was made beside the one of the environment: %v", err)
	}
}
