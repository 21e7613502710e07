package delivery_test

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// revokes has a world's server tell providers which tokens are not used any more.
func revokes(t *testing.T, w *carreltest.World) {
	t.Helper()
	if err := w.Connections.RevokeTokens(t.Context(), slog.New(slog.NewTextHandler(w.Log, nil))); err != nil {
		t.Fatal(err)
	}
}

// TestStopRevokesTokens: whoever stops a consent has its tokens revoked at the provider. A provider that does not
// answer is told again.
func TestStopRevokesTokens(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	w.Provider.GivesTokens(true)
	p, contract := w.Person(), w.Application().Contract(library.Write)
	grant, _ := p.Connects(contract)
	revokes(t, w)
	if got := w.Provider.Revoked(); got != nil {
		t.Fatalf("revoked %q before the stop", got)
	}
	w.Provider.FailsToRevoke(carreltest.ErrAway)
	p.Stops(grant)
	revokes(t, w)
	w.Provider.FailsToRevoke(nil)
	revokes(t, w)
	if got := w.Provider.Revoked(); got != nil {
		t.Errorf("told again at once: %q", got)
	}
	w.Clock.Moves(10 * time.Minute)
	revokes(t, w)
	revokes(t, w)
	if got := w.Provider.Revoked(); !slices.Equal(got, []string{"refresh-1"}) {
		t.Errorf("revoked %q", got)
	}
	if n := w.Rows("token_revocations"); n != 0 {
		t.Errorf("%d tokens are still stored", n)
	}
	if got := p.Activity(); !strings.HasSuffix(got, "account.ended app.stopped") {
		t.Errorf("activity %s", got)
	}
}

// TestRevocationIsGivenUp: the tokens of an account that has ended are not kept for longer than a day.
func TestRevocationIsGivenUp(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	p, contract := w.Person(), w.Application().Contract(library.Write)
	grant, _ := p.Connects(contract)
	w.Provider.FailsToRevoke(carreltest.ErrAway)
	p.Stops(grant)
	for range 3 {
		revokes(t, w)
		w.Clock.Moves(8 * time.Hour)
		if err := w.Sweeping.SweepExpired(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.Rows("token_revocations"); n != 0 {
		t.Errorf("%d tokens are stored after a day", n)
	}
}

// TestDeniedTokensAreRevoked: so are the tokens of an account that the person connected, and then did not allow.
func TestDeniedTokensAreRevoked(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	p, contract := w.Person(), w.Application().Contract(library.Write)
	asked := contract.Authorizes()
	r := p.Opens(library.AuthorizeRequest, asked.Code)
	p.ComesBack(p.LeavesFor(r, delivery.Target{Source: carreltest.SourceID}), carreltest.GoodCode)
	carreltest.Must(w.Consents.Deny(t.Context(), r, p.SignedIn(), library.CallbackUserCancel))(t)
	revokes(t, w)
	if got := w.Provider.Revoked(); !slices.Equal(got, []string{"access-1"}) {
		t.Errorf("revoked %q", got)
	}
}

// TestStopWhileAtProvider: an account that the person has gone to connect again, and whose consent they stop meanwhile,
// is not there when they come back.
func TestStopWhileAtProvider(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	p, contract := w.Person(), w.Application().Contract(library.Write)
	grant, account := p.Connects(contract)
	asked := contract.Authorizes(carreltest.WithToken(grant.Token()))
	r := p.Opens(library.AuthorizeRequest, asked.Code)
	state := p.LeavesFor(r, delivery.Target{Account: account.ID})
	p.Stops(grant)
	_, err := w.Connections.HandleCallback(t.Context(), p.SignedIn(),
		delivery.CallbackParams{Source: carreltest.SourceID, State: state, Code: seal.SecretOf(carreltest.GoodCode)})
	if !errors.Is(err, library.ErrNotFound) {
		t.Errorf("came back: %v", err)
	}
	if left := carreltest.Must(w.Connections.List(t.Context(), p.SignedIn()))(t); len(left) != 0 {
		t.Errorf("accounts %+v", left)
	}
	revokes(t, w)
	if got := slices.Sorted(slices.Values(w.Provider.Revoked())); !slices.Equal(got, []string{"access-1", "access-2"}) {
		t.Errorf("revoked %q", got)
	}
}

// TestExpiredGrantEndsAccounts: an account ends with its consent, also if nobody stops that.
func TestExpiredGrantEndsAccounts(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	w.Provider.GivesTokens(true)
	p, app := w.Person(), w.Application()
	brief := app.Contract(library.Write, func(c *library.Contract) { c.GrantFor = time.Hour })
	_, account := p.Connects(brief)
	lasting := p.Allows(app.Contract(library.Write))
	w.Clock.Moves(time.Hour)
	again := p.Allows(brief)
	for name, g := range map[string]*carreltest.Grant{"another contract": lasting, "a new consent": again} {
		_, err := g.Sends(account.ID, carreltest.Observation("1"))
		carreltest.Refused(t, name, err, library.Unknown("Account"))
	}
	if err := w.Connections.EndUngranted(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := carreltest.Must(w.Connections.List(t.Context(), p.SignedIn()))(t); len(left) != 0 {
		t.Errorf("accounts %+v", left)
	}
	if got := p.Activity(); !strings.HasSuffix(got, "account.ended") {
		t.Errorf("activity %s", got)
	}
	revokes(t, w)
	if got := w.Provider.Revoked(); !slices.Equal(got, []string{"refresh-1"}) {
		t.Errorf("revoked %q", got)
	}
}
