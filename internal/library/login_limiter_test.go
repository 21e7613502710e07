package library_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// guess signs in with a wrong password, at most that many times, to one email from one network address. It returns how
// many of the guesses reached the password before one had to wait, and how long that one had to wait.
func guess(t *testing.T, w *carreltest.World, most int, email, address string) (let int, wait time.Duration) {
	t.Helper()
	for range most {
		_, err := w.People.SignIn(t.Context(), email, "a wrong password", library.Device{Address: address})
		var slow *library.WaitError
		switch {
		case errors.As(err, &slow):
			return let, slow.After
		case !errors.Is(err, library.ErrWrongPassword):
			t.Fatalf("guess %d: %v", let+1, err)
		}
		let++
	}
	return let, 0
}

// TestGuessesAtOnePerson: a few wrong passwords lock nobody out; by twenty guesses are
// slow, wherever they come from; time gives tries back.
func TestGuessesAtOnePerson(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Newcomer("anna@example.org")
	if let, _ := guess(t, w, 3, anna.Email, "192.0.2.1"); let != 3 {
		t.Errorf("%d of 3 guesses were let through", let)
	}
	_, err := w.People.SignIn(t.Context(), anna.Email, carreltest.Password, library.Device{Address: "192.0.2.1"})
	if err != nil {
		t.Errorf("the person after three wrong tries: %v", err)
	}
	total := 3
	for i := range 20 { // each from another place
		let, _ := guess(t, w, 1, anna.Email, fmt.Sprintf("192.0.2.%d", 10+i))
		total += let
	}
	if total > 20 {
		t.Errorf("%d guesses were let through", total)
	}
	_, wait := guess(t, w, 1, anna.Email, "192.0.2.99")
	if wait <= 0 || wait > time.Minute {
		t.Errorf("the next one is to wait %v", wait)
	}
	w.Clock.Moves(wait)
	if let, _ := guess(t, w, 2, anna.Email, "192.0.2.99"); let != 1 {
		t.Errorf("after waiting %v, %d were let through, want 1", wait, let)
	}
	w.Clock.Moves(time.Minute)
	_, err = w.People.SignIn(t.Context(), anna.Email, carreltest.Password, library.Device{Address: "192.0.2.99"})
	if err != nil {
		t.Errorf("the person, after a minute: %v", err)
	}
	w.Clock.Moves(time.Hour)
	if let, _ := guess(t, w, 12, anna.Email, "192.0.2.1"); let != 10 {
		t.Errorf("after an hour %d guesses were let through, want 10", let)
	}
}

// TestGuessesFromOnePlace: an address from which the passwords of many people are guessed is slowed, on every page, and
// no other address is. To create a library is a guess, too, at who has one.
func TestGuessesFromOnePlace(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Person("anna@example.org")
	for i := range 39 {
		if let, _ := guess(t, w, 1, fmt.Sprintf("unknown%d@example.org", i), "192.0.2.1"); let != 1 {
			t.Fatalf("guess %d is to wait", i+1)
		}
	}
	create := func() error {
		_, err := w.People.Create(t.Context(), library.NewPerson{
			Email:    anna.Email,
			Password: carreltest.Password,
			Device:   library.Device{Address: "192.0.2.1"},
		})
		return err
	}
	if err := create(); !errors.Is(err, library.ErrEmailTaken) {
		t.Errorf("try 40: %v", err)
	}
	var slow *library.WaitError
	if err := create(); !errors.As(err, &slow) || slow.After > 5*time.Second {
		t.Errorf("try 41: %v", err)
	}
	if let, _ := guess(t, w, 1, "unknown@example.org", "192.0.2.1"); let != 0 {
		t.Error("try 42 was let through")
	}
	_, err := w.People.SignIn(t.Context(), anna.Email, carreltest.Password, library.Device{Address: "192.0.2.2"})
	if err != nil {
		t.Errorf("a person elsewhere: %v", err)
	}
}

// TestSuccessGivesTheTryBack: who signs in again and again with the right password is
// never slowed.
func TestSuccessGivesTheTryBack(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Newcomer("anna@example.org")
	anna.SavesCode()
	for i := range 12 {
		_, err := w.People.SignIn(t.Context(), anna.Email, carreltest.Password, library.Device{Address: "192.0.2.1"})
		if err != nil {
			t.Fatalf("sign-in %d: %v", i+1, err)
		}
	}
	if let, _ := guess(t, w, 11, anna.Email, "192.0.2.1"); let != 10 {
		t.Errorf("then %d guesses were let through, want 10", let)
	}
}

// TestGuessesAtOnce gain nothing: a try is taken when it begins.
func TestGuessesAtOnce(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Newcomer("anna@example.org")
	var wg sync.WaitGroup
	var let atomic.Int32
	for range 25 {
		wg.Go(func() {
			_, err := w.People.SignIn(t.Context(), anna.Email, "a wrong password", library.Device{})
			if errors.Is(err, library.ErrWrongPassword) {
				let.Add(1)
			}
		})
	}
	wg.Wait()
	if let.Load() != 10 {
		t.Errorf("%d of 25 at once were let through, want 10", let.Load())
	}
}

// TestEveryGuessIsSlowed: recovery codes, and passwords that are asked for again after the sign-in, count like those of
// a sign-in.
func TestEveryGuessIsSlowed(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Newcomer("anna@example.org")
	for name, try := range map[string]func(in *library.SignedIn) error{
		"recovery": func(*library.SignedIn) error {
			_, err := w.People.Recover(t.Context(), anna.Email, "0000-0000-0000-0000-0000-0000",
				"een nieuw goed wachtwoord", library.Device{})
			return err
		},
		"change of the password": func(in *library.SignedIn) error {
			return w.People.ChangePassword(t.Context(), in, "a wrong password", "een nieuw goed wachtwoord")
		},
		"new code": func(in *library.SignedIn) error { return w.People.NewCode(t.Context(), in, "a wrong password") },
		"shutting": func(in *library.SignedIn) error {
			_, err := w.People.Shut(t.Context(), in, "a wrong password")
			return err
		},
	} {
		in := anna.SignedIn()
		var slow *library.WaitError
		tried := 0
		for ; tried < 20 && !errors.As(try(in), &slow); tried++ {
		}
		if tried != 10 {
			t.Errorf("%s: %d tries were let through, want 10", name, tried)
		}
		for range 5 { // stay signed in while the allowance grows back
			w.Clock.Moves(15 * time.Minute)
			anna.SignedIn()
		}
	}
}

// TestKnownAddressTellsNoMore: a wrong password and an unknown address are one answer.
func TestKnownAddressTellsNoMore(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	w.Newcomer("anna@example.org")
	_, known := w.People.SignIn(t.Context(), "anna@example.org", "a wrong password", library.Device{})
	_, unknown := w.People.SignIn(t.Context(), "bram@example.org", "a wrong password", library.Device{})
	if known == nil || unknown == nil || known.Error() != unknown.Error() {
		t.Errorf("%q and %q", known, unknown)
	}
}
