package library_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// TestPendingCode: the code is the same as often as it is looked at, until the person
// says that they have it; then it is gone for good.
func TestPendingCode(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Newcomer("anna@example.org")
	first := anna.PendingCode()
	if first == "" || anna.PendingCode() != first || anna.SignedIn().Library.CodeSaved {
		t.Fatalf("pending %q, then %q", first, anna.PendingCode())
	}

	// Nobody confirmed it: the next sign-in makes another, and the first is void in both
	// browsers. To confirm there what is void must not take the good one away.
	phone := anna.OtherBrowser()
	second := func() string { anna.SignsIn(); return anna.PendingCode() }()
	if second == "" || second == first {
		t.Errorf("second sign-in shows %q", second)
	}
	if got := phone.PendingCode(); got != "" {
		t.Errorf("the first browser shows %q, which opens nothing", got)
	}
	phone.SavesCode()
	if anna.PendingCode() != second || anna.SignedIn().Library.CodeSaved {
		t.Error("the first browser has confirmed a code that it never showed")
	}

	anna.SavesCode()
	if got := anna.PendingCode(); got != "" || !anna.SignedIn().Library.CodeSaved {
		t.Errorf("after saving: %q", got)
	}
	anna.SignsIn()
	if got := anna.PendingCode(); got != "" {
		t.Errorf("at the next sign-in: %q", got)
	}
	for _, login := range []*library.SignedIn{phone.SignedIn(), anna.SignedIn()} {
		if _, pending, err := w.People.PendingCode(t.Context(), login); pending || err != nil {
			t.Errorf("login %s holds a code still: %v", login.Login.ID, err)
		}
	}
	_, err := w.People.Recover(t.Context(), anna.Email, first, freshPassword, library.Device{})
	if !errors.Is(err, library.ErrWrongCode) {
		t.Errorf("the void code: %v", err)
	}
}

// freshPassword is the password that a recovery sets.
const freshPassword = "een nieuw goed wachtwoord"

// newRecoverable returns a person with a recovery code, and an application that reads the person's one file.
func newRecoverable(t *testing.T) (anna *carreltest.Person, code string, g *carreltest.Grant) {
	t.Helper()
	w := carreltest.New(t)
	anna = w.Newcomer("anna@example.org")
	code = anna.PendingCode()
	app := w.Application()
	must(anna.Allows(app.Contract(library.Write)).Pushes("a file", []byte("text")))(t)
	g = anna.Allows(app.Contract(library.Read))
	anna.SavesCode()
	return anna, code, g
}

// TestRecoverRefused checks what a recovery code and a new password must be.
func TestRecoverRefused(t *testing.T) {
	t.Parallel()
	anna, code, _ := newRecoverable(t)
	people := anna.World().People
	for name, test := range map[string]struct {
		email, code string
		want        error
	}{
		"another code":    {anna.Email, "0000-0000-0000-0000-0000-0000", library.ErrWrongCode},
		"no code":         {anna.Email, "", library.ErrWrongCode},
		"half a code":     {anna.Email, code[:14], library.ErrWrongCode},
		"the password":    {anna.Email, carreltest.Password, library.ErrWrongCode},
		"another address": {"bram@example.org", code, library.ErrWrongCode},
		"no address":      {"bram", code, library.ErrEmailShape},
	} {
		_, err := people.Recover(t.Context(), test.email, test.code, freshPassword, library.Device{})
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	var refused *library.PasswordError
	if _, err := people.Recover(t.Context(), anna.Email, code, "short", library.Device{}); !errors.As(err, &refused) {
		t.Errorf("a short new password: %v", err)
	}
	_, err := people.SignIn(t.Context(), anna.Email, code, library.Device{})
	if !errors.Is(err, library.ErrWrongPassword) {
		t.Errorf("the code as a password: %v", err)
	}
	if got := anna.Activity(); !strings.Contains(got, "you.wrong you.wrong") {
		t.Errorf("activity %s", got)
	}
}

// TestRecover checks that the code sets a new password once, ends other logins, and leaves the files and applications.
func TestRecover(t *testing.T) {
	t.Parallel()
	anna, code, g := newRecoverable(t)
	people := anna.World().People
	typed := strings.ToLower(strings.ReplaceAll(code, "-", " "))
	browser := anna.Cookie
	anna.Cookie = must(people.Recover(t.Context(), anna.Email, typed, freshPassword, library.Device{}))(t)
	anna.Password = freshPassword

	t.Run("the browser before is signed out", func(t *testing.T) {
		if _, err := people.Login(t.Context(), browser); !errors.Is(err, library.ErrNotFound) {
			t.Errorf("the browser before: %v", err)
		}
	})
	t.Run("there is a new code, and the old one is void", func(t *testing.T) {
		if got := anna.PendingCode(); got == "" || got == code {
			t.Errorf("the new code is %q", got)
		}
		_, err := people.Recover(t.Context(), anna.Email, code, freshPassword, library.Device{})
		if !errors.Is(err, library.ErrWrongCode) {
			t.Errorf("the code again: %v", err)
		}
	})
	t.Run("the application reads", func(t *testing.T) {
		if got, err := g.Reads(); err != nil || got["a file"] != "text" {
			t.Errorf("an application reads %v, %v", got, err)
		}
	})
	t.Run("the person reads", func(t *testing.T) {
		all := anna.World().Files
		files := must(all.ListForPerson(t.Context(), anna.SignedIn(), library.FileFilter{}))(t)
		_, content, err := all.OpenForPerson(t.Context(), anna.SignedIn(), files.Files[0].ID)
		if err != nil {
			t.Fatalf("the person's own file: %v", err)
		}
		_ = content.Close()
	})
	t.Run("the new password is the only one", func(t *testing.T) {
		_, err := people.SignIn(t.Context(), anna.Email, carreltest.Password, library.Device{})
		if !errors.Is(err, library.ErrWrongPassword) {
			t.Errorf("the old password: %v", err)
		}
		anna.SignsIn()
	})
	t.Run("the person sees it", func(t *testing.T) {
		if got := anna.Activity(); !strings.Contains(got, "you.recovered you.signed_in you.code") {
			t.Errorf("activity %s", got)
		}
	})
}

// TestNewCode: the person may have another code, for their password.
func TestNewCode(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Newcomer("anna@example.org")
	old := anna.PendingCode()
	anna.SavesCode()
	err := w.People.NewCode(t.Context(), anna.SignedIn(), "not the password")
	if !errors.Is(err, library.ErrWrongPassword) {
		t.Errorf("wrong password: %v", err)
	}
	if anna.PendingCode() != "" {
		t.Error("a code was made nonetheless")
	}
	if err := w.People.NewCode(t.Context(), anna.SignedIn(), carreltest.Password); err != nil {
		t.Fatal(err)
	}
	fresh := anna.PendingCode()
	if fresh == "" || fresh == old || anna.SignedIn().Library.CodeSaved {
		t.Errorf("the new code is %q", fresh)
	}
	_, err = w.People.Recover(t.Context(), anna.Email, old, freshPassword, library.Device{})
	if !errors.Is(err, library.ErrWrongCode) {
		t.Errorf("the old code: %v", err)
	}
	_, err = w.People.Recover(t.Context(), anna.Email, fresh, freshPassword, library.Device{})
	if err != nil {
		t.Errorf("the new code: %v", err)
	}
}

// TestRecoverMeanwhile: a form for recovering that arrives after another one has set the password, and before that one
// has made its code, gets a code of its own.
func TestRecoverMeanwhile(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Newcomer("anna@example.org")
	code := anna.PendingCode()
	anna.SavesCode()
	w.Clock.Moves(time.Hour)
	// The other form has come as far as a change of the password does.
	if err := w.People.ChangePassword(t.Context(), anna.SignedIn(), anna.Password, freshPassword); err != nil {
		t.Fatal(err)
	}
	anna.Cookie = must(w.People.Recover(t.Context(), anna.Email, code, freshPassword, library.Device{}))(t)
	fresh := anna.PendingCode()
	if fresh == "" || fresh == code {
		t.Fatalf("pending %q", fresh)
	}
	// Once the code is saved, the same form makes no other.
	anna.SavesCode()
	anna.Cookie = must(w.People.Recover(t.Context(), anna.Email, code, freshPassword, library.Device{}))(t)
	if got := anna.PendingCode(); got != "" {
		t.Errorf("a code in place of the saved one: %q", got)
	}
}
