package library_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
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

// TestPasswordRules: length is what counts; what everybody tries first is refused.
func TestPasswordRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, test := range map[string]struct {
		password string
		want     library.PasswordProblem // empty: taken
	}{
		"a sentence":               {"de kat zit op de warme mat", ""},
		"random letters":           {"xk2vq8rnw0zt", ""},
		"twelve of other scripts":  {"пароль длина", ""},
		"very long":                {strings.Repeat("lange woorden ", 70), ""},
		"nothing":                  {"", library.PasswordShort},
		"eleven":                   {"xk2vq8rnw0z", library.PasswordShort},
		"eleven, many bytes":       {"пароль длин", library.PasswordShort},
		"beyond all measure":       {strings.Repeat("a", 1025), library.PasswordShort},
		"common":                   {"password1234", library.PasswordCommon},
		"one letter":               {strings.Repeat("a", 20), library.PasswordCommon},
		"a row of keys":            {"qwertyuiop12", library.PasswordCommon},
		"numbers":                  {"123456789012", library.PasswordCommon},
		"the e-mail address":       {"rules@example.org", library.PasswordIsEmail},
		"the address, in capitals": {" RULES@EXAMPLE.ORG ", library.PasswordIsEmail},
	} {
		_, err := w.people.Create(t.Context(), library.NewPerson{Email: "rules@example.org", Password: test.password})
		var refused *library.PasswordError
		switch {
		case test.want == "" && err != nil && !errors.Is(err, library.ErrEmailTaken):
			t.Errorf("%s: %v", name, err)
		case test.want != "" && (!errors.As(err, &refused) || refused.Problem != test.want):
			t.Errorf("%s: %v, want %s", name, err, test.want)
		case refused != nil && test.password != "" && strings.Contains(err.Error(), test.password):
			t.Errorf("%s: the error repeats the password", name)
		}
	}
}

// TestCreate: one library for an address, whatever comes at once; nothing of the first
// is touched by a second try.
func TestCreate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.person("Anna@Example.org")
	if got := anna.in().Library.Email; got != "anna@example.org" {
		t.Errorf("kept as %q", got)
	}
	_, err := w.people.Create(
		t.Context(),
		library.NewPerson{Email: "anna@example.org ", Password: "een ander goed wachtwoord"},
	)
	if !errors.Is(err, library.ErrEmailTaken) {
		t.Errorf("again: %v", err)
	}
	if _, err := w.people.SignIn(t.Context(), "ANNA@example.org", password, library.Device{}); err != nil {
		t.Errorf("the first password: %v", err)
	}
	var wg sync.WaitGroup
	var made atomic.Int32
	for range 4 {
		wg.Go(func() {
			_, err := w.people.Create(t.Context(), library.NewPerson{Email: "bram@example.org", Password: password})
			if err == nil {
				made.Add(1)
			} else if !errors.Is(err, library.ErrEmailTaken) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := w.db.count("AddLibrary"); made.Load() != 1 || n != 2 {
		t.Errorf("made %d of one address at once; %d libraries", made.Load(), n)
	}
	closed := newWorldWith(t, settings{people: library.PeopleConfig{Closed: true}})
	if _, err := closed.people.Create(t.Context(), library.NewPerson{Email: "a@example.org",
		Password: password}); !errors.Is(
		err,
		library.ErrClosed,
	) {
		t.Errorf("where no libraries are made: %v", err)
	}
}

// TestLoginEnds by rest, by its greatest length, by signing out; and while it is used
// it stays.
func TestLoginEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.person("anna@example.org")
	login := func() error {
		_, err := w.people.Login(t.Context(), anna.secret)
		return err
	}
	for range 20 {
		w.pass(29 * time.Minute)
		if err := login(); err != nil {
			t.Fatalf("in use: %v", err)
		}
	}
	w.pass(30 * time.Minute)
	if err := login(); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("after half an hour of rest: %v", err)
	}
	anna.signIn()
	for began := w.clock(); w.clock().Sub(began) < 11*time.Hour+40*time.Minute; w.pass(20 * time.Minute) {
		if err := login(); err != nil {
			t.Fatalf("in use for %v: %v", w.clock().Sub(began), err)
		}
	}
	w.pass(21 * time.Minute)
	if err := login(); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("after twelve hours: %v", err)
	}
	in := anna.signIn()
	if err := w.people.SignOut(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if err := login(); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("signed out: %v", err)
	}
	for name, secret := range map[string]seal.Secret{"none": {}, "invented": seal.NewSecret(),
		"its hash": seal.SecretOf(anna.secret.Hash().String())} {
		if _, err := w.people.Login(t.Context(), secret); !errors.Is(err, library.ErrNotFound) {
			t.Errorf("cookie %s: %v", name, err)
		}
	}
}

// TestChangePassword: the old one opens nothing any more, other browsers are signed
// out, applications and the recovery code stay.
func TestChangePassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.person("anna@example.org")
	code, _, err := w.people.PendingCode(t.Context(), anna.in())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.people.SaveCode(t.Context(), anna.in()); err != nil {
		t.Fatal(err)
	}
	g := anna.allow(w.contract(w.application(), library.Read))
	other := must(w.people.SignIn(t.Context(), anna.email, password, library.Device{}))(t)
	const fresh = "een nieuw en langer wachtwoord"
	var refused *library.PasswordError
	if err := w.people.ChangePassword(t.Context(), anna.in(), "not the password", fresh); !errors.Is(
		err,
		library.ErrWrongPassword,
	) {
		t.Errorf("wrong password: %v", err)
	}
	if err := w.people.ChangePassword(t.Context(), anna.in(), password, password); !errors.Is(
		err,
		library.ErrSamePassword,
	) {
		t.Errorf("the same: %v", err)
	}
	if err := w.people.ChangePassword(t.Context(), anna.in(), password, "short"); !errors.As(err, &refused) {
		t.Errorf("a short one: %v", err)
	}
	if err := w.people.ChangePassword(t.Context(), anna.in(), password, fresh); err != nil {
		t.Fatal(err)
	}
	if _, err := w.people.Login(t.Context(), other); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("the other browser: %v", err)
	}
	if _, err := w.people.SignIn(t.Context(), anna.email, password, library.Device{}); !errors.Is(
		err,
		library.ErrWrongPassword,
	) {
		t.Errorf("the old password: %v", err)
	}
	if _, err := g.readNow(); err != nil {
		t.Errorf("an application: %v", err)
	}
	anna.password = fresh
	anna.signIn()
	if _, err := w.people.Recover(t.Context(), anna.email, code, "weer een ander wachtwoord",
		library.Device{}); err != nil {
		t.Errorf("the recovery code: %v", err)
	}
}
