package library_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// household is a person with everything that a library can have, beside another.
type household struct {
	w              *world
	anna, bram     *person
	writer, reader granted // anna's
	brams          granted
}

func newHousehold(t *testing.T, s settings) *household {
	t.Helper()
	w := newWorldWith(t, s)
	app := w.application()
	writing, reading := w.contract(app, library.Write), w.contract(app, library.Read)
	h := &household{w: w, anna: w.person("anna@example.org"), bram: w.person("bram@example.org")}
	h.writer, h.reader, h.brams = h.anna.allow(writing), h.anna.allow(reading), h.bram.allow(reading)
	must(h.bram.allow(writing).push("of bram", large("bram")))(t)
	for name, content := range map[string][]byte{"small": []byte("text"), "large": large("x")} {
		must(h.writer.push(name, content))(t)
	}
	must(h.reader.readNow())(t)
	must(
		w.consents.AddReference(
			t.Context(),
			reading.call(),
			wire.ReferenceRequest{Type: "accountId", Value: string(h.account(t))},
		),
	)(t)
	// A link that names the library and has not been answered, and one that was refused.
	for range 2 {
		opened := must(
			w.consents.Authorize(
				t.Context(),
				reading.call(authorizing, accessToken(h.reader.tokens.AccessToken.Value)),
				wire.SessionOptions{},
			),
		)(t)
		request := must(w.consents.FindRequest(t.Context(), library.AuthorizeRequest, opened.Code.Reveal()))(t)
		_, _ = w.consents.Deny(t.Context(), request, h.anna.in(), library.CallbackUserCancel)
	}
	return h
}

func (h *household) account(t *testing.T) wire.AccountID {
	return must(h.w.consents.ListAccounts(t.Context(), must(h.reader.bearer())(t)))(t)[0].ID
}

// traces lists where something of a library stands in the database, and its blobs.
func (h *household) traces(id library.ID) (where, blobs []string) {
	where = h.w.mentions(string(id))
	for _, key := range h.w.blobKeys() {
		if strings.HasPrefix(key, string(id)+"/") {
			blobs = append(blobs, key)
		}
	}
	return where, blobs
}

// gone checks that nothing of anna is left, and everything of bram.
func (h *household) gone(t *testing.T, id library.ID) {
	t.Helper()
	if where, blobs := h.traces(id); len(where) > 0 || len(blobs) > 0 {
		t.Errorf("traces are left in %s, and the blobs %s", where, blobs)
	}
	if where := h.w.mentions(h.anna.email); len(where) > 0 {
		t.Errorf("the e-mail address is left in %s", where)
	}
	if _, err := h.w.people.Login(t.Context(), h.anna.secret); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("the browser: %v", err)
	}
	if _, err := h.w.people.SignIn(t.Context(), h.anna.email, password, library.Device{}); !errors.Is(
		err,
		library.ErrWrongPassword,
	) {
		t.Errorf("signing in: %v", err)
	}
	h.brams.tokens = must(
		h.w.consents.Refresh(t.Context(), h.brams.call(refreshing(h.brams.tokens.RefreshToken.Value))),
	)(t)
	if got, err := h.brams.readNow(); err != nil || got["of bram"] != string(large("bram")) {
		t.Errorf("the other person's application: %d files, %v", len(got), err)
	}
}

// TestShutAndReopen: shutting cuts everybody off at once and destroys nothing; who
// opens again finds everything but has to be asked again.
func TestShutAndReopen(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, settings{people: library.PeopleConfig{DeleteWait: deleteWait}})
	w, anna := h.w, h.anna
	phone := must(w.people.SignIn(t.Context(), anna.email, password, library.Device{}))(t)
	if _, err := w.people.Shut(t.Context(), anna.in(), "a wrong password"); !errors.Is(err, library.ErrWrongPassword) {
		t.Errorf("wrong password: %v", err)
	}
	deleteAt := must(w.people.Shut(t.Context(), anna.in(), password))(t)
	if want := w.clock().Add(deleteWait); !deleteAt.Equal(want) || !anna.in().Library.Shut() ||
		!anna.in().Library.DeleteAt.Equal(want) {
		t.Errorf("to be deleted at %v, want %v", deleteAt, want)
	}
	if _, err := w.people.Login(t.Context(), phone); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("another browser: %v", err)
	}
	for name, g := range map[string]granted{"reader": h.reader, "writer": h.writer} {
		_, err := g.bearer()
		refused(t, name, err, library.InvalidToken(wire.KindAccessToken))
		_, err = w.consents.Refresh(t.Context(), g.call(refreshing(g.tokens.RefreshToken.Value)))
		refused(t, name+" refreshes", err, library.InvalidToken(wire.KindRefreshToken))
	}
	if was := must(w.people.WasDeleted(t.Context(),
		h.reader.call(accessToken(h.reader.tokens.AccessToken.Value))))(t); was {
		t.Error("a library that is shut counts as deleted")
	}
	opened := must(w.consents.Authorize(t.Context(), h.reader.call(authorizing), wire.SessionOptions{}))(t)
	request := must(w.consents.FindRequest(t.Context(), library.AuthorizeRequest, opened.Code.Reveal()))(t)
	if _, err := w.consents.Allow(t.Context(), anna.in(), request, ""); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("a consent while it is shut: %v", err)
	}
	w.pass(deleteWait - time.Minute)
	if err := w.keeping.SweepExpired(t.Context()); err != nil {
		t.Fatal(err)
	}
	anna.signIn()
	if err := w.people.Reopen(t.Context(), anna.in()); err != nil {
		t.Fatal(err)
	}
	w.pass(10 * time.Minute)
	if err := w.keeping.SweepExpired(t.Context()); err != nil {
		t.Fatal(err)
	}
	if anna.in().Library.Shut() {
		t.Error("still shut")
	}
	_, err := h.reader.bearer()
	refused(t, "the application after reopening", err, library.InvalidToken(wire.KindAccessToken))
	if got := must(anna.allow(h.reader.client).readNow())(t); len(got) != 2 || got["large"] != string(large("x")) {
		t.Errorf("after a new yes it reads %d files", len(got))
	}
	if got := anna.events(); !strings.Contains(got, "you.shut") || !strings.Contains(got, "you.reopened app.allowed") {
		t.Errorf("activity %s", got)
	}
}

// TestDeleteDue: when the time of waiting is over, everything is gone.
func TestDeleteDue(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, settings{people: library.PeopleConfig{DeleteWait: deleteWait}})
	id := h.anna.in().Library.ID
	if where, blobs := h.traces(id); len(where) < 8 || len(blobs) != 1 {
		t.Fatalf("before, it stands in %s, with the blobs %s", where, blobs)
	}
	must(h.w.people.Shut(t.Context(), h.anna.in(), password))(t)
	h.w.pass(deleteWait)
	if err := h.w.keeping.SweepExpired(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.gone(t, id)
	if err := h.w.keeping.SweepExpired(t.Context()); err != nil {
		t.Errorf("tidying again: %v", err)
	}
}

// TestDeleteAtOnce: where there is no time of waiting, and when an application deletes.
func TestDeleteAtOnce(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(h *household) error{
		"by the person": func(h *household) error {
			at, err := h.w.people.Shut(t.Context(), h.anna.in(), password)
			if !at.IsZero() {
				t.Errorf("to be deleted at %v", at)
			}
			return err
		},
		"by an application": func(h *household) error {
			return h.w.people.DeleteNow(t.Context(), must(h.reader.bearer())(t))
		},
	} {
		h := newHousehold(t, settings{})
		w, id := h.w, h.anna.in().Library.ID
		if err := remove(h); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, g := range []granted{h.reader, h.writer} {
			call := g.call(accessToken(g.tokens.AccessToken.Value))
			_, err := w.consents.Bearer(t.Context(), call)
			refused(t, name, err, library.InvalidToken(wire.KindAccessToken))
			if was := must(w.people.WasDeleted(t.Context(), call))(t); !was {
				t.Errorf("%s: a retry is not told that it is done", name)
			}
		}
		for what, token := range map[string]string{"none": "", "invented": "x",
			"refresh token": h.reader.tokens.RefreshToken.Value, "another person's": h.brams.tokens.AccessToken.Value} {
			if was := must(w.people.WasDeleted(t.Context(), h.reader.call(accessToken(token))))(t); was {
				t.Errorf("%s: the token %s counts as deleted", name, what)
			}
		}
		w.pass(10*time.Minute - time.Millisecond)
		retry := func() bool {
			return must(
				w.people.WasDeleted(t.Context(), h.reader.call(accessToken(h.reader.tokens.AccessToken.Value))),
			)(t)
		}
		if !retry() {
			t.Errorf("%s: forgotten before ten minutes are over", name)
		}
		w.pass(time.Millisecond)
		if retry() {
			t.Errorf("%s: remembered for longer than ten minutes", name)
		}
		if err := w.keeping.SweepExpired(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, v := range w.stored() {
			if strings.HasPrefix(v.column, "deleted_tokens.") {
				t.Errorf("%s: %s keeps %x", name, v.column, v.bytes)
			}
		}
		h.gone(t, id)
		again := w.person(h.anna.email) // the address is free
		if n := must(w.files.Count(t.Context(), again.in()))(t); n != 0 {
			t.Errorf("%s: a new library has %d files", name, n)
		}
	}
}

// TestSweepBlobs: what a crash left between blob and row goes after a day; what a file
// names, and what may yet get its row, stays.
func TestSweepBlobs(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, settings{})
	w, id := h.w, h.anna.in().Library.ID
	for _, key := range []string{string(id) + "/01k2v9m3qdh7w8r2ncy6ft4gxe", "nobody/01k2v9m3qdh7w8r2ncy6ft4gxe"} {
		must(w.blobs.Put(t.Context(), key, strings.NewReader("left over")))(t)
	}
	before := len(w.blobKeys())
	w.keeping.Now = func() time.Time { return time.Now().Add(23 * time.Hour) } // blobs keep real time
	if err := w.keeping.SweepBlobs(t.Context()); err != nil || len(w.blobKeys()) != before {
		t.Errorf("within a day: %d of %d blobs are left, %v", len(w.blobKeys()), before, err)
	}
	w.keeping.Now = func() time.Time { return time.Now().Add(25 * time.Hour) }
	if err := w.keeping.SweepBlobs(t.Context()); err != nil || len(w.blobKeys()) != before-2 {
		t.Errorf("after a day: %d of %d blobs are left, %v", len(w.blobKeys()), before, err)
	}
	if got := must(h.reader.readNow())(t); got["large"] != string(large("x")) {
		t.Error("a file's blob was swept")
	}
}
