package server_test

import (
	"errors"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// TestAttackContractReadsAfterConsent: the keeper lets a contract read that a person has allowed to write. When the
// person then answers another request of it, which asks for no consent, the library's key must not be sealed to its
// session.
func TestAttackContractReadsAfterConsent(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		anna, contract := k.Person(), k.Application().Contract(library.Write)
		g := anna.Allows(contract)
		carreltest.Must(g.Pushes("letter", []byte("what was pushed")))(t)
		asks := func() (*library.AuthorizeResult, error) {
			return k.Consents.AuthorizeForToken(t.Context(),
				g.Requests(carreltest.WithToken(g.Token()), carreltest.ReturningTo(carreltest.Callback)),
				wire.SessionOptions{})
		}
		before := carreltest.Must(asks())(t)
		k.changes(`UPDATE contracts SET access = 'r', scope = '{"raw":true,"mapped":true}' WHERE id = $1`,
			string(contract.Contract.ID))
		k.waits()
		opened, err := asks()
		if err != nil { // the token is refused: what the person opened before is left
			opened = before
		}
		request := anna.Opens(library.OnboardRequest, opened.Code)
		_, err = k.Consents.Complete(t.Context(), anna.SignedIn(), request)
		if !errors.Is(err, library.ErrNotFound) {
			t.Errorf("the answer: %v", err)
		}
		if n := k.count(`SELECT COUNT(*) FROM sessions WHERE seal IS NOT NULL`); n != 0 {
			t.Errorf("the key is sealed to %d sessions", n)
		}
		if read, err := g.ReadsSession(opened.Session.Key); err == nil {
			t.Errorf("the contract reads %q", read)
		}
		// The person is asked, and says yes to what the contract asks for now.
		again := anna.Allows(k.ContractOf(contract.Contract.ID, 0))
		if read, err := again.Reads(); err != nil || len(read) != 1 {
			t.Errorf("after a new consent: %q, %v", read, err)
		}
	})
}

// TestAttackWidenedGrant: a keeper in league with a reader widens the scope of its contract, or what its grant covers
// or how long it lasts, or moves it to another contract. The reader, whose token is genuine, reads nothing more.
func TestAttackWidenedGrant(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		app := k.Application()
		narrow := func(c *library.Contract) {
			c.Scope = library.Scope{Raw: true, Filter: &wire.MetadataFilter{Reference: []string{"public"}}}
		}
		write := app.Contract(library.Write)
		const all = `scope = '{"raw":true,"mapped":true}'`
		for name, attack := range map[string]struct {
			do      func(g *carreltest.Grant)
			expires bool // the grant has expired when the reader comes
		}{
			"scope of the contract": {func(g *carreltest.Grant) {
				k.changes(`UPDATE contracts SET `+all+` WHERE id = $1`, string(g.Contract.Contract.ID))
			}, false},
			"scope of the contract and of the grant": {func(g *carreltest.Grant) {
				k.changes(`UPDATE contracts SET `+all+` WHERE id = $1`, string(g.Contract.Contract.ID))
				wide := k.ContractOf(g.Contract.Contract.ID, 0).Contract
				wide.Scope = library.Scope{Raw: true, Mapped: true}
				k.changes(`UPDATE grants SET allowed = $1 WHERE id = $2`, wide.Allowed(), string(g.ID()))
			}, false},
			"right to delete": {func(g *carreltest.Grant) {
				k.changes(`UPDATE contracts SET deletes_library = TRUE WHERE id = $1`, string(g.Contract.Contract.ID))
			}, false},
			"expiry": {func(g *carreltest.Grant) {
				k.changes(`UPDATE grants SET expires_at = expires_at + 1000000000000 WHERE id = $1`, string(g.ID()))
				k.changes(`UPDATE tokens SET expires_at = expires_at + 1000000000000 WHERE grant_id = $1`,
					string(g.ID()))
			}, true},
			"expiry, and no binding": {func(g *carreltest.Grant) {
				k.changes(`UPDATE grants SET binding = NULL, expires_at = expires_at + 1000000000000 WHERE id = $1`,
					string(g.ID()))
				k.changes(`UPDATE tokens SET expires_at = expires_at + 1000000000000 WHERE grant_id = $1`,
					string(g.ID()))
			}, true},
			"contract": {func(g *carreltest.Grant) {
				wide := app.ContractWithKey(0, library.Read).Contract
				k.changes(`UPDATE grants SET contract_id = $1, allowed = $2 WHERE id = $3`,
					string(wide.ID), wide.Allowed(), string(g.ID()))
				g.Contract = k.ContractOf(wide.ID, 0)
			}, false},
		} {
			t.Run(name, func(t *testing.T) {
				anna := k.Person()
				writer := anna.Allows(write)
				for _, reference := range []string{"public", "secret"} {
					carreltest.Must(writer.Pushes(reference, []byte(reference)))(t)
				}
				g := anna.Allows(app.Contract(library.Read, narrow))
				session := carreltest.Must(g.StartsSession(wire.SessionOptions{}))(t)
				if read, err := g.ReadsSession(session); err != nil || len(read) != 1 {
					t.Fatalf("before: %q, %v", read, err)
				}
				attack.do(g)
				k.waits()
				if attack.expires {
					k.Clock.Moves(181 * 24 * time.Hour)
					defer k.Clock.Moves(-181 * 24 * time.Hour)
				}
				if read, err := g.ReadsSession(session); err == nil {
					t.Errorf("in the session that was open: %q", read)
				}
				if read, err := g.Reads(); err == nil {
					t.Errorf("in a new session: %q", read)
				}
				refreshing := g.Requests(carreltest.Refreshing(g.Refresh()))
				if _, err := k.Consents.Refresh(t.Context(), refreshing); err == nil {
					t.Error("the refresh token is accepted")
				}
			})
		}
	})
}

// TestAttackGrantWidenedBeforeExchange: what the person allowed is changed between the consent and the exchange of the
// code.
func TestAttackGrantWidenedBeforeExchange(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		app := k.Application()
		for name, change := range map[string]string{
			"the expiry": `UPDATE grants SET expires_at = expires_at + 1000000000000 WHERE id = $1`,
			"the scope": `UPDATE contracts SET scope = '{"mapped":true}'
				WHERE id = (SELECT g.contract_id FROM grants g WHERE g.id = $1)`,
		} {
			g := k.Person().Consents(app.Contract(library.Read))
			k.changes(change, string(g.ID()))
			k.waits()
			if _, err := k.Consents.Exchange(t.Context(), g.Requests(carreltest.Exchanging(g.Code))); err == nil {
				t.Errorf("%s is changed, and the code is exchanged", name)
			}
		}
	})
}
