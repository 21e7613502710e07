package library_test

import (
	"errors"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// publicKey returns the PEM text of a key of the tests.
func publicKey(n int) string { return string(wire.MarshalPublicKey(&carreltest.Key(n).PublicKey)) }

// TestContractKeys gives a contract another key. Requests count that are signed with either, until the old key ends;
// a third key takes the place of the first.
func TestContractKeys(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	c := w.Application().Contract(library.Write)
	old, second, third := w.ContractOf(c.Contract.ID, 0), w.ContractOf(c.Contract.ID, 1), w.ContractOf(c.Contract.ID, 2)
	verifies := func(when string, signer *carreltest.Contract, want bool) {
		t.Helper()
		_, err := w.Clients.Verify(t.Context(), signer.Signs())
		if want && err != nil {
			t.Errorf("%s: %v", when, err)
		} else if !want {
			carreltest.Refused(t, when, err, library.InvalidRequest("bearer token signature"))
		}
	}
	change := func(n int, until time.Time) {
		t.Helper()
		was := carreltest.Must(w.Clients.GetClientOfContract(t.Context(), c.Contract.ID))(t).Contract
		next := carreltest.Must(was.WithKey(publicKey(n), until))(t)
		if err := w.Clients.UpdateContract(t.Context(), was, next); err != nil {
			t.Fatal(err)
		}
	}
	verifies("the second key before", second, false)
	change(1, w.Clock.Now().Add(time.Hour))
	verifies("the first key", old, true)
	verifies("the second key", second, true)
	verifies("another key", third, false)
	w.Clock.Moves(time.Hour)
	verifies("the first key at its end", old, false)
	verifies("the second key then", second, true)

	change(2, w.Clock.Now().Add(time.Hour))
	change(0, w.Clock.Now().Add(time.Hour))
	verifies("a key that was replaced twice", second, false)
	verifies("the key before", third, true)
	verifies("the newest", old, true)

	was := carreltest.Must(w.Clients.GetClientOfContract(t.Context(), c.Contract.ID))(t).Contract
	now := w.Clock.Now()
	ended := carreltest.Must(was.EndOldKey(now, now))(t)
	if err := w.Clients.UpdateContract(t.Context(), was, ended); err != nil {
		t.Fatal(err)
	}
	verifies("a key that has leaked", third, false)
	if _, err := ended.EndOldKey(now, now.Add(time.Hour)); err == nil {
		t.Error("a key that has ended counts again")
	}
	if _, err := ended.WithKey(publicKey(0), now); err == nil {
		t.Error("a contract has the same key twice")
	}
}

// TestUpdateContractConsents changes everything of a contract that people have not allowed, and what they have.
func TestUpdateContractConsents(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	c := w.Application().Contract(library.Write)
	writer := w.Person().Allows(c)
	was := carreltest.Must(w.Clients.GetClientOfContract(t.Context(), c.Contract.ID))(t).Contract
	update := func(change func(*library.Contract)) {
		t.Helper()
		next := was
		change(&next)
		if err := w.Clients.UpdateContract(t.Context(), was, next); err != nil {
			t.Fatal(err)
		}
		was = carreltest.Must(w.Clients.GetClientOfContract(t.Context(), c.Contract.ID))(t).Contract
	}
	counts := func(want int) {
		t.Helper()
		if n := carreltest.Must(w.Clients.CountConsents(t.Context(), was))(t); n != want {
			t.Errorf("%d consents, want %d", n, want)
		}
	}
	update(func(k *library.Contract) {
		k.Purpose, k.Terms, k.Privacy, k.RedirectURIs = "p", "t", "y", []string{"https://b.example/b"}
		k.GrantFor, k.ExpiresAt = time.Hour, w.Clock.Now().Add(1000*time.Hour)
		next := carreltest.Must(k.WithKey(publicKey(1), w.Clock.Now().Add(time.Hour)))(t)
		*k = next
	})
	counts(1)
	if _, err := writer.Pushes("after", []byte("nobody was asked again")); err != nil {
		t.Error(err)
	}
	update(func(k *library.Contract) { k.DeletesLibrary = true })
	counts(0)
	if _, err := writer.Pushes("widened", []byte("x")); err == nil {
		t.Error("a consent counts for what the person has not allowed")
	}
	update(func(k *library.Contract) { k.DeletesLibrary = false })
	counts(1)
	if _, err := writer.Pushes("narrowed again", []byte("x")); err != nil {
		t.Error(err)
	}
	broken := was
	broken.RedirectURIs = []string{"http://b.example/b"}
	if err := w.Clients.UpdateContract(t.Context(), was, broken); err == nil {
		t.Error("a contract is changed to one that cannot be registered")
	}
}

// TestAttackRemovedRedirectURI answers a request that leads to a redirect URI that the operator has taken away since.
func TestAttackRemovedRedirectURI(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	c := w.Application().Contract(library.Write)
	request := c.Authorizes()
	find := func() error {
		_, err := w.Consents.FindRequest(t.Context(), library.AuthorizeRequest, request.Code.Reveal())
		return err
	}
	if err := find(); err != nil {
		t.Fatal(err)
	}
	was := carreltest.Must(w.Clients.GetClientOfContract(t.Context(), c.Contract.ID))(t).Contract
	next := was
	next.RedirectURIs = []string{"https://b.example/b"}
	if err := w.Clients.UpdateContract(t.Context(), was, next); err != nil {
		t.Fatal(err)
	}
	if err := find(); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("the request is found: %v", err)
	}
}
