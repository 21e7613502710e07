package library_test

import (
	"errors"
	"strings"
	"testing"

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
	if err := w.People.SaveRecoveryCode(t.Context(), phone.SignedIn()); err != nil {
		t.Fatal(err)
	}
	if anna.PendingCode() != second || anna.SignedIn().Library.CodeSaved {
		t.Error("the first browser has confirmed a code that it never showed")
	}

	if err := w.People.SaveRecoveryCode(t.Context(), anna.SignedIn()); err != nil {
		t.Fatal(err)
	}
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
	_, err := w.People.Recover(t.Context(), anna.Email, first, "een nieuw goed wachtwoord", library.Device{})
	if !errors.Is(err, library.ErrWrongCode) {
		t.Errorf("the void code: %v", err)
	}
}

// TestRecover: the code sets a new password, once. What was in the library is there,
// other browsers are out, applications stay.
func TestRecover(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Newcomer("anna@example.org")
	code := anna.PendingCode()
	app := w.Application()
	must(anna.Allows(app.Contract(library.Write)).Pushes("a file", []byte("text")))(t)
	g := anna.Allows(app.Contract(library.Read))
	if err := w.People.SaveRecoveryCode(t.Context(), anna.SignedIn()); err != nil {
		t.Fatal(err)
	}
	const fresh = "een nieuw goed wachtwoord"
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
		_, err := w.People.Recover(t.Context(), test.email, test.code, fresh, library.Device{})
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	var refused *library.PasswordError
	if _, err := w.People.Recover(t.Context(), anna.Email, code, "short", library.Device{}); !errors.As(err, &refused) {
		t.Errorf("a short new password: %v", err)
	}
	_, err := w.People.SignIn(t.Context(), anna.Email, code, library.Device{})
	if !errors.Is(err, library.ErrWrongPassword) {
		t.Errorf("the code as a password: %v", err)
	}

	typed := strings.ToLower(strings.ReplaceAll(code, "-", " "))
	browser := anna.Cookie
	anna.Cookie = must(w.People.Recover(t.Context(), anna.Email, typed, fresh, library.Device{}))(t)
	if _, err := w.People.Login(t.Context(), browser); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("the browser before: %v", err)
	}
	if got := anna.PendingCode(); got == "" || got == code {
		t.Errorf("the new code is %q", got)
	}
	_, err = w.People.SignIn(t.Context(), anna.Email, carreltest.Password, library.Device{})
	if !errors.Is(err, library.ErrWrongPassword) {
		t.Errorf("the old password: %v", err)
	}
	_, err = w.People.Recover(t.Context(), anna.Email, code, fresh, library.Device{})
	if !errors.Is(err, library.ErrWrongCode) {
		t.Errorf("the code again: %v", err)
	}
	if got, err := g.Reads(); err != nil || got["a file"] != "text" {
		t.Errorf("an application reads %v, %v", got, err)
	}
	files := must(w.Files.ListForPerson(t.Context(), anna.SignedIn(), library.FileFilter{}))(t)
	_, content, err := w.Files.OpenForPerson(t.Context(), anna.SignedIn(), files.Files[0].ID)
	if err != nil {
		t.Fatalf("the person's own file: %v", err)
	}
	_ = content.Close()
	anna.Password = fresh
	anna.SignsIn()
	if got := anna.Activity(); !strings.Contains(got, "you.wrong you.wrong") ||
		!strings.Contains(got, "you.recovered you.signed_in you.code") {
		t.Errorf("activity %s", got)
	}
}

// TestNewCode: the person may have another code, for their password.
func TestNewCode(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Newcomer("anna@example.org")
	old := anna.PendingCode()
	if err := w.People.SaveRecoveryCode(t.Context(), anna.SignedIn()); err != nil {
		t.Fatal(err)
	}
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
	_, err = w.People.Recover(t.Context(), anna.Email, old, "een nieuw goed wachtwoord", library.Device{})
	if !errors.Is(err, library.ErrWrongCode) {
		t.Errorf("the old code: %v", err)
	}
	_, err = w.People.Recover(t.Context(), anna.Email, fresh, "een nieuw goed wachtwoord", library.Device{})
	if err != nil {
		t.Errorf("the new code: %v", err)
	}
}
