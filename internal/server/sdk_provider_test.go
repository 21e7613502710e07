package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/simulator"
)

// gp is the name of the practice provider that a visitor connects.
const gp = "huisartslinde"

// observation returns a resource that a practice provider accepts.
func observation() []byte {
	return marshal(observationOf("final"))
}

// observationOf returns an Observation with a status.
func observationOf(status any) map[string]any {
	return map[string]any{
		"resourceType": "Observation", "status": status,
		"meta": map[string]any{
			"profile": []string{"http://nictiz.nl/fhir/StructureDefinition/zib-BodyWeight"},
		},
		"code":          map[string]any{"text": "Weight"},
		"valueQuantity": map[string]any{"value": json.Number("72.50"), "unit": "kg"},
	}
}

// marshal returns a resource as JSON.
func marshal(resource any) []byte {
	text, err := digime.MarshalResource(resource)
	if err != nil {
		panic(err)
	}
	return text
}

// TestServerProvider pushes to practice providers through a server with the SDK.
func TestServerProvider(t *testing.T) {
	t.Parallel()
	s := carreltest.ServeWithSimulator(t, func(c *server.Config) { c.Deliveries.FirstRetry = 50 * time.Millisecond })
	ctx, person, contract := t.Context(), s.Visitor(), s.Application().Contract(library.Write)
	user, account := person.Connects(contract)

	t.Run("delivered", func(t *testing.T) {
		answer, err := user.PushToProvider(ctx, account, digime.STU3, observation())
		if err != nil || !answer.Delivered() || answer.DeliveryID == "" ||
			!strings.Contains(string(answer.Body), `72.50`) {
			t.Fatalf("answer %+v %s, error %v", answer, answer.Body, err)
		}
		d, err := user.WaitForDelivery(ctx, answer.DeliveryID)
		if err != nil || d.State != digime.DeliveryDelivered || string(d.Answer) != string(answer.Body) ||
			d.AccountID != account {
			t.Errorf("delivery %+v, error %v", d, err)
		}
	})
	t.Run("refused before it is sent", func(t *testing.T) {
		var e *digime.Error
		_, err := user.PushToProvider(ctx, account, digime.STU3, marshal(observationOf(7)))
		if !errors.Is(err, digime.ErrValidation) || !errors.As(err, &e) ||
			!strings.Contains(string(e.Outcome), "Observation.status") {
			t.Errorf("malformed: %v, %s", err, e.Outcome)
		}
		_, err = user.PushToProvider(ctx, account, digime.R4, observation())
		if !errors.Is(err, digime.ErrValidation) {
			t.Errorf("another version: %v", err)
		}
		_, err = user.PushToProvider(ctx, "1_another", digime.STU3, observation())
		if !errors.Is(err, digime.ErrNotFound) {
			t.Errorf("another account: %v", err)
		}
	})
	for mode, want := range map[simulator.ResourceMode]error{
		simulator.ResourceUnprocessable: digime.ErrProviderRefused,
		simulator.ResourceCutAfter:      digime.ErrDeliveryUnknown,
	} {
		t.Run(string(mode), func(t *testing.T) {
			s.Simulator.SetBehaviour(gp, simulator.Behaviour{Resource: mode})
			var d *digime.DeliveryError
			_, err := user.PushToProvider(ctx, account, digime.STU3, observation())
			if !errors.Is(err, want) || !errors.As(err, &d) || d.ID == "" {
				t.Fatal(err)
			}
			if _, later := user.WaitForDelivery(ctx, d.ID); !errors.Is(later, want) {
				t.Errorf("when asked for later: %v", later)
			}
		})
	}
	t.Run("accepted while the provider is busy, and delivered later", func(t *testing.T) {
		busy := simulator.Behaviour{Resource: simulator.ResourceBusy, ResourceTimes: 2, RetryAfter: -1}
		s.Simulator.SetBehaviour(gp, busy)
		answer, err := user.PushToProvider(ctx, account, digime.STU3, observation())
		if err != nil || answer.Delivered() || answer.Status != 202 || answer.Body != nil {
			t.Errorf("busy: %+v, error %v", answer, err)
		}
		if d, err := user.WaitForDelivery(ctx, answer.DeliveryID); err != nil || d.Attempts != 3 {
			t.Errorf("in the end %+v, error %v", d, err)
		}
		list, err := user.ListDeliveries(ctx)
		if err != nil || len(list) != 4 || list[0].ID != answer.DeliveryID ||
			list[3].State != digime.DeliveryDelivered {
			t.Errorf("deliveries %+v, error %v", list, err)
		}
	})
	if n := len(s.Simulator.Filed()); n != 3 {
		t.Errorf("%d were filed, want the first one, the one whose outcome is unknown, and the last one", n)
	}
}

// The SDK refreshes an expired access token once, and nothing is sent to the provider twice. When the provider's tokens
// have expired, the person connects the account again.
func TestServerProviderAgain(t *testing.T) {
	t.Parallel()
	s := carreltest.ServeWithSimulator(t)
	ctx, person, contract := t.Context(), s.Visitor(), s.Application().Contract(library.Write)
	consented, account := person.Connects(contract)

	s.Clock.Moves(25 * time.Hour) // the provider's tokens expire after a quarter of an hour
	hooks := 0
	user := contract.SDK(digime.WithClock(s.Clock.Now)).User(consented.Token(),
		digime.OnTokenChange(func(context.Context, digime.UserAccessToken) error { hooks++; return nil }))
	_, err := user.PushToProvider(ctx, account, digime.STU3, observation())
	if !errors.Is(err, digime.ErrServiceAuthorization) || hooks != 1 {
		t.Fatalf("after a day: %v, %d calls of the hook", err, hooks)
	}
	accounts, err := user.ListAccounts(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range accounts {
		if a.ID == account && (a.AccessTokenStatus == nil || a.AccessTokenStatus.Authorized) {
			t.Errorf("the account does not show that the person must connect it again: %+v", a)
		}
	}

	on, err := user.ReauthorizeAccount(ctx, account, digime.ReauthorizeAccountOptions{RedirectURL: carreltest.Callback})
	if err != nil {
		t.Fatal(err)
	}
	if back := person.Visits(on); !back.Code.IsZero() {
		t.Errorf("came back with %+v", back)
	}
	answer, err := user.PushToProvider(ctx, account, digime.STU3, observation())
	if err != nil || !answer.Delivered() || hooks != 1 {
		t.Errorf("connected again: %+v, error %v, %d calls of the hook", answer, err, hooks)
	}
	if n := len(s.Simulator.Filed()); n != 1 {
		t.Errorf("%d were filed", n)
	}

	if err := user.DeleteAccount(ctx, account); err != nil {
		t.Fatal(err)
	}
	if _, err := user.PushToProvider(ctx, account, digime.STU3, observation()); !errors.Is(err, digime.ErrNotFound) {
		t.Errorf("disconnected: %v", err)
	}
}

// visitRevokePage has a person answer the page that revokes an account, and returns what the application is told.
func visitRevokePage(
	t *testing.T, person *carreltest.Visitor, user *digime.User, account digime.AccountID, answer string,
) error {
	t.Helper()
	address, err := user.RevokeAccountURL(t.Context(), account, carreltest.Callback+"?mine=1")
	if err != nil {
		t.Fatal(err)
	}
	person.Answer = answer
	back := person.Opens(address)
	if back.Get("mine") != "1" {
		t.Errorf("came back with %v", back)
	}
	return digime.ParseRevokeCallback(back)
}

// A person disconnects an account from an application on a page of the server, or keeps it. The callback tells the
// application which.
func TestServerRevoke(t *testing.T) {
	t.Parallel()
	s := carreltest.ServeWithSimulator(t)
	ctx, person := t.Context(), s.Visitor()
	user, account := person.Connects(s.Application().Contract(library.Write))
	t.Run("declined", func(t *testing.T) {
		var failed *digime.CallbackError
		err := visitRevokePage(t, person, user, account, "cancel")
		if !errors.As(err, &failed) || failed.Code != digime.CallbackUserCancel {
			t.Errorf("callback: %v", err)
		}
		answer, err := user.PushToProvider(ctx, account, digime.STU3, observation())
		if err != nil || !answer.Delivered() {
			t.Errorf("push afterwards: %+v, error %v", answer, err)
		}
	})
	t.Run("confirmed", func(t *testing.T) {
		if err := visitRevokePage(t, person, user, account, "disconnect-confirm"); err != nil {
			t.Errorf("callback: %v", err)
		}
		_, err := user.PushToProvider(ctx, account, digime.STU3, observation())
		if !errors.Is(err, digime.ErrNotFound) {
			t.Errorf("push afterwards: %v", err)
		}
		if _, err := user.RevokeAccountURL(ctx, account, carreltest.Callback); !errors.Is(err, digime.ErrNotFound) {
			t.Errorf("a second revocation: %v", err)
		}
		if left, err := user.ListAccounts(ctx); err != nil || len(left) != 1 || left[0].Type != digime.AccountUser {
			t.Errorf("accounts %+v, error %v", left, err)
		}
	})
}

// The account that stands for the person can be deleted, and a new consent adds it again. When it is revoked, the grant
// is revoked.
func TestServerRevokeUserAccount(t *testing.T) {
	t.Parallel()
	s := carreltest.ServeWithSimulator(t)
	ctx, person, contract := t.Context(), s.Visitor(), s.Application().Contract(library.Write)
	user := person.Allows(contract)
	accounts, err := user.ListAccounts(ctx)
	if err != nil || len(accounts) != 1 || accounts[0].Type != digime.AccountUser {
		t.Fatalf("accounts %+v, error %v", accounts, err)
	}
	for range 2 {
		if err := user.DeleteAccount(ctx, accounts[0].ID); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := user.ListAccounts(ctx); err != nil || len(left) != 0 {
		t.Errorf("deleted: %+v, error %v", left, err)
	}
	if err := user.Refresh(ctx); err != nil {
		t.Errorf("refresh: %v", err)
	}
	user, _ = person.Connects(contract)
	again, err := user.ListAccounts(ctx)
	if err != nil || len(again) != 2 || again[0].ID != accounts[0].ID {
		t.Fatalf("after a new consent: %+v, error %v", again, err)
	}
	if err := visitRevokePage(t, person, user, again[0].ID, "revoke-confirm"); err != nil {
		t.Errorf("revoking the grant: %v", err)
	}
	if _, err := user.ListAccounts(ctx); !errors.Is(err, digime.ErrRevoked) {
		t.Errorf("after the grant was revoked: %v", err)
	}
}
