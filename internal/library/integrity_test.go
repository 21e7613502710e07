package library_test

import (
	"database/sql"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// execute changes the database of a world from beside it.
func execute(t testing.TB, w *carreltest.World, query string, args ...any) {
	t.Helper()
	path := filepath.Join(w.Folder, "carrel.db")
	db := must(sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)"))(t)
	defer func() { _ = db.Close() }()
	must(db.ExecContext(t.Context(), query, args...))(t)
}

func isTampered(err error) bool {
	var tampered *library.TamperedError
	return errors.As(err, &tampered)
}

// olderToken gives a grant an access token as a program without bindings made it.
func olderToken(t *testing.T, w *carreltest.World, g *carreltest.Grant) *carreltest.Grant {
	t.Helper()
	random := seal.NewSecret().Hash()
	text := base64.RawURLEncoding.EncodeToString(random[:])
	token := library.Token{Hash: seal.SecretOf(text).Hash(), Use: library.UseAccess, Grant: g.ID(),
		ExpiresAt: w.Clock.Now().Add(time.Hour)}
	if err := w.Store.AddToken(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	older := g.GrantOfToken(text)
	return older
}

// TestAdoptedActivity: the first start after the migration authenticates the end of each activity, and what each grant
// covers. After that an end without a MAC, or a grant without a binding, is one that somebody has removed.
func TestAdoptedActivity(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Person()
	g := anna.Allows(w.Application().Contract(library.Read))
	older := func() {
		execute(t, w, `UPDATE chains SET hash = NULL, mac = NULL`)
		execute(t, w, `UPDATE grants SET access = '', allowed = '', binding = NULL`)
	}
	wantFault := func(when string, want bool) {
		t.Helper()
		page := must(w.Activity.List(t.Context(), anna.SignedIn(), 0))(t)
		if (page.Fault != nil) != want {
			t.Errorf("activity, %s: %v", when, page.Fault)
		}
		if _, err := g.Bearer(); isTampered(err) != want {
			t.Errorf("grant, %s: %v", when, err)
		}
	}
	wantFault("as it is made", false)
	before := must(w.Store.GetGrant(t.Context(), g.ID()))(t)
	older()
	adopt := func() {
		t.Helper()
		if err := library.NewIntegrity(w.Keyring, w.Store, w.Clock.Now).Adopt(t.Context(), w.Store, nil); err != nil {
			t.Fatal(err)
		}
	}
	// The start of a version before has recorded its adoption.
	adopt()
	execute(t, w, `DELETE FROM adoptions WHERE id = 2`)
	adopt()
	wantFault("adopted", false)
	if got := must(w.Store.GetGrant(t.Context(), g.ID()))(t); !reflect.DeepEqual(got, before) {
		t.Errorf("the grant is adopted as %+v, and was %+v", got, before)
	}
	must(g.StartsSession(wire.SessionOptions{}))(t)
	older()
	adopt()
	wantFault("after the adoption", true)
}

// TestAdoption: the first start after the migration binds what an older program has made. After that a row without a
// binding is refused, at the next start too.
func TestAdoption(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Person()
	g := anna.Allows(w.Application().Contract(library.Write))
	adopted, late := olderToken(t, w, g), (*carreltest.Grant)(nil)
	execute(t, w, `UPDATE libraries SET binding = NULL`)
	if _, err := adopted.Pushes("before", nil); !isTampered(err) {
		t.Errorf("before the adoption: %v", err)
	}
	for range 2 {
		integrity := library.NewIntegrity(w.Keyring, w.Store, w.Clock.Now)
		if err := integrity.Adopt(t.Context(), w.Store, nil); err != nil {
			t.Fatal(err)
		}
		if err := integrity.VerifyLibrary(t.Context(), anna.SignedIn().Library); err != nil {
			t.Error(err)
		}
		if _, err := adopted.Pushes("after", nil); err != nil {
			t.Errorf("an adopted token: %v", err)
		}
		if late != nil {
			if _, err := late.Pushes("late", nil); !isTampered(err) {
				t.Errorf("a token that was not adopted: %v", err)
			}
		}
		late = olderToken(t, w, g)
	}

	stranger := w.Person()
	execute(t, w, `UPDATE libraries
		SET public_key = (SELECT o.public_key FROM libraries o WHERE o.id = ?) WHERE id = ?`,
		stranger.Library, anna.Library)
	if _, err := adopted.Pushes("another key", nil); !isTampered(err) {
		t.Errorf("an adopted token, and another public key: %v", err)
	}
	l := must(w.Store.GetLibrary(t.Context(), anna.Library))(t)
	fresh := library.NewIntegrity(w.Keyring, w.Store, w.Clock.Now)
	if err := fresh.VerifyLibrary(t.Context(), l); !isTampered(err) {
		t.Errorf("a library with another public key: %v", err)
	}

	execute(t, w, `UPDATE adoptions SET adopted_at = adopted_at + 1`)
	if err := fresh.Adopt(t.Context(), w.Store, nil); !errors.Is(err, library.ErrAdoptionForged) {
		t.Errorf("a changed record of the adoption: %v", err)
	}
}

// TestTamperedOnceAnHour: an attack does not fill the activity.
func TestTamperedOnceAnHour(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Person()
	g := anna.Allows(w.Application().Contract(library.Write))
	execute(t, w, `UPDATE tokens SET binding = NULL`)
	for range 3 {
		for range 3 {
			if _, err := g.Pushes("x", nil); !isTampered(err) {
				t.Fatalf("a token without a binding: %v", err)
			}
		}
		w.Clock.Moves(time.Hour)
	}
	n := 0
	for _, e := range anna.Events() {
		if e.Kind == library.EventTampered {
			n++
		}
	}
	if n != 3 {
		t.Errorf("%d lines in three hours", n)
	}
}

// TestOpeningComparesKeys: each secret that opens the private key finds that the public key is another.
func TestOpeningComparesKeys(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Newcomer("anna@example.org")
	code := anna.PendingCode()
	app := w.Application()
	writer := anna.Allows(app.Contract(library.Write))
	file := must(writer.Pushes("letter", []byte("text")))(t)
	reader := anna.Allows(app.Contract(library.Read))
	pending := anna.Consents(app.Contract(library.Read))
	session := must(reader.StartsSession(wire.SessionOptions{}))(t)
	asked := anna.Asked(app.Contract(library.Write))
	found := must(reader.FindsSession(session))(t)
	bearer := must(reader.Bearer())(t)

	in := anna.SignedIn()

	execute(t, w, `UPDATE libraries SET public_key = ?`, must(seal.GenerateKey())(t).PublicKey().Bytes())
	ctx := t.Context()
	// A login that was found before opens the library as it is now.
	in.Library = must(w.Store.GetLibrary(ctx, anna.Library))(t)
	for what, open := range map[string]func() error{
		"password": func() error {
			_, err := w.People.SignIn(ctx, anna.Email, anna.Password, library.Device{})
			return err
		},
		"recovery code": func() error {
			_, err := w.People.Recover(ctx, anna.Email, code, "een ander goed wachtwoord", library.Device{})
			return err
		},
		"change of password": func() error {
			return w.People.ChangePassword(ctx, in, anna.Password, "een ander goed wachtwoord")
		},
		"cookie, download": func() error {
			_, _, err := w.Files.OpenForPerson(ctx, in, file.ID)
			return err
		},
		"cookie, consent": func() error {
			_, err := w.Consents.Allow(ctx, in, asked, asked.Shown(""))
			return err
		},
		"cookie":       func() error { _, err := w.People.Login(ctx, anna.Cookie); return err },
		"access token": func() error { _, err := reader.StartsSession(wire.SessionOptions{}); return err },
		"refresh token": func() error {
			_, err := w.Consents.Refresh(ctx, reader.Requests(carreltest.Refreshing(reader.Refresh())))
			return err
		},
		"code": func() error {
			_, err := w.Consents.Exchange(ctx, pending.Requests(carreltest.Exchanging(pending.Code)))
			return err
		},
	} {
		if err := open(); !isTampered(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// A session that was found before opens the library as the bearer found it.
	found.Bearer.Library = must(w.Store.GetLibrary(ctx, anna.Library))(t)
	if _, _, err := w.Files.Open(ctx, found, file.ID); !isTampered(err) {
		t.Errorf("session: %v", err)
	}
	bearer.Library = found.Bearer.Library
	if _, err := w.Consents.StartSession(ctx, bearer, wire.SessionOptions{}); !isTampered(err) {
		t.Errorf("access token that was found before: %v", err)
	}
}

// TestRebind: what an older master key has bound is bound by the newest, so that the older one can be dropped; and what
// nobody has bound stays refused. After the keyring was lost, everything is adopted again.
func TestRebind(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna, bram := w.Person(), w.Person()
	g := anna.Allows(w.Application().Contract(library.Write))
	older := olderToken(t, w, g)
	for i := range 100 {
		must(g.Pushes(string(rune('a'+i%26)), nil))(t)
	}
	ring := func(text ...byte) *seal.Keyring { return must(seal.ParseKeyring(text))(t) }
	first := must(os.ReadFile(filepath.Join(w.Folder, "master.key")))(t)
	second := seal.NewKeyringText()
	ctx := t.Context()
	if err := library.NewIntegrity(ring(first...), w.Store, w.Clock.Now).Adopt(ctx, w.Store, nil); err != nil {
		t.Fatal(err)
	}
	anna.Events() // adds a checkpoint
	in := anna.SignedIn()
	execute(t, w, `UPDATE libraries
		SET public_key = (SELECT o.public_key FROM libraries o WHERE o.id = ?) WHERE id = ?`,
		anna.Library, bram.Library)
	execute(t, w, `UPDATE chains SET hash = (SELECT o.hash FROM chains o WHERE o.library_id = ?) WHERE library_id = ?`,
		anna.Library, bram.Library)

	both := library.NewIntegrity(ring(append(first, second...)...), w.Store, w.Clock.Now)
	for range 2 {
		if err := both.Rebind(ctx, w.Store); err != nil {
			t.Fatal(err)
		}
	}
	newest := library.NewIntegrity(ring(second...), w.Store, w.Clock.Now)
	w.Store.SetBinder(newest)
	verify := func(i *library.Integrity, id library.ID) error {
		return i.VerifyLibrary(ctx, must(w.Store.GetLibrary(ctx, id))(t))
	}
	if err := verify(newest, anna.Library); err != nil {
		t.Error(err)
	}
	if err := verify(newest, bram.Library); !isTampered(err) {
		t.Errorf("a library with another public key: %v", err)
	}
	if err := newest.Adopt(ctx, w.Store, nil); err != nil {
		t.Errorf("the record of the adoption: %v", err)
	}
	consents := library.NewConsents(w.Store, w.Clients, w.Store, newest, w.Clock.Now, library.ConsentConfig{})
	if _, err := consents.Bearer(ctx, older.Requests(carreltest.WithToken(older.Token()))); err != nil {
		t.Errorf("an adopted token: %v", err)
	}
	activity := library.NewActivity(w.Store, newest, nil, "")
	if page, err := activity.List(ctx, in, 0); err != nil || page.Fault != nil {
		t.Errorf("activity: %v, %v", page.Fault, err)
	}
	if bound := newest.IsChainEndBound(must(w.Store.GetChainHead(ctx, anna.Library))(t).End); !bound {
		t.Error("the end of the activity is not bound by the newest key")
	}
	if bound := newest.IsChainEndBound(must(w.Store.GetChainHead(ctx, bram.Library))(t).End); bound {
		t.Error("an end that was forged is bound")
	}
	if n := w.Rows("event_checkpoints"); n == 0 {
		t.Error("there are no checkpoints")
	}

	lost := library.NewIntegrity(ring(seal.NewKeyringText()...), w.Store, w.Clock.Now)
	if err := verify(lost, anna.Library); !isTampered(err) {
		t.Errorf("another keyring: %v", err)
	}
	if err := errors.Join(w.Store.Unbind(ctx), lost.Adopt(ctx, w.Store, nil)); err != nil {
		t.Fatal(err)
	}
	if err := verify(lost, anna.Library); err != nil {
		t.Error(err)
	}
	consents = library.NewConsents(w.Store, w.Clients, w.Store, lost, w.Clock.Now, library.ConsentConfig{})
	if _, err := consents.Bearer(ctx, g.Requests(carreltest.WithToken(g.Token()))); err != nil {
		t.Errorf("a token with a binding of its own: %v", err)
	}
	activity = library.NewActivity(w.Store, lost, nil, "")
	if page, err := activity.List(ctx, in, 0); err != nil || page.Fault != nil {
		t.Errorf("adopted activity: %v, %v", page.Fault, err)
	}
}
