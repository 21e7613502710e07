package deliverytest

import (
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// TestConnectionEnds tests how accounts of a delivery.ConnectionStore end with their grants, and what
// a delivery.RevocationStore keeps of them.
func TestConnectionEnds(t *testing.T, open func(t *testing.T) Store) {
	runEach(t, open, []storeTest{
		{"accounts do not stand without their grant", testRevokeAtOnce},
		{"accounts whose grant has expired are listed", testListUngranted},
		{"accounts without tokens leave none to revoke", testNoTokensLeft},
		{"tokens are revoked by one at a time", testClaimTokenRevocations},
	})
	t.Run("accounts end with their grant", func(t *testing.T) { testEndWithGrant(t, open) })
	t.Run("accounts leave their tokens to be revoked", func(t *testing.T) { testTokensLeft(t, open) })
	t.Run("pending accounts leave their tokens to be revoked", func(t *testing.T) { testPendingTokensLeft(t, open) })
}

// testEndWithGrant tests that whatever ends a grant ends its accounts, and no others.
func testEndWithGrant(t *testing.T, open func(t *testing.T) Store) {
	var tests []storeTest
	for name, end := range map[string]func(f *fixture, g library.Grant, e library.Event) error{
		"revoked": func(f *fixture, g library.Grant, e library.Event) error {
			return f.RevokeGrant(ctx, g.Library, g.ID, later(time.Minute), e)
		},
		"application revoked": func(f *fixture, g library.Grant, e library.Event) error {
			return f.RevokeApplication(ctx, g.Library, g.Application, time.Time{}, e)
		},
		"library shut": func(f *fixture, g library.Grant, e library.Event) error {
			return f.ShutLibrary(ctx, g.Library, later(time.Hour), "", e)
		},
	} {
		tests = append(tests, storeTest{name, func(t *testing.T, f *fixture) {
			g, a := f.sender()
			second := f.account(g, 2)
			waiting, posted := f.delivery(g, a, now), f.posting(g, a, "l")
			other, _, _ := f.Approve(personOf(g), f.AnyClient(library.Write))
			kept := f.account(other, 1)
			_, theirs := f.sender()

			e := anyEvent(g.Library)
			e.At, e.Kind = later(time.Minute), library.EventStopped
			must(t, end(f, g, e))
			f.wantNoConnection(t, "account", a)
			f.wantNoConnection(t, "second account", second)
			if got := f.stored(waiting); got.State != delivery.Expired || got.Payload != nil {
				t.Errorf("what waited is %s", got.State)
			}
			same(t, "what is being posted", f.stored(posted), posted)
			wantErr(t, "delivery", f.AddDelivery(ctx, anyDelivery(g, a, now), NoLimit), library.ErrNotFound)
			if name != "library shut" {
				same(t, "account of another grant", value(f.GetConnection(ctx, g.Library, kept.ID, true))(t), kept)
			}
			same(t, "account of somebody else", value(f.GetConnection(ctx, theirs.Library, theirs.ID, true))(t), theirs)
			f.wantEndedEvents(t, a, second)
			same(t, "newest event", f.NewestEvent(g.Library).Kind, library.EventStopped)
		}})
	}
	runEach(t, open, tests)
}

// wantEndedEvents checks that the activity says of each account once that it has ended.
func (f *fixture) wantEndedEvents(t *testing.T, accounts ...delivery.Connection) {
	t.Helper()
	ended := map[wire.AccountID][]string{}
	for _, e := range f.Events(accounts[0].Library) {
		if e.Kind == library.EventAccountEnded {
			ended[e.Details.Account] = append(ended[e.Details.Account], e.Details.Provider)
		}
	}
	for _, a := range accounts {
		same(t, "providers of the events", ended[a.ID], []string{a.Source.Name})
	}
}

// Of a stop and an answer at once, whichever comes first: no account stands without its grant.
func testRevokeAtOnce(t *testing.T, f *fixture) {
	p, c := f.AnyPerson(), f.AnyClient(library.Write)
	for range 10 {
		g, _, _ := f.Approve(p, c)
		a, l := f.connect(g, 1)
		race(2, func(i int) error {
			if i == 0 {
				return f.RevokeGrant(ctx, p.ID, g.ID, now, anyEvent(p.ID))
			}
			return f.CloseAuthRequest(ctx, l.Hash, now, library.Answer{}, g.ID, nil)
		})
		if got, err := f.GetConnection(ctx, p.ID, a.ID, true); err == nil {
			t.Errorf("an account of grant %s stands after that was revoked", got.Grant)
		}
	}
}

// testTokensLeft tests that the tokens of an account that ends are kept to be revoked, whatever ends it.
func testTokensLeft(t *testing.T, open func(t *testing.T) Store) {
	var tests []storeTest
	for name, end := range map[string]func(f *fixture, g library.Grant, a delivery.Connection) error{
		"disconnected": func(f *fixture, g library.Grant, a delivery.Connection) error {
			return f.Disconnect(ctx, g.Library, "", a.ID, now, "", anyEvent(g.Library))
		},
		"grant revoked": func(f *fixture, g library.Grant, _ delivery.Connection) error {
			return f.RevokeGrant(ctx, g.Library, g.ID, now, anyEvent(g.Library))
		},
		"application revoked": func(f *fixture, g library.Grant, _ delivery.Connection) error {
			return f.RevokeApplication(ctx, g.Library, g.Application, time.Time{}, anyEvent(g.Library))
		},
		"library shut": func(f *fixture, g library.Grant, _ delivery.Connection) error {
			return f.ShutLibrary(ctx, g.Library, later(time.Hour), "", anyEvent(g.Library))
		},
		"library deleted": func(f *fixture, g library.Grant, _ delivery.Connection) error {
			return f.DeleteLibrary(ctx, g.Library, now)
		},
	} {
		tests = append(tests, storeTest{name, func(t *testing.T, f *fixture) {
			g, a := f.sender()
			must(t, f.StoreTokens(ctx, a.ID, a.AccessVersion, []byte("the newest"), time.Time{}, now))
			must(t, end(f, g, a))
			got := value(f.ClaimTokenRevocations(ctx, now, later(time.Minute), 10))(t)
			same(t, "revocations", got, []delivery.Connection{{
				ID: a.ID, Library: a.Library, Application: a.Application, Source: a.Source,
				Access: []byte("the newest"), UpdatedAt: now,
			}})
		}})
	}
	runEach(t, open, tests)
}

func testPendingTokensLeft(t *testing.T, open func(t *testing.T) Store) {
	var tests []storeTest
	for name, end := range map[string]func(f *fixture, g library.Grant, l library.AuthRequest) error{
		"denied": func(f *fixture, _ library.Grant, l library.AuthRequest) error {
			return f.Deny(ctx, l.Hash, now, library.Answer{}, library.Event{})
		},
		"closed without a grant": func(f *fixture, _ library.Grant, l library.AuthRequest) error {
			return f.CloseAuthRequest(ctx, l.Hash, now, library.Answer{}, "", nil)
		},
		"replaced": func(f *fixture, g library.Grant, l library.AuthRequest) error {
			_, err := f.Connect(ctx, l.Hash, "", anyAccount(g.Library, g.Application, 2, now), anyEvent(g.Library))
			return err
		},
		"application revoked": func(f *fixture, g library.Grant, _ library.AuthRequest) error {
			return f.RevokeApplication(ctx, g.Library, g.Application, time.Time{}, anyEvent(g.Library))
		},
		"swept": func(f *fixture, _ library.Grant, _ library.AuthRequest) error {
			return f.Sweep(ctx, later(24*time.Hour+time.Millisecond), 24*time.Hour)
		},
	} {
		tests = append(tests, storeTest{name, func(t *testing.T, f *fixture) {
			g, _, _ := f.Approve(f.AnyPerson(), f.AnyClient(library.Write))
			a, l := f.connect(g, 1)
			must(t, end(f, g, l))
			got := value(f.ClaimTokenRevocations(ctx, later(48*time.Hour), later(48*time.Hour), 10))(t)
			if len(got) != 1 || got[0].ID != a.ID || string(got[0].Access) != string(a.Access) {
				t.Errorf("revocations %+v", got)
			}
		}})
	}
	runEach(t, open, tests)
}

func testNoTokensLeft(t *testing.T, f *fixture) {
	g, ended := f.sender()
	must(t, f.EndAccess(ctx, ended.ID, ended.AccessVersion, now, left, anyEvent(g.Library)))
	must(t, f.RevokeGrant(ctx, g.Library, g.ID, now, anyEvent(g.Library)))
	same(t, "revocations", len(value(f.ClaimTokenRevocations(ctx, now, later(time.Minute), 10))(t)), 0)
}

func testClaimTokenRevocations(t *testing.T, f *fixture) {
	g, _ := f.sender()
	claim := func(at time.Time, limit int) []delivery.Connection {
		t.Helper()
		return value(f.ClaimTokenRevocations(ctx, at, at.Add(time.Minute), limit))(t)
	}
	for i := range 3 {
		must(t, f.AddTokenRevocation(ctx, anyAccount(g.Library, g.Application, i, now), now))
	}
	claimed := make([]int, 8)
	for _, err := range race(len(claimed), func(i int) error {
		list, err := f.ClaimTokenRevocations(ctx, now, later(time.Minute), 2)
		claimed[i] = len(list)
		return err
	}) {
		must(t, err)
	}
	total := len(claim(now, 10))
	for _, n := range claimed {
		total += n
	}
	same(t, "claimed by many at once", total, 3)
	same(t, "claimed again at once", len(claim(later(time.Minute-time.Millisecond), 10)), 0)
	again := claim(later(time.Minute), 10)
	same(t, "claimed again later", len(again), 3)
	must(t, f.DeleteTokenRevocation(ctx, again[0].ID))
	must(t, f.DeleteTokenRevocation(ctx, again[0].ID))
	same(t, "left", len(claim(later(time.Hour), 10)), 2)
	must(t, f.Sweep(ctx, later(24*time.Hour), time.Hour))
	same(t, "after a day", len(claim(later(25*time.Hour), 10)), 0)
}

func testListUngranted(t *testing.T, f *fixture) {
	g, a := f.sender()
	f.connect(g, 2) // pending
	same(t, "a moment before", len(value(f.ListUngranted(ctx, g.ExpiresAt.Add(-time.Millisecond), 10))(t)), 0)
	same(t, "then", value(f.ListUngranted(ctx, g.ExpiresAt, 10))(t), []delivery.Connection{a})
	same(t, "none", len(value(f.ListUngranted(ctx, g.ExpiresAt, 0))(t)), 0)
}
