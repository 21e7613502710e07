package signin_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// guessUntilWait guesses Anna's password in a browser until it has to wait. It returns how many guesses came before.
func guessUntilWait(t *testing.T, b *webtest.Browser) int {
	t.Helper()
	p := b.Get("/sign-in")
	for n := range 50 {
		p = p.Click("sign-in", "email", webtest.Anna, "password", "a wrong password")
		switch p.Status {
		case http.StatusTooManyRequests:
			return n
		case http.StatusUnprocessableEntity:
		default:
			t.Fatalf("guess %d: %d %s", n+1, p.Status, p.Text())
		}
	}
	t.Fatal("fifty guesses, and no wait")
	return 0
}

// TestAttackOwnerKeptOut: whoever guesses the password of a person uses up the tries of strangers, and keeps the person
// out of nothing: not in the browser that is signed in, not in one that was, and not with the recovery code.
func TestAttackOwnerKeptOut(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	laptop := w.NewBrowser()
	p := laptop.Get("/create").Click("create-library", "email", webtest.Anna, "password", webtest.Password)
	code := p.TextOf("recovery-code")
	p.Click("recovery-saved")
	phone := w.NewBrowser()
	phone.SignIn("/sign-in", webtest.Anna).Click("sign-out")
	guessUntilWait(t, w.NewBrowser())

	if p := w.NewBrowser().SignIn("/sign-in", webtest.Anna); p.Status != http.StatusTooManyRequests {
		t.Errorf("the tries of strangers are not used up: %d", p.Status)
	}
	p = phone.SignIn("/sign-in", webtest.Anna)
	if p.Title() != "Your files" {
		t.Errorf("a browser that has signed in before: %d %s", p.Status, p.Text())
	}
	const second = "another four plain words"
	p = laptop.Get("/settings/password").
		Click("change-password", "current-password", webtest.Password, "new-password", second)
	if p.TextOf("notice") == "" {
		t.Errorf("a browser that is signed in: %d %s", p.Status, p.Text())
	}
	p = laptop.Get("/settings").Click("sign-out").Click("sign-in", "email", webtest.Anna, "password", second)
	if p.Title() != "Your files" {
		t.Errorf("the browser that has changed the password: %d %s", p.Status, p.Text())
	}
	if p := phone.SignIn("/sign-in", webtest.Anna); p.Status != http.StatusTooManyRequests {
		t.Errorf("a browser that knows the old password is a stranger, and gets %d", p.Status)
	}
	p = w.NewBrowser().Get("/recover").
		Click("recover", "email", webtest.Anna, "recovery-input", code, "password", "a third set of plain words")
	if !p.Has("recovery-code") {
		t.Errorf("the recovery code: %d %s", p.Status, p.Text())
	}
}

// TestAttackGuessWithProof: a browser that has signed in before has as many tries as all strangers together, and its
// cookie gives nobody any at another library.
func TestAttackGuessWithProof(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	own := w.NewPerson(webtest.Anna)
	own.Get("/settings").Click("sign-out")
	bob := w.NewPerson(webtest.Bob)
	bob.Get("/settings").Click("sign-out")
	if n := guessUntilWait(t, bob); n != 10 {
		t.Errorf("a stranger has %d tries, want 10", n)
	}
	carol := w.NewPerson("carol@example.org")
	carol.Get("/settings").Click("sign-out")
	if n := guessUntilWait(t, carol); n != 0 {
		t.Errorf("another stranger has %d tries more", n)
	}
	if n := guessUntilWait(t, own); n != 10 {
		t.Errorf("a browser that has signed in before has %d tries, want 10", n)
	}
	if n := guessUntilWait(t, w.Copy(own)); n != 0 {
		t.Errorf("a copy of its cookies has %d tries more", n)
	}
	// A browser keeps the proofs of those who share it.
	if p := bob.SignIn("/sign-in", webtest.Bob); p.Title() != "Your files" {
		t.Errorf("Bob: %d %s", p.Status, p.Text())
	}
}

// TestAttackProofOpensNothing: the cookie that says that a browser has signed in before is no login, and names nobody.
func TestAttackProofOpensNothing(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	b := w.NewPerson(webtest.Anna)
	i := slices.IndexFunc(b.Cookies(), func(c *http.Cookie) bool { return c.Name == "carrel_known" })
	if i < 0 {
		t.Fatalf("the browser has only %v", b.Cookies())
	}
	proof := b.Cookies()[i]
	thief := w.NewBrowser()
	thief.SetCookies(proof, &http.Cookie{Name: "carrel_login", Value: proof.Value, Path: "/"})
	if p := thief.Get("/files"); p.Title() != "Sign in to your library" {
		t.Errorf("the proof opens %q", p.Title())
	}
	if strings.Contains(proof.Value, "anna") {
		t.Errorf("the proof is %q", proof.Value)
	}
}

// TestRefusedSignInsAreLogged: each has a line with the address of the client, and none says who was to be signed in.
func TestRefusedSignInsAreLogged(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	b := w.NewPerson(webtest.Anna)
	w.NewBrowser().Get("/recover").Click("recover", "email", webtest.Anna,
		"recovery-input", "0000-0000-0000-0000-0000-0000", "password", "a third set of plain words")
	w.NewBrowser().Get("/create").Click("create-library", "email", webtest.Anna, "password", "a guess at who it is")
	b.Get("/settings/recovery-code").Click("new-code", "password", "a wrong password")
	guessUntilWait(t, w.NewBrowser())
	found := map[string]int{}
	for _, line := range w.Log.Lines("sign-in refused") {
		var l struct{ Msg, Action, Reason, Address string }
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		if l.Address != "127.0.0.1" || strings.Contains(line, "example.org") || strings.Contains(line, "a wrong") {
			t.Errorf("line %s", line)
		}
		found[l.Action+": "+l.Reason]++
	}
	for _, want := range []string{"sign in: wrong password", "sign in: too many tries", "recover: wrong recovery code",
		"create a library: e-mail address taken", "confirm with the password: wrong password"} {
		if found[want] == 0 {
			t.Errorf("no line %q in %v", want, found)
		}
	}
}

// TestAttackCreateAtOnce: of many libraries that are created at once from one address a few are, and the others are
// told when to try again. Meanwhile people sign in.
func TestAttackCreateAtOnce(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	w.NewPerson(webtest.Anna)
	release := lockDatabase(t, w) // so that those who are admitted do not end
	answers := make(chan *webtest.Page, 20)
	for i := range cap(answers) {
		b := w.NewBrowser()
		action, fields := b.Get("/create").Form("create-library")
		fields.Set("email", string(rune('a'+i))+"@example.org")
		fields.Set("password", webtest.Password)
		go func() { answers <- b.Post(action, fields) }()
	}
	const admitted = 4
	for range cap(answers) - admitted {
		if p := <-answers; p.Status != http.StatusServiceUnavailable || p.Header.Get("Retry-After") == "" ||
			!strings.Contains(p.Text(), "It is very busy") {
			t.Errorf("one too many: %d %v %s", p.Status, p.Header, p.Text())
		}
	}
	b := w.NewBrowser()
	action, fields := b.Get("/sign-in").Form("sign-in")
	fields.Set("email", webtest.Anna)
	fields.Set("password", webtest.Password)
	signedIn := make(chan *webtest.Page)
	go func() { signedIn <- b.Post(action, fields) }()
	release()
	if p := <-signedIn; p.Status != http.StatusSeeOther {
		t.Errorf("Anna: %d %s", p.Status, p.Text())
	}
	for range admitted {
		if p := <-answers; p.Status != http.StatusSeeOther {
			t.Errorf("one that was admitted: %d %s", p.Status, p.Text())
		}
	}
}

// lockDatabase keeps the site from writing until release is called.
func lockDatabase(t *testing.T, w *webtest.World) (release func()) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	db := carreltest.Must(sql.Open("sqlite", filepath.Join(w.Folder, "carrel.db")))(t)
	t.Cleanup(func() { _ = db.Close() })
	connection := carreltest.Must(db.Conn(ctx))(t)
	if _, err := connection.ExecContext(ctx, "PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := connection.ExecContext(ctx, "ROLLBACK"); err != nil {
			t.Error(err)
		}
		_ = connection.Close()
	}
}
