package library_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store"
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

// TestEveryGuessIsSlowed: passwords that are asked for again after the sign-in count like those of a sign-in, against
// the login.
func TestEveryGuessIsSlowed(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Newcomer("anna@example.org")
	for name, try := range map[string]func(in *library.SignedIn) error{
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

// TestRecoveryCodesAreSlowed only where they come from: nobody guesses one, but each costs the server time. The
// passwords that are sent with them are guesses, too, if the password was changed a moment ago.
func TestRecoveryCodesAreSlowed(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Newcomer("anna@example.org")
	code := anna.PendingCode()
	anna.SavesCode()
	w.Clock.Moves(time.Hour)
	if err := w.People.ChangePassword(t.Context(), anna.SignedIn(), anna.Password, freshPassword); err != nil {
		t.Fatal(err)
	}
	recovers := func(code, password, address string) error {
		_, err := w.People.Recover(t.Context(), anna.Email, code, password, library.Device{Address: address})
		return err
	}
	var slow *library.WaitError
	tried := 0
	const wrong = "0000-0000-0000-0000-0000-0000"
	for tried < 60 && !errors.As(recovers(wrong, anna.Password, "192.0.2.1"), &slow) {
		tried++
	}
	if tried != 40 {
		t.Errorf("%d codes from one address were let through, want 40", tried)
	}
	// No try at a password is left, so that the form with the password is not taken for one that was sent twice.
	err := recovers("0000-0000-0000-0000-0000-0000", freshPassword, "192.0.2.2")
	if !errors.Is(err, library.ErrWrongCode) {
		t.Errorf("the right password, after ten others, with a wrong code: %v", err)
	}
	if err := recovers(code, "weer een ander wachtwoord", "192.0.2.2"); err != nil {
		t.Errorf("the person elsewhere: %v", err)
	}
}

// TestAttackLibrariesWithoutEnd: a network creates a hundred libraries a day, of IPv6 the whole /64. Others go on.
func TestAttackLibrariesWithoutEnd(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	n := 0
	create := func(address string) error {
		n++
		_, err := w.People.Create(t.Context(), library.NewPerson{
			Email: fmt.Sprintf("person%d@example.org", n), Password: carreltest.Password,
			Device: library.Device{Address: address},
		})
		return err
	}
	for i := range 100 {
		if err := create(fmt.Sprintf("2001:db8::%x", i)); err != nil {
			t.Fatalf("library %d: %v", i+1, err)
		}
	}
	var slow *library.WaitError
	if err := create("2001:db8::1:2:3:4"); !errors.As(err, &slow) || slow.After > 15*time.Minute {
		t.Fatalf("library 101 of a network: %v", err)
	}
	for name, address := range map[string]string{"the next /64": "2001:db8:0:1::1", "IPv4": "192.0.2.1"} {
		if err := create(address); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.Clock.Moves(slow.After)
	if err := create("2001:db8::1"); err != nil {
		t.Errorf("after %v: %v", slow.After, err)
	}
	if err := create("2001:db8::1"); !errors.As(err, &slow) {
		t.Errorf("and one more: %v", err)
	}
}

// TestAddressesOfOneNetwork: whoever has a /64 of IPv6 has no more tries than whoever has an address.
func TestAddressesOfOneNetwork(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	for i := range 40 {
		email, address := fmt.Sprintf("unknown%d@example.org", i), fmt.Sprintf("2001:db8::%x:1", i)
		if let, _ := guess(t, w, 1, email, address); let != 1 {
			t.Fatalf("guess %d is to wait", i+1)
		}
	}
	if let, _ := guess(t, w, 1, "unknown@example.org", "2001:db8::ffff%eth0"); let != 0 {
		t.Error("another address of the same /64 has tries of its own")
	}
	if let, _ := guess(t, w, 40, "bob@example.org", "192.0.2.1"); let != 10 {
		t.Errorf("%d guesses, want 10", let)
	}
	for i := range 30 {
		if let, _ := guess(t, w, 1, fmt.Sprintf("unknown%d@example.org", i), "::ffff:192.0.2.1"); let != 1 {
			t.Fatalf("guess %d is to wait", i+1)
		}
	}
	if let, _ := guess(t, w, 1, "unknown@example.org", "192.0.2.1"); let != 0 {
		t.Error("an address has tries of its own in the notation of IPv6")
	}
}

// TestKnownAddressTellsNoMore: a wrong password or recovery code and an unknown address are one answer, after the same
// calls of the store: queries, and a durable write.
func TestKnownAddressTellsNoMore(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Newcomer("anna@example.org")
	w.Clock.Moves(time.Hour)
	calls := &callStore{DB: w.Store}
	people := library.NewPeople(calls, calls, calls, w.Blobs, library.NewIntegrity(w.Keyring, w.Store, w.Clock.Now),
		w.Clock.Now, library.PeopleConfig{PasswordCost: seal.PasswordCost{Passes: 1, Memory: 64}})
	for name, try := range map[string]func(email string) error{
		"sign in": func(email string) error {
			_, err := people.SignIn(t.Context(), email, "a wrong password", library.Device{})
			return err
		},
		"recover": func(email string) error {
			_, err := people.Recover(
				t.Context(), email, "0000-0000-0000-0000-0000-0000", freshPassword, library.Device{})
			return err
		},
	} {
		calls.calls = nil
		known, callsKnown := try(anna.Email), calls.calls
		calls.calls = nil
		unknown, callsUnknown := try("bob@example.org"), calls.calls
		if known == nil || unknown == nil || known.Error() != unknown.Error() {
			t.Errorf("%s: %q and %q", name, known, unknown)
		}
		if len(callsKnown) == 0 || !slices.Equal(callsKnown, callsUnknown) {
			t.Errorf("%s: %v and %v", name, callsKnown, callsUnknown)
		}
	}
}

// callStore notes the calls of a store by which a person signs in.
type callStore struct {
	*store.DB
	calls []string
}

func (s *callStore) FindLibrary(ctx context.Context, email string) (library.Library, error) {
	s.calls = append(s.calls, "FindLibrary")
	return s.DB.FindLibrary(ctx, email)
}

func (s *callStore) GetLock(ctx context.Context, id library.ID, kind library.LockKind) (library.Lock, error) {
	s.calls = append(s.calls, "GetLock")
	return s.DB.GetLock(ctx, id, kind)
}

func (s *callStore) AddEvent(ctx context.Context, e library.Event) error {
	s.calls = append(s.calls, "write")
	return s.DB.AddEvent(ctx, e)
}

func (s *callStore) SpendEventTime(ctx context.Context, e library.Event) error {
	s.calls = append(s.calls, "write")
	return s.DB.SpendEventTime(ctx, e)
}
