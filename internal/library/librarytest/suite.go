package librarytest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// Store is everything that a store of metadata implements. What one of its parts
// does shows in the others, so the tests of each part get them all.
type Store interface {
	library.ClientStore
	library.AuditStore
	library.NonceStore
	library.SigningKeyStore
	library.LibraryStore
	library.LoginStore
	library.ConsentStore
	library.FileStore
	library.ActivityStore
	library.Sweeper
	library.RebindStore
	library.CheckStore
	// SetLimits replaces library.DefaultLimits.
	SetLimits(l library.Limits)
}

// TestStore runs the tests of every interface that a store implements. open returns
// an empty store; it is called for each test, and closes the store when that ends.
func TestStore(t *testing.T, open func(t *testing.T) Store) {
	for _, part := range []struct {
		name string
		test func(t *testing.T, open func(t *testing.T) Store)
	}{
		{"Clients", TestClients},
		{"ClientUpdates", TestClientUpdates},
		{"Audit", TestAudit},
		{"Integrity", TestIntegrity},
		{"Nonces", TestNonces},
		{"SigningKeys", TestSigningKeys},
		{"Libraries", TestLibraries},
		{"Logins", TestLogins},
		{"Requests", TestRequests},
		{"Allow", TestAllow},
		{"Grants", TestGrants},
		{"Tokens", TestTokens},
		{"Limits", TestLimits},
		{"Accounts", TestAccounts},
		{"Postboxes", TestPostboxes},
		{"Files", TestFiles},
		{"Usage", TestUsage},
		{"Events", TestEvents},
		{"Sweeper", TestSweeper},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, open) })
	}
}

// Now is the time of the tests.
var Now = time.UnixMilli(1_795_000_000_123).UTC()

// Later returns a time after Now.
func Later(d time.Duration) time.Time { return Now.Add(d) }

// Must fails the test on an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Value returns the value of a call that succeeds: Value(s.GetGrant(ctx, id))(t).
func Value[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		Must(t, err)
		return v
	}
}

// WantErr fails the test unless err wraps the wanted error.
func WantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// Same fails the test unless got equals want, including times and nil slices.
func Same(t testing.TB, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, show(got), show(want))
	}
}

func show(v any) string { return fmt.Sprintf("%+v", v) }

// Race calls f n times at once and returns the errors.
func Race(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			<-start
			errs[i] = f(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	return errs
}

// OneWins fails the test unless exactly one of errs is nil and all others are want.
func OneWins(t testing.TB, what string, errs []error, want error) {
	t.Helper()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, want):
			t.Errorf("%s: a loser got %v, want %v", what, err, want)
		}
	}
	if won != 1 {
		t.Errorf("%s: %d of %d succeeded, want 1", what, won, len(errs))
	}
}

// Ctx is the context of every call that is not about contexts.
var Ctx = context.Background()
