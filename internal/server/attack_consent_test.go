package server_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// TestAttackOtherConsentSends: an application has two consents, of which one connected an account at a provider. The
// token of the other may not send through it, neither before nor after the person stops the first.
func TestAttackOtherConsentSends(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, options ...carreltest.Option) {
		s := carreltest.ServeWithSimulator(t, options...)
		ctx, person, app := t.Context(), s.Visitor(), s.Application()
		send := func(by *digime.User, account digime.AccountID) error {
			_, err := by.PushToProvider(ctx, account, digime.STU3, observation())
			return err
		}
		sender, account := person.Connects(app.Contract(library.Write))
		other := person.Allows(app.Contract(library.Write), sender.Token())

		if err := send(other, account); !errors.Is(err, digime.ErrNotFound) {
			t.Errorf("another consent sends: %v, want %v", err, digime.ErrNotFound)
		}
		listed, err := other.ListAccounts(ctx)
		if err != nil || len(listed) != 2 {
			t.Errorf("the application's accounts by another consent: %+v, %v", listed, err)
		}
		answer, err := sender.PushToProvider(ctx, account, digime.STU3, observation())
		if err != nil || !answer.Delivered() {
			t.Errorf("the consent that connected it sends: %+v, %v", answer, err)
		}

		in := signsIn(t, s, person)
		if err := s.Consents.Revoke(ctx, in, library.GrantID(sender.Token().ConsentID)); err != nil {
			t.Fatal(err)
		}
		if err := send(sender, account); !errors.Is(err, digime.ErrRevoked) {
			t.Errorf("the stopped consent sends: %v, want %v", err, digime.ErrRevoked)
		}
		if err := send(other, account); !errors.Is(err, digime.ErrNotFound) {
			t.Errorf("another consent sends after the stop: %v, want %v", err, digime.ErrNotFound)
		}
		if left, err := other.ListAccounts(ctx); err != nil || len(left) != 1 || left[0].Type != digime.AccountUser {
			t.Errorf("after the stop the application lists %+v, %v", left, err)
		}
		if left, err := s.Connections.List(ctx, in); err != nil || len(left) != 0 {
			t.Errorf("after the stop the person's accounts are %+v, %v", left, err)
		}
		err = other.Push(ctx, digime.PushInput{
			Data: strings.NewReader("still allowed"), MIMEType: "text/plain", AccountID: "patient-42",
		})
		if err != nil {
			t.Errorf("the other consent, which goes on, adds a file: %v", err)
		}
		if n := len(s.Simulator.Filed()); n != 1 {
			t.Errorf("%d were filed, want the one of the consent that connected the account", n)
		}
	})
}

// TestConsentAgainKeepsAccounts: allowing a contract again renews the consent, which keeps its accounts. Connecting the
// same provider again renews the account.
func TestConsentAgainKeepsAccounts(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, options ...carreltest.Option) {
		s := carreltest.ServeWithSimulator(t, options...)
		ctx, person, contract := t.Context(), s.Visitor(), s.Application().Contract(library.Write)
		_, account := person.Connects(contract)
		allowed := person.Allows(contract)
		answer, err := allowed.PushToProvider(ctx, account, digime.STU3, observation())
		if err != nil || !answer.Delivered() {
			t.Errorf("allowed again: %+v, %v", answer, err)
		}
		connected, again := person.Connects(contract)
		if again != account {
			t.Errorf("connected again under the id %s, before %s", again, account)
		}
		answer, err = connected.PushToProvider(ctx, account, digime.STU3, observation())
		if err != nil || !answer.Delivered() {
			t.Errorf("connected again: %+v, %v", answer, err)
		}
	})
}

// signsIn signs in a visitor who has a library.
func signsIn(t *testing.T, s *carreltest.World, v *carreltest.Visitor) *library.SignedIn {
	t.Helper()
	secret := carreltest.Must(s.People.SignIn(t.Context(), v.Email, v.Password, library.Device{}))(t)
	in := carreltest.Must(s.People.Login(t.Context(), secret))(t)
	if code, pending, err := s.People.PendingCode(t.Context(), in); err != nil {
		t.Fatal(err)
	} else if pending {
		if err := s.People.SaveRecoveryCode(t.Context(), in, code.ID); err != nil {
			t.Fatal(err)
		}
	}
	return in
}

// TestAttackDeleteUser: an application that may only write ends its own access with the call "delete user". The library
// and what another application may do in it stay.
func TestAttackDeleteUser(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, options ...carreltest.Option) {
		s := carreltest.ServeWithSimulator(t, options...)
		ctx, person, app := t.Context(), s.Visitor(), s.Application()
		send := func(by *digime.User, account digime.AccountID) error {
			_, err := by.PushToProvider(ctx, account, digime.STU3, observation())
			return err
		}
		victim := person.Allows(s.Application().Contract(library.Write))
		push := func(u *digime.User) error {
			return u.Push(ctx, digime.PushInput{
				Data: strings.NewReader("content"), MIMEType: "text/plain", AccountID: "patient-42",
			})
		}
		if err := push(victim); err != nil {
			t.Fatal(err)
		}
		caller := app.Contract(library.Write)
		attacker, account := person.Connects(caller)
		second := person.Allows(app.Contract(library.Write), attacker.Token())
		for range 2 { // clients repeat the call
			if err := attacker.DeleteUser(ctx); err != nil {
				t.Fatalf("delete user: %v", err)
			}
		}

		in := signsIn(t, s, person)
		if n, err := s.Files.Count(ctx, in); err != nil || n != 1 {
			t.Errorf("the library has %d files, %v", n, err)
		}
		if err := push(victim); err != nil {
			t.Errorf("another application adds a file: %v", err)
		}
		for name, err := range map[string]error{
			"the caller adds a file": push(attacker), "the caller refreshes": attacker.Refresh(ctx),
			"the application's other contract adds a file": push(second),
		} {
			if !errors.Is(err, digime.ErrRevoked) {
				t.Errorf("%s: %v, want %v", name, err, digime.ErrRevoked)
			}
		}
		if err := send(attacker, account); !errors.Is(err, digime.ErrRevoked) {
			t.Errorf("the caller sends: %v", err)
		}
		if left, err := s.Connections.List(ctx, in); err != nil || len(left) != 0 {
			t.Errorf("accounts %+v, %v", left, err)
		}
		page, err := s.Activity.List(ctx, in, 0)
		if err != nil || !slices.ContainsFunc(page.Events, func(e library.Event) bool {
			return e.Kind == library.EventLeft && e.Details.Application == app.ID
		}) {
			t.Errorf("the activity does not show it: %+v, %v", page.Events, err)
		}
		s.Clock.Moves(11 * time.Minute)
		late := caller.SDK(digime.WithClock(s.Clock.Now)).User(attacker.Token())
		if err := late.DeleteUser(ctx); !errors.Is(err, digime.ErrRevoked) {
			t.Errorf("after ten minutes: %v, want %v", err, digime.ErrRevoked)
		}
	})
}

// TestDeleteUserByRight: under a contract that the operator has registered with the right to delete the library, the
// call shuts it, and the person can take it back. The consent page has said so.
func TestDeleteUserByRight(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, options ...carreltest.Option) {
		s := carreltest.Serve(t, options...)
		ctx, person := t.Context(), s.Visitor()
		deleter := person.Allows(s.Application().Contract(library.Write, func(c *library.Contract) {
			c.DeletesLibrary = true
		}))
		other := person.Allows(s.Application().Contract(library.Write))
		for range 2 {
			if err := deleter.DeleteUser(ctx); err != nil {
				t.Fatalf("delete user: %v", err)
			}
		}
		if _, err := other.ListAccounts(ctx); !errors.Is(err, digime.ErrRevoked) {
			t.Errorf("another application: %v, want %v", err, digime.ErrRevoked)
		}
		secret := carreltest.Must(s.People.SignIn(ctx, person.Email, person.Password, library.Device{}))(t)
		in := carreltest.Must(s.People.Login(ctx, secret))(t)
		wait := in.Library.DeleteAt.Sub(s.Clock.Now())
		if !in.Library.Shut() || wait > carreltest.DeleteWait || wait < carreltest.DeleteWait-time.Minute {
			t.Errorf("the library is to be deleted in %v, want %v", wait, carreltest.DeleteWait)
		}
		if err := s.People.Reopen(ctx, in); err != nil {
			t.Error(err)
		}
	})
}
