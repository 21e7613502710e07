package deliverytest

import (
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// testEndWithGrant tests that whatever ends a grant ends its accounts, and no others.
func testEndWithGrant(open func(t *testing.T) Store) func(t *testing.T) {
	return func(t *testing.T) {
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
			f := newFixture(t, open)
			g, a := f.sender()
			second := f.account(g, 2)
			waiting, posted := f.delivery(g, a, now), f.posting(g, a, "l")
			other, _, _ := f.Approve(personOf(g), f.AnyClient(library.Write))
			kept := f.account(other, 1)
			_, theirs := f.sender()

			e := anyEvent(g.Library)
			e.At, e.Kind = later(time.Minute), library.EventStopped
			must(t, end(f, g, e))
			for _, gone := range []delivery.Connection{a, second} {
				_, err := f.GetConnection(ctx, g.Library, gone.ID, false)
				wantErr(t, name+": account", err, library.ErrNotFound)
			}
			if got := f.stored(waiting); got.State != delivery.Expired || got.Payload != nil {
				t.Errorf("%s: what waited is %s", name, got.State)
			}
			same(t, name+": what is being posted", f.stored(posted), posted)
			wantErr(t, name+": delivery", f.AddDelivery(ctx, anyDelivery(g, a, now), NoLimit), library.ErrNotFound)
			if name != "library shut" {
				still := value(f.GetConnection(ctx, g.Library, kept.ID, true))(t)
				same(t, name+": account of another grant", still, kept)
			}
			still := value(f.GetConnection(ctx, theirs.Library, theirs.ID, true))(t)
			same(t, name+": account of somebody else", still, theirs)
			ended := 0
			for _, e := range f.Events(g.Library) {
				about := e.Details.Account
				if e.Kind == library.EventAccountEnded && (about == a.ID || about == second.ID) {
					ended++
					same(t, name+": provider of the event", e.Details.Provider, a.Source.Name)
				}
			}
			same(t, name+": events of accounts", ended, 2)
			same(t, name+": newest event", f.NewestEvent(g.Library).Kind, library.EventStopped)
		}
		// Of a stop and an answer at once, whichever comes first: no account stands without its grant.
		f := newFixture(t, open)
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
}

// testTokenRevocations tests that the tokens of an account that ends are kept to be revoked, whatever ends it.
func testTokenRevocations(open func(t *testing.T) Store) func(t *testing.T) {
	return func(t *testing.T) {
		event := func(g library.Grant) library.Event { return anyEvent(g.Library) }
		for name, end := range map[string]func(f *fixture, g library.Grant, a delivery.Connection) error{
			"disconnected": func(f *fixture, g library.Grant, a delivery.Connection) error {
				return f.Disconnect(ctx, g.Library, "", a.ID, now, "", event(g))
			},
			"grant revoked": func(f *fixture, g library.Grant, _ delivery.Connection) error {
				return f.RevokeGrant(ctx, g.Library, g.ID, now, event(g))
			},
			"application revoked": func(f *fixture, g library.Grant, _ delivery.Connection) error {
				return f.RevokeApplication(ctx, g.Library, g.Application, time.Time{}, event(g))
			},
			"library shut": func(f *fixture, g library.Grant, _ delivery.Connection) error {
				return f.ShutLibrary(ctx, g.Library, later(time.Hour), "", event(g))
			},
			"library deleted": func(f *fixture, g library.Grant, _ delivery.Connection) error {
				return f.DeleteLibrary(ctx, g.Library, now)
			},
		} {
			f := newFixture(t, open)
			g, a := f.sender()
			must(t, f.StoreTokens(ctx, a.ID, a.AccessVersion, []byte("the newest"), time.Time{}, now))
			must(t, end(f, g, a))
			got := value(f.ClaimTokenRevocations(ctx, now, later(time.Minute), 10))(t)
			same(t, name, got, []delivery.Connection{{
				ID: a.ID, Library: a.Library, Application: a.Application, Source: a.Source,
				Access: []byte("the newest"), UpdatedAt: now,
			}})
		}
		pending := map[string]func(f *fixture, g library.Grant, l library.AuthRequest) error{
			"denied": func(f *fixture, _ library.Grant, l library.AuthRequest) error {
				return f.Deny(ctx, l.Hash, now, library.Answer{}, library.Event{})
			},
			"closed without a grant": func(f *fixture, _ library.Grant, l library.AuthRequest) error {
				return f.CloseAuthRequest(ctx, l.Hash, now, library.Answer{}, "", nil)
			},
			"replaced": func(f *fixture, g library.Grant, l library.AuthRequest) error {
				_, err := f.Connect(ctx, l.Hash, "", anyAccount(g.Library, g.Application, 2, now), event(g))
				return err
			},
			"application revoked": func(f *fixture, g library.Grant, _ library.AuthRequest) error {
				return f.RevokeApplication(ctx, g.Library, g.Application, time.Time{}, event(g))
			},
			"swept": func(f *fixture, _ library.Grant, l library.AuthRequest) error {
				return f.Sweep(ctx, later(24*time.Hour+time.Millisecond), 24*time.Hour)
			},
		}
		for name, end := range pending {
			f := newFixture(t, open)
			g, _, _ := f.Approve(f.AnyPerson(), f.AnyClient(library.Write))
			a, l := f.connect(g, 1)
			must(t, end(f, g, l))
			got := value(f.ClaimTokenRevocations(ctx, later(48*time.Hour), later(48*time.Hour), 10))(t)
			if len(got) != 1 || got[0].ID != a.ID || string(got[0].Access) != string(a.Access) {
				t.Errorf("pending, %s: %+v", name, got)
			}
		}

		f := newFixture(t, open)
		g, ended := f.sender()
		must(t, f.EndAccess(ctx, ended.ID, ended.AccessVersion, now, event(g)))
		must(t, f.RevokeGrant(ctx, g.Library, g.ID, now, event(g)))
		claim := func(at time.Time, limit int) []delivery.Connection {
			t.Helper()
			return value(f.ClaimTokenRevocations(ctx, at, at.Add(time.Minute), limit))(t)
		}
		same(t, "of an account without tokens", len(claim(now, 10)), 0)
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
}
