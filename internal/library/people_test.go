package library_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/server"
)

func TestNormalizeEmail(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"anna@example.org": "anna@example.org", " Anna@Example.ORG\t": "anna@example.org",
		"a.b+c@sub.example.org": "a.b+c@sub.example.org", "ÄNNA@example.org": "änna@example.org",
	} {
		if got, err := library.NormalizeEmail(typed); err != nil || got != want {
			t.Errorf("%q gives %q, %v; want %q", typed, got, err, want)
		}
	}
	for _, bad := range []string{"", " ", "anna", "@example.org", "anna@", "anna@@example.org", "a b@example.org",
		"Anna <anna@example.org>",
		"<anna@example.org>", "anna@example.org, bram@example.org", "anna@example.org\r\nBcc: x@example.org",
		`"anna"@example.org`,
		"anna(x)@example.org", strings.Repeat("a", 250) + "@example.org", "anna@example.org\x00"} {
		if got, err := library.NormalizeEmail(bad); !errors.Is(err, library.ErrEmailShape) || got != "" {
			t.Errorf("%q gives %q, %v", bad, got, err)
		}
	}
}

// TestCreate: one library for an address, whatever comes at once; nothing of the first
// is touched by a second try.
func TestCreate(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Newcomer("Anna@Example.org")
	if got := anna.SignedIn().Library.Email; got != "anna@example.org" {
		t.Errorf("kept as %q", got)
	}
	_, err := w.People.Create(t.Context(),
		library.NewPerson{Email: "anna@example.org ", Password: "een ander goed wachtwoord"})
	if !errors.Is(err, library.ErrEmailTaken) {
		t.Errorf("again: %v", err)
	}
	if _, err := w.People.SignIn(t.Context(), "ANNA@example.org", carreltest.Password, library.Device{}); err != nil {
		t.Errorf("the first password: %v", err)
	}
	var wg sync.WaitGroup
	var made atomic.Int32
	for range 4 {
		wg.Go(func() {
			_, err := w.People.Create(t.Context(),
				library.NewPerson{Email: "bram@example.org", Password: carreltest.Password})
			if err == nil {
				made.Add(1)
			} else if !errors.Is(err, library.ErrEmailTaken) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	// A form that was sent several times makes one library, and signs in to it.
	if n := w.Rows("libraries"); made.Load() != 4 || n != 2 {
		t.Errorf("made %d of one address at once; %d libraries", made.Load(), n)
	}
	closed := carreltest.New(t, func(c *server.Config) { c.NoNewLibraries = true })
	_, err = closed.People.Create(t.Context(),
		library.NewPerson{Email: "a@example.org", Password: carreltest.Password})
	if !errors.Is(err, library.ErrNoNewLibraries) {
		t.Errorf("where no libraries are made: %v", err)
	}
}

// TestLoginEnds by rest, by its greatest length, by signing out; and while it is used
// it stays.
func TestLoginEnds(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Newcomer("anna@example.org")
	login := func() error {
		_, err := w.People.Login(t.Context(), anna.Cookie)
		return err
	}
	for range 20 {
		w.Clock.Moves(29 * time.Minute)
		if err := login(); err != nil {
			t.Fatalf("in use: %v", err)
		}
	}
	w.Clock.Moves(30 * time.Minute)
	if err := login(); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("after half an hour of rest: %v", err)
	}
	anna.SignsIn()
	began := w.Clock.Now()
	for ; w.Clock.Now().Sub(began) < 11*time.Hour+40*time.Minute; w.Clock.Moves(20 * time.Minute) {
		if err := login(); err != nil {
			t.Fatalf("in use for %v: %v", w.Clock.Now().Sub(began), err)
		}
	}
	w.Clock.Moves(21 * time.Minute)
	if err := login(); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("after twelve hours: %v", err)
	}
	in := anna.SignsIn()
	if err := w.People.SignOut(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if err := login(); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("signed out: %v", err)
	}
	for name, secret := range map[string]seal.Secret{"none": {}, "invented": seal.NewSecret(),
		"its hash": seal.SecretOf(anna.Cookie.Hash().String())} {
		if _, err := w.People.Login(t.Context(), secret); !errors.Is(err, library.ErrNotFound) {
			t.Errorf("cookie %s: %v", name, err)
		}
	}
}

// TestChangePassword: the old one opens nothing any more, other browsers are signed
// out, applications and the recovery code stay.
func TestChangePassword(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Newcomer("anna@example.org")
	code := anna.PendingCode()
	anna.SavesCode()
	g := anna.Allows(w.Application().Contract(library.Read))
	other := must(w.People.SignIn(t.Context(), anna.Email, carreltest.Password, library.Device{}))(t)
	const fresh = "een nieuw en langer wachtwoord"
	var refused *library.PasswordError
	err := w.People.ChangePassword(t.Context(), anna.SignedIn(), "not the password", fresh)
	if !errors.Is(err, library.ErrWrongPassword) {
		t.Errorf("wrong password: %v", err)
	}
	err = w.People.ChangePassword(t.Context(), anna.SignedIn(), carreltest.Password, carreltest.Password)
	if !errors.Is(err, library.ErrSamePassword) {
		t.Errorf("the same: %v", err)
	}
	err = w.People.ChangePassword(t.Context(), anna.SignedIn(), carreltest.Password, "short")
	if !errors.As(err, &refused) {
		t.Errorf("a short one: %v", err)
	}
	if err := w.People.ChangePassword(t.Context(), anna.SignedIn(), carreltest.Password, fresh); err != nil {
		t.Fatal(err)
	}
	if _, err := w.People.Login(t.Context(), other); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("the other browser: %v", err)
	}
	_, err = w.People.SignIn(t.Context(), anna.Email, carreltest.Password, library.Device{})
	if !errors.Is(err, library.ErrWrongPassword) {
		t.Errorf("the old password: %v", err)
	}
	if _, err := g.Reads(); err != nil {
		t.Errorf("an application: %v", err)
	}
	anna.Password = fresh
	anna.SignsIn()
	_, err = w.People.Recover(t.Context(), anna.Email, code, "weer een ander wachtwoord", library.Device{})
	if err != nil {
		t.Errorf("the recovery code: %v", err)
	}
}
