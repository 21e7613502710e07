package library_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
)

// household is a person with everything that a library can have, beside another.
type household struct {
	w              *carreltest.World
	anna, bram     *carreltest.Person
	writer, reader *carreltest.Grant // anna's
	brams          *carreltest.Grant
}

func newHousehold(t *testing.T, deleteWait time.Duration) *household {
	t.Helper()
	w := carreltest.New(t, func(c *server.Config) { c.DeleteWait = deleteWait })
	app := w.Application()
	writing, reading := app.Contract(library.Write), app.Contract(library.Read)
	h := &household{w: w, anna: w.Newcomer("anna@example.org"), bram: w.Newcomer("bram@example.org")}
	h.writer, h.reader, h.brams = h.anna.Allows(writing), h.anna.Allows(reading), h.bram.Allows(reading)
	must(h.bram.Allows(writing).Pushes("of bram", carreltest.Large("bram")))(t)
	for name, content := range map[string][]byte{"small": []byte("text"), "large": carreltest.Large("x")} {
		must(h.writer.Pushes(name, content))(t)
	}
	must(h.reader.Reads())(t)
	must(
		w.Consents.AddAccountHandle(
			t.Context(),
			reading.Requests(),
			wire.ReferenceRequest{Type: "accountId", Value: string(h.account(t))},
		),
	)(t)
	// A request that names the library and has not been answered, and one that was refused.
	for range 2 {
		opened := reading.Authorizes(carreltest.WithToken(h.reader.Token()))
		request := h.anna.Opens(library.AuthorizeRequest, opened.Code)
		_, _ = w.Consents.Deny(t.Context(), request, h.anna.SignedIn(), library.CallbackUserCancel)
	}
	return h
}

func (h *household) account(t *testing.T) wire.AccountID {
	return must(h.w.Consents.ListAccounts(t.Context(), must(h.reader.Bearer())(t)))(t)[0].ID
}

// traces lists where something of a library stands in the database, and its blobs.
func (h *household) traces(id library.ID) (where, blobs []string) {
	where = h.w.Mentions(string(id))
	for _, key := range h.w.BlobKeys() {
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
	if where := h.w.Mentions(h.anna.Email); len(where) > 0 {
		t.Errorf("the e-mail address is left in %s", where)
	}
	if _, err := h.w.People.Login(t.Context(), h.anna.Cookie); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("the browser: %v", err)
	}
	if _, err := h.w.People.SignIn(t.Context(), h.anna.Email, carreltest.Password, library.Device{}); !errors.Is(
		err,
		library.ErrWrongPassword,
	) {
		t.Errorf("signing in: %v", err)
	}
	h.brams.Tokens = must(
		h.w.Consents.Refresh(t.Context(), h.brams.Requests(carreltest.Refreshing(h.brams.Refresh()))),
	)(t)
	if got, err := h.brams.Reads(); err != nil || got["of bram"] != string(carreltest.Large("bram")) {
		t.Errorf("the other person's application: %d files, %v", len(got), err)
	}
}

// TestShut checks that shutting cuts everybody off at once, and takes the password.
func TestShut(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, carreltest.DeleteWait)
	w, anna := h.w, h.anna
	phone := must(w.People.SignIn(t.Context(), anna.Email, carreltest.Password, library.Device{}))(t)
	_, err := w.People.Shut(t.Context(), anna.SignedIn(), "a wrong password")
	if !errors.Is(err, library.ErrWrongPassword) {
		t.Errorf("wrong password: %v", err)
	}
	deleteAt := must(w.People.Shut(t.Context(), anna.SignedIn(), carreltest.Password))(t)
	if want := w.Clock.Now().Add(carreltest.DeleteWait); !deleteAt.Equal(want) || !anna.SignedIn().Library.Shut() ||
		!anna.SignedIn().Library.DeleteAt.Equal(want) {
		t.Errorf("to be deleted at %v, want %v", deleteAt, want)
	}
	if _, err := w.People.Login(t.Context(), phone); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("another browser: %v", err)
	}
	for name, g := range map[string]*carreltest.Grant{"reader": h.reader, "writer": h.writer} {
		_, err := g.Bearer()
		carreltest.Refused(t, name, err, library.InvalidToken(wire.KindAccessToken))
		_, err = w.Consents.Refresh(t.Context(), g.Requests(carreltest.Refreshing(g.Refresh())))
		carreltest.Refused(t, name+" refreshes", err, library.InvalidToken(wire.KindRefreshToken))
	}
	if was := must(w.People.WasDeleted(t.Context(),
		h.reader.Requests(carreltest.WithToken(h.reader.Token()))))(t); was {
		t.Error("a library that is shut counts as deleted")
	}
	request := anna.Asked(h.reader.Contract)
	_, err = w.Consents.Allow(t.Context(), anna.SignedIn(), request, request.Shown(""))
	if !errors.Is(err, library.ErrNotFound) {
		t.Errorf("a consent while it is shut: %v", err)
	}
}

// TestReopen checks that whoever opens a library again in time finds everything, and that applications ask again.
func TestReopen(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, carreltest.DeleteWait)
	w, anna := h.w, h.anna
	anna.Shuts()
	w.Clock.Moves(carreltest.DeleteWait - time.Minute)
	if err := w.Sweeping.SweepExpired(t.Context()); err != nil {
		t.Fatal(err)
	}
	anna.SignsIn()
	if err := w.People.Reopen(t.Context(), anna.SignedIn()); err != nil {
		t.Fatal(err)
	}
	w.Clock.Moves(10 * time.Minute)
	if err := w.Sweeping.SweepExpired(t.Context()); err != nil {
		t.Fatal(err)
	}
	if anna.SignedIn().Library.Shut() {
		t.Error("still shut")
	}
	_, err := h.reader.Bearer()
	carreltest.Refused(t, "the application after reopening", err, library.InvalidToken(wire.KindAccessToken))
	if got := must(anna.Allows(h.reader.Contract).Reads())(t); len(got) != 2 ||
		got["large"] != string(carreltest.Large("x")) {
		t.Errorf("after a new consent it reads %d files", len(got))
	}
	if got := anna.Activity(); !strings.Contains(got, "you.shut") ||
		!strings.Contains(got, "you.reopened app.allowed") {
		t.Errorf("activity %s", got)
	}
}

// TestDeleteDue: when the time of waiting is over, everything is gone.
func TestDeleteDue(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, carreltest.DeleteWait)
	id := h.anna.SignedIn().Library.ID
	if where, blobs := h.traces(id); len(where) < 8 || len(blobs) != 1 {
		t.Fatalf("before, it stands in %s, with the blobs %s", where, blobs)
	}
	must(h.w.People.Shut(t.Context(), h.anna.SignedIn(), carreltest.Password))(t)
	h.w.Clock.Moves(carreltest.DeleteWait)
	if err := h.w.Sweeping.SweepExpired(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.gone(t, id)
	if err := h.w.Sweeping.SweepExpired(t.Context()); err != nil {
		t.Errorf("tidying again: %v", err)
	}
}

// removals delete a library at once, where there is no time of waiting: by its person, and by an application.
var removals = map[string]func(t *testing.T, h *household){
	"by the person": func(t *testing.T, h *household) {
		if at := must(h.w.People.Shut(t.Context(), h.anna.SignedIn(), carreltest.Password))(t); !at.IsZero() {
			t.Errorf("to be deleted at %v", at)
		}
	},
	"by an application": func(t *testing.T, h *household) {
		b := must(h.reader.Bearer())(t)
		b.Client.Contract.DeletesLibrary = true
		if err := h.w.People.DeleteForBearer(t.Context(), b, h.w.Consents); err != nil {
			t.Fatal(err)
		}
	},
}

// wasDeleted reports whether a retry with the token is told that the library has been deleted.
func (h *household) wasDeleted(t *testing.T, g *carreltest.Grant, token string) bool {
	t.Helper()
	return must(h.w.People.WasDeleted(t.Context(), g.Requests(carreltest.WithToken(token))))(t)
}

// TestDeleteAtOnce checks that nothing is left of a library, and that its e-mail address is free.
func TestDeleteAtOnce(t *testing.T) {
	t.Parallel()
	for name, remove := range removals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHousehold(t, 0)
			id := h.anna.SignedIn().Library.ID
			remove(t, h)
			h.w.Clock.Moves(10 * time.Minute)
			if err := h.w.Sweeping.SweepExpired(t.Context()); err != nil {
				t.Fatal(err)
			}
			h.gone(t, id)
			again := h.w.Newcomer(h.anna.Email)
			if n := again.FileCount(); n != 0 {
				t.Errorf("a new library has %d files", n)
			}
		})
	}
}

// TestDeletedTokens checks that an application whose library is deleted is told so for ten minutes, and nobody else.
func TestDeletedTokens(t *testing.T) {
	t.Parallel()
	for name, remove := range removals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHousehold(t, 0)
			remove(t, h)
			for _, g := range []*carreltest.Grant{h.reader, h.writer} {
				_, err := g.Bearer()
				carreltest.Refused(t, name, err, library.InvalidToken(wire.KindAccessToken))
				if !h.wasDeleted(t, g, g.Token()) {
					t.Error("a retry is not told that it is done")
				}
			}
			for what, token := range map[string]string{"none": "", "invented": "x",
				"refresh token": h.reader.Refresh(), "another person's": h.brams.Token()} {
				if h.wasDeleted(t, h.reader, token) {
					t.Errorf("the token %s counts as deleted", what)
				}
			}
			h.w.Clock.Moves(10*time.Minute - time.Millisecond)
			if !h.wasDeleted(t, h.reader, h.reader.Token()) {
				t.Error("forgotten before ten minutes are over")
			}
			h.w.Clock.Moves(time.Millisecond)
			if h.wasDeleted(t, h.reader, h.reader.Token()) {
				t.Error("remembered for longer than ten minutes")
			}
			if err := h.w.Sweeping.SweepExpired(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := h.w.Rows("deleted_tokens"); n != 0 {
				t.Errorf("%d tokens are remembered", n)
			}
		})
	}
}
