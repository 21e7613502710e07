package library_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/library"
)

// pending is the code that a person's browser shows; empty for none.
func (p *person) pending() string {
	p.w.t.Helper()
	code, ok, err := p.w.people.PendingCode(p.w.t.Context(), p.in())
	if err != nil || ok != (code != "") {
		p.w.t.Fatalf("pending code %q, %t, %v", code, ok, err)
	}
	return code
}

// TestPendingCode: the code is the same as often as it is looked at, until the person
// says that they have it; then it is gone for good.
func TestPendingCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.person("anna@example.org")
	first := anna.pending()
	if first == "" || anna.pending() != first || anna.in().Library.CodeSaved {
		t.Fatalf("pending %q, then %q", first, anna.pending())
	}

	// Nobody confirmed it: the next sign-in makes another, and the first is void in both
	// browsers. To confirm there what is void must not take the good one away.
	phone := &person{w: w, email: anna.email, password: anna.password, secret: anna.secret}
	second := func() string { anna.signIn(); return anna.pending() }()
	if second == "" || second == first {
		t.Errorf("second sign-in shows %q", second)
	}
	if got := phone.pending(); got != "" {
		t.Errorf("the first browser shows %q, which opens nothing", got)
	}
	if err := w.people.SaveCode(t.Context(), phone.in()); err != nil {
		t.Fatal(err)
	}
	if anna.pending() != second || anna.in().Library.CodeSaved {
		t.Error("the first browser has confirmed a code that it never showed")
	}

	if err := w.people.SaveCode(t.Context(), anna.in()); err != nil {
		t.Fatal(err)
	}
	if got := anna.pending(); got != "" || !anna.in().Library.CodeSaved {
		t.Errorf("after saving: %q", got)
	}
	anna.signIn()
	if got := anna.pending(); got != "" {
		t.Errorf("at the next sign-in: %q", got)
	}
	for _, login := range []*library.SignedIn{phone.in(), anna.in()} {
		if _, pending, err := w.people.PendingCode(t.Context(), login); pending || err != nil {
			t.Errorf("login %s holds a code still: %v", login.Login.ID, err)
		}
	}
	if _, err := w.people.Recover(t.Context(), anna.email, first, "een nieuw goed wachtwoord",
		library.Device{}); !errors.Is(
		err,
		library.ErrWrongCode,
	) {
		t.Errorf("the void code: %v", err)
	}
}

// TestRecover: the code sets a new password, once. What was in the library is there,
// other browsers are out, applications stay.
func TestRecover(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.person("anna@example.org")
	code := anna.pending()
	app := w.application()
	must(anna.allow(w.contract(app, library.Write)).push("a file", []byte("text")))(t)
	g := anna.allow(w.contract(app, library.Read))
	if err := w.people.SaveCode(t.Context(), anna.in()); err != nil {
		t.Fatal(err)
	}
	const fresh = "een nieuw goed wachtwoord"
	for name, test := range map[string]struct {
		email, code string
		want        error
	}{
		"another code":    {anna.email, "0000-0000-0000-0000-0000-0000", library.ErrWrongCode},
		"no code":         {anna.email, "", library.ErrWrongCode},
		"half a code":     {anna.email, code[:14], library.ErrWrongCode},
		"the password":    {anna.email, password, library.ErrWrongCode},
		"another address": {"bram@example.org", code, library.ErrWrongCode},
		"no address":      {"bram", code, library.ErrEmailShape},
	} {
		if _, err := w.people.Recover(t.Context(), test.email, test.code, fresh, library.Device{}); !errors.Is(
			err,
			test.want,
		) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	var refused *library.PasswordError
	if _, err := w.people.Recover(t.Context(), anna.email, code, "short", library.Device{}); !errors.As(err, &refused) {
		t.Errorf("a short new password: %v", err)
	}
	if _, err := w.people.SignIn(t.Context(), anna.email, code, library.Device{}); !errors.Is(
		err,
		library.ErrWrongPassword,
	) {
		t.Errorf("the code as a password: %v", err)
	}

	typed := strings.ToLower(strings.ReplaceAll(code, "-", " "))
	browser := anna.secret
	anna.secret = must(w.people.Recover(t.Context(), anna.email, typed, fresh, library.Device{}))(t)
	if _, err := w.people.Login(t.Context(), browser); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("the browser before: %v", err)
	}
	if got := anna.pending(); got == "" || got == code {
		t.Errorf("the new code is %q", got)
	}
	if _, err := w.people.SignIn(t.Context(), anna.email, password, library.Device{}); !errors.Is(
		err,
		library.ErrWrongPassword,
	) {
		t.Errorf("the old password: %v", err)
	}
	if _, err := w.people.Recover(t.Context(), anna.email, code, fresh, library.Device{}); !errors.Is(
		err,
		library.ErrWrongCode,
	) {
		t.Errorf("the code again: %v", err)
	}
	if got, err := g.readNow(); err != nil || got["a file"] != "text" {
		t.Errorf("an application reads %v, %v", got, err)
	}
	files := must(w.files.ListForPerson(t.Context(), anna.in(), library.FileFilter{}))(t)
	_, content, err := w.files.OpenForPerson(t.Context(), anna.in(), files.Files[0].ID)
	if err != nil {
		t.Fatalf("the person's own file: %v", err)
	}
	_ = content.Close()
	anna.password = fresh
	anna.signIn()
	if got := anna.events(); !strings.Contains(got, "you.wrong you.wrong") ||
		!strings.Contains(got, "you.recovered you.signed_in you.code") {
		t.Errorf("activity %s", got)
	}
}

// TestNewCode: the person may have another code, for their password.
func TestNewCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.person("anna@example.org")
	old := anna.pending()
	if err := w.people.SaveCode(t.Context(), anna.in()); err != nil {
		t.Fatal(err)
	}
	if err := w.people.NewCode(t.Context(), anna.in(), "not the password"); !errors.Is(err, library.ErrWrongPassword) {
		t.Errorf("wrong password: %v", err)
	}
	if anna.pending() != "" {
		t.Error("a code was made nonetheless")
	}
	if err := w.people.NewCode(t.Context(), anna.in(), password); err != nil {
		t.Fatal(err)
	}
	fresh := anna.pending()
	if fresh == "" || fresh == old || anna.in().Library.CodeSaved {
		t.Errorf("the new code is %q", fresh)
	}
	if _, err := w.people.Recover(t.Context(), anna.email, old, "een nieuw goed wachtwoord",
		library.Device{}); !errors.Is(
		err,
		library.ErrWrongCode,
	) {
		t.Errorf("the old code: %v", err)
	}
	if _, err := w.people.Recover(t.Context(), anna.email, fresh, "een nieuw goed wachtwoord",
		library.Device{}); err != nil {
		t.Errorf("the new code: %v", err)
	}
}
