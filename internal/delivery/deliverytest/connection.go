package deliverytest

import (
	"errors"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/library/librarytest"
	"github.com/carrelhq/carrel/internal/seal"
)

// TestConnections tests how a delivery.ConnectionStore connects and disconnects accounts.
func TestConnections(t *testing.T, open func(t *testing.T) Store) {
	runEach(t, open, []storeTest{
		{"are kept as they are given", testConnectionKept},
		{"stand in the request, in place of the one before", testConnectionInRequest},
		{"are connected once for a request, to fetch from", testConnectTwice},
		{"are connected again", testConnectAgain},
		{"are connected again only where they are", testConnectAgainElsewhere},
		{"are one for each grant and source", testOneConnection},
		{"become one if they are allowed for one grant and source", testAllowAtOnce},
		{"are refused to what is shut, gone or answered", testConnectRefused},
		{"are nobody's while they are pending", testPendingConnection},
		{"stand once the request is allowed", testAllowConnection},
		{"are not allowed by somebody else", testAllowForeignConnection},
		{"stand once the request is closed", testCloseRequest},
		{"go when the request is closed without a grant", testCloseWithoutGrant},
		{"go when the request is denied", testDenyConnection},
		{"stay as they are when a request about them is answered", testRequestAbout},
		{"go when the request is denied at once", testDenyAtOnce},
		{"are shown to nobody else", testForeignConnection},
		{"are listed oldest first", testListConnections},
		{"are disconnected with what waits", testDisconnect},
		{"are disconnected once", testDisconnectOnce},
		{"have nothing waiting for them once they are gone", testDisconnectAtOnce},
		{"go with their library", testDeletedConnections},
	})
}

func testConnectionKept(t *testing.T, f *fixture) {
	p, c := f.AnyPerson(), f.AnyClient(library.Write)
	l, _ := f.AnyRequest(c)
	a := anyAccount(p.ID, c.Application.ID, 1, now)
	a.AccessUntil, a.LastUsedAt = later(time.Hour), later(time.Minute)
	got, err := f.Connect(ctx, l.Hash, "", a, connectedEvent(p.ID, now))
	must(t, err)
	same(t, "connected", got, a)
	same(t, "account", value(f.GetConnection(ctx, p.ID, a.ID, false))(t), a)
	same(t, "account of the request", value(f.GetAuthRequest(ctx, l.Hash))(t).Account, a.ID)
	e := f.NewestEvent(p.ID)
	same(t, "kind of event", e.Kind, library.EventConnected)
	same(t, "details of event", e.Details, library.EventDetails{Provider: "Linde", Account: a.ID})

	empty := delivery.Connection{ID: "empty", Library: p.ID, Application: "a"}
	got, err = f.Connect(ctx, l.Hash, "", empty, connectedEvent(p.ID, now))
	must(t, err)
	same(t, "empty account", got, empty)
	same(t, "empty account", value(f.GetConnection(ctx, p.ID, "empty", true))(t), empty)
}

func testConnectionInRequest(t *testing.T, f *fixture) {
	g, _, _ := f.Approve(f.AnyPerson(), f.AnyClient(library.Write))
	first, l := f.connect(g, 1)
	second, err := f.Connect(ctx, l.Hash, "", anyAccount(g.Library, g.Application, 2, now),
		connectedEvent(g.Library, now))
	must(t, err)
	same(t, "account of the request", value(f.GetAuthRequest(ctx, l.Hash))(t).Account, second.ID)
	_, err = f.GetConnection(ctx, g.Library, first.ID, false)
	wantErr(t, "the first, which nobody allowed", err, library.ErrNotFound)
	given := library.AuthRequest{Hash: anyHash(), Account: "420_given"}
	must(t, f.AddAuthRequest(ctx, given, library.Session{}))
	same(t, "request added with an account", value(f.GetAuthRequest(ctx, given.Hash))(t), given)
}

// Also if both come at once, or if the contract has the account already.
func testConnectTwice(t *testing.T, f *fixture) {
	p, c := f.AnyPerson(), f.AnyClient(library.Read)
	f.Approve(p, c)
	sample := func(source int, set string) delivery.Connection {
		a := anyAccount(p.ID, c.Application.ID, source, now)
		a.Source.SampleData, a.Source.SampleSet = "medical", set
		return a
	}
	for range 2 { // the account is new, then it is renewed
		l, _ := f.AnyRequest(c)
		connected := make([]delivery.Connection, 8)
		events := len(value(f.ListEvents(ctx, p.ID, 0, 100))(t))
		for _, err := range race(len(connected), func(i int) (err error) {
			connected[i], err = f.Connect(ctx, l.Hash, "", sample(1, "default"), connectedEvent(p.ID, now))
			return err
		}) {
			must(t, err)
		}
		for _, other := range connected {
			same(t, "account of another press", other, connected[0])
		}
		same(t, "events", len(value(f.ListEvents(ctx, p.ID, 0, 100))(t)), events+1)
		yes := librarytest.NewApproval(p, c, l, now)
		yes.Connection = connected[0].ID
		_, _, err := f.Allow(ctx, yes)
		must(t, err)
		same(t, "accounts", len(value(f.ListConnections(ctx, p.ID, ""))(t)), 1)
	}
	l, _ := f.AnyRequest(c)
	first := value(f.Connect(ctx, l.Hash, "", sample(2, "default"), connectedEvent(p.ID, now)))(t)
	second := value(f.Connect(ctx, l.Hash, "", sample(2, "other"), connectedEvent(p.ID, now)))(t)
	if second.ID == first.ID {
		t.Error("another set of sample data is no other account")
	}
}

// By a request of the contract for the same source, and by a request of another contract that names it.
func testConnectAgain(t *testing.T, f *fixture) {
	g, _, _ := f.Approve(f.AnyPerson(), f.AnyClient(library.Write))
	other, _, _ := f.Approve(personOf(g), f.AnyClient(library.Write))
	for _, named := range []bool{false, true} {
		old := f.account(g, 1)
		must(t, f.EndAccess(ctx, old.ID, old.AccessVersion, now, left, anyEvent(g.Library)))
		old = value(f.GetConnection(ctx, g.Library, old.ID, false))(t)

		by, again := g, wire.AccountID("")
		if named {
			by, again = other, old.ID
		}
		l, _ := f.AnyRequest(value(f.GetClient(ctx, librarytest.ClientOf(by)))(t))
		a := anyAccount(g.Library, g.Application, 1, later(time.Hour))
		a.Source.Name, a.AccessUntil, a.AccessVersion = "Renamed", later(2*time.Hour), 40
		got, err := f.Connect(ctx, l.Hash, again, a, connectedEvent(g.Library, later(time.Hour)))
		must(t, err)
		want := old
		want.Access, want.AccessUntil, want.Correlation = a.Access, a.AccessUntil, a.Correlation
		want.Source, want.UpdatedAt, want.EndedAt = a.Source, a.UpdatedAt, time.Time{}
		want.AccessVersion++
		same(t, "connected again", got, want)
		same(t, "account", value(f.GetConnection(ctx, g.Library, old.ID, true))(t), want)
		same(t, "account of the request", value(f.GetAuthRequest(ctx, l.Hash))(t).Account, old.ID)
		same(t, "account of the event", f.NewestEvent(g.Library).Details.Account, old.ID)
		_, err = f.GetConnection(ctx, g.Library, a.ID, false)
		wantErr(t, "account under the new id", err, library.ErrNotFound)
		must(t, f.CloseAuthRequest(ctx, l.Hash, now, library.Answer{}, by.ID, nil))
		same(t, "account once more", value(f.GetConnection(ctx, g.Library, old.ID, true))(t), want)
	}
}

func testConnectAgainElsewhere(t *testing.T, f *fixture) {
	g, a := f.sender()
	theirs, _, _ := f.Approve(f.AnyPerson(), f.AnyClient(library.Write))
	for what, c := range map[string]delivery.Connection{
		"another library's":     anyAccount(theirs.Library, g.Application, 1, now),
		"another application's": anyAccount(g.Library, theirs.Application, 1, now),
		"another source's":      anyAccount(g.Library, g.Application, 2, now),
	} {
		l, _ := f.AnyRequest(value(f.GetClient(ctx, librarytest.ClientOf(g)))(t))
		_, err := f.Connect(ctx, l.Hash, a.ID, c, connectedEvent(c.Library, now))
		wantErr(t, what, err, library.ErrNotFound)
	}
	l, _ := f.AnyRequest(value(f.GetClient(ctx, librarytest.ClientOf(g)))(t))
	must(t, f.Disconnect(ctx, g.Library, "", a.ID, now, "", anyEvent(g.Library)))
	_, err := f.Connect(ctx, l.Hash, a.ID, anyAccount(g.Library, g.Application, 1, now), anyEvent(g.Library))
	wantErr(t, "one that has gone", err, library.ErrNotFound)
}

func testOneConnection(t *testing.T, f *fixture) {
	p, c := f.AnyPerson(), f.AnyClient(library.Write)
	g, _, _ := f.Approve(p, c)
	one := f.account(g, 1)
	other, _, _ := f.Approve(p, f.AnyContract(c.Application, library.Write))
	expired, _, _ := f.Approve(p, f.AnyContract(c.Application, library.Write))
	f.account(expired, 1)
	for _, its := range []library.Grant{g, other} {
		source := 2
		if its.ID == other.ID {
			source = 1
		}
		another := f.account(its, source)
		if another.ID == one.ID || another.Grant != its.ID {
			t.Errorf("account %s of grant %s", another.ID, another.Grant)
		}
	}
	// A grant that has ended has no account to connect again.
	l, _ := f.AnyRequest(value(f.GetClient(ctx, librarytest.ClientOf(expired)))(t))
	a := anyAccount(p.ID, c.Application.ID, 1, expired.ExpiresAt)
	got, err := f.Connect(ctx, l.Hash, "", a, connectedEvent(p.ID, now))
	must(t, err)
	same(t, "account after the grant has expired", got, a)

	taken := anyAccount(p.ID, c.Application.ID, 3, now)
	taken.ID = one.ID
	l, _ = f.AnyRequest(c)
	_, err = f.Connect(ctx, l.Hash, "", taken, connectedEvent(p.ID, now))
	wantErr(t, "id that is taken", err, library.ErrExists)
	same(t, "one", value(f.GetConnection(ctx, p.ID, one.ID, true))(t), one)
}

func testAllowAtOnce(t *testing.T, f *fixture) {
	p, c := f.AnyPerson(), f.AnyClient(library.Write)
	f.Approve(p, c)
	requests, connected := make([]library.AuthRequest, 8), make([]delivery.Connection, 8)
	for i := range requests {
		requests[i], _ = f.AnyRequest(c)
		connected[i] = value(f.Connect(ctx, requests[i].Hash, "", anyAccount(p.ID, c.Application.ID, 9, now),
			connectedEvent(p.ID, now)))(t)
	}
	for _, err := range race(len(requests), func(i int) error {
		yes := librarytest.NewApproval(p, c, requests[i], now)
		yes.Connection = connected[i].ID
		_, _, err := f.Allow(ctx, yes)
		return err
	}) {
		must(t, err)
	}
	list := value(f.ListConnections(ctx, p.ID, ""))(t)
	same(t, "accounts", len(list), 1)
	same(t, "version", list[0].AccessVersion, connected[0].AccessVersion+7)
	for i, r := range requests {
		same(t, "account of the request", value(f.GetAuthRequest(ctx, r.Hash))(t).Account, list[0].ID)
		if connected[i].ID != list[0].ID {
			f.wantNoConnection(t, "the other", connected[i])
		}
	}
	// None of the tokens is revoked: they are the account's.
	same(t, "revocations", len(value(f.ClaimTokenRevocations(ctx, later(time.Hour), later(time.Hour), 100))(t)), 0)
	f.Events(p.ID)
}

func testConnectRefused(t *testing.T, f *fixture) {
	c := f.AnyClient(library.Write)
	refused := func(what string, p librarytest.Person, link seal.Hash) {
		t.Helper()
		a := anyAccount(p.ID, c.Application.ID, 1, now)
		events := len(value(f.ListEvents(ctx, p.ID, 0, 100))(t))
		_, err := f.Connect(ctx, link, "", a, connectedEvent(p.ID, now))
		wantErr(t, what, err, library.ErrNotFound)
		_, err = f.GetConnection(ctx, p.ID, a.ID, false)
		wantErr(t, what+": account", err, library.ErrNotFound)
		same(t, what+": events", len(value(f.ListEvents(ctx, p.ID, 0, 100))(t)), events)
	}
	p := f.AnyPerson()
	refused("unknown request", p, anyHash())
	_, allowed, _ := f.Approve(p, c)
	refused("allowed request", p, allowed.Request)
	denied, _ := f.AnyRequest(c)
	must(t, f.Deny(ctx, denied.Hash, now, library.Answer{}, library.Event{}))
	refused("denied request", p, denied.Hash)
	closed, _ := f.AnyRequest(c)
	must(t, f.CloseAuthRequest(ctx, closed.Hash, now, library.Answer{}, "", nil))
	refused("closed request", p, closed.Hash)
	answered := value(f.GetAuthRequest(ctx, closed.Hash))(t)
	same(t, "account of the closed request", answered.Account, wire.AccountID(""))

	l, _ := f.AnyRequest(c)
	must(t, f.ShutLibrary(ctx, p.ID, later(time.Hour), "", anyEvent(p.ID)))
	refused("shut library", p, l.Hash)
	must(t, f.DeleteLibrary(ctx, p.ID, now))
	refused("deleted library", p, l.Hash)
	same(t, "account of the request", value(f.GetAuthRequest(ctx, l.Hash))(t).Account, wire.AccountID(""))
}

func testPendingConnection(t *testing.T, f *fixture) {
	g, _, _ := f.Approve(f.AnyPerson(), f.AnyClient(library.Write))
	a, _ := f.connect(g, 1)
	_, err := f.GetConnection(ctx, g.Library, a.ID, true)
	wantErr(t, "standing account", err, library.ErrNotFound)
	same(t, "pending account", value(f.GetConnection(ctx, g.Library, a.ID, false))(t), a)
	same(t, "accounts", len(value(f.ListConnections(ctx, g.Library, ""))(t)), 0)
	same(t, "accounts of the application", len(value(f.ListConnections(ctx, g.Library, g.Application))(t)), 0)
	wantErr(t, "delivery", f.AddDelivery(ctx, anyDelivery(g, a, now), NoLimit), library.ErrNotFound)
}

func testForeignConnection(t *testing.T, f *fixture) {
	g, a := f.sender()
	other, _, _ := f.Approve(f.AnyPerson(), f.AnyClient(library.Write))
	for _, place := range []struct {
		library library.ID
		account wire.AccountID
	}{{other.Library, a.ID}, {g.Library, "none"}, {"%", "%"}, {g.Library, "\x00\xff"}} {
		for _, standing := range []bool{true, false} {
			_, err := f.GetConnection(ctx, place.library, place.account, standing)
			wantErr(t, "account", err, library.ErrNotFound)
		}
	}
	same(t, "accounts", len(value(f.ListConnections(ctx, other.Library, ""))(t)), 0)
	e := anyEvent(other.Library)
	wantErr(t, "disconnect for another library", f.Disconnect(ctx, other.Library, "", a.ID, now, "", e),
		library.ErrNotFound)
	e.Library = g.Library
	wantErr(t, "disconnect for another application",
		f.Disconnect(ctx, g.Library, other.Application, a.ID, now, "", e), library.ErrNotFound)
	same(t, "account", value(f.GetConnection(ctx, g.Library, a.ID, true))(t), a)
	same(t, "events", len(f.Events(other.Library)), 2)
	same(t, "events", len(f.Events(g.Library)), 3)
}

func testListConnections(t *testing.T, f *fixture) {
	p, c := f.AnyPerson(), f.AnyClient(library.Write)
	g, _, _ := f.Approve(p, c)
	var want []delivery.Connection
	for i, id := range []wire.AccountID{"z", "B", "a"} {
		a := anyAccount(p.ID, c.Application.ID, i, later(time.Millisecond))
		if a.ID = id; id == "z" {
			a.CreatedAt = now
		}
		l, _ := f.AnyRequest(c)
		_, err := f.Connect(ctx, l.Hash, "", a, connectedEvent(p.ID, now))
		must(t, err)
		must(t, f.CloseAuthRequest(ctx, l.Hash, now, library.Answer{}, g.ID, nil))
		a.Pending, a.Grant = false, g.ID
		want = append(want, a)
	}
	f.connect(g, 99) // pending
	og, _, _ := f.Approve(p, f.AnyClient(library.Write))
	theirs := f.account(og, 1)
	f.sender()
	same(t, "of the application", value(f.ListConnections(ctx, p.ID, c.Application.ID))(t), want)
	same(t, "of another", value(f.ListConnections(ctx, p.ID, og.Application))(t), []delivery.Connection{theirs})
	same(t, "of all", len(value(f.ListConnections(ctx, p.ID, ""))(t)), 4)
	same(t, "of none", len(value(f.ListConnections(ctx, p.ID, "none"))(t)), 0)
	same(t, "of no library", len(value(f.ListConnections(ctx, "none", ""))(t)), 0)
}

func testDeletedConnections(t *testing.T, f *fixture) {
	g, a := f.sender()
	pending, l := f.connect(g, 2)
	d := f.delivery(g, a, now)
	authorization := delivery.Authorization{State: anyHash(), Library: g.Library}
	must(t, f.AddAuthorization(ctx, authorization))
	og, oa := f.sender()
	od := f.delivery(og, oa, now)
	must(t, f.DeleteLibrary(ctx, g.Library, now))
	for _, id := range []wire.AccountID{a.ID, pending.ID} {
		_, err := f.GetConnection(ctx, g.Library, id, false)
		wantErr(t, "account", err, library.ErrNotFound)
	}
	_, err := f.GetDelivery(ctx, g.Library, d.ID)
	wantErr(t, "delivery", err, library.ErrNotFound)
	_, err = f.GetAuthorization(ctx, authorization.State)
	wantErr(t, "authorization", err, library.ErrNotFound)
	_, err = f.GetAuthRequest(ctx, l.Hash)
	wantErr(t, "request with an account of it", err, library.ErrNotFound)
	same(t, "delivery of another library", f.stored(od), od)
}

// wantStanding checks that an account stands and is the grant's, and has not changed otherwise.
func (f *fixture) wantStanding(t *testing.T, a delivery.Connection, g library.Grant) {
	t.Helper()
	a.Pending, a.Grant = false, g.ID
	same(t, "account", value(f.GetConnection(ctx, a.Library, a.ID, true))(t), a)
}

// wantNoConnection checks that an account is not there.
func (f *fixture) wantNoConnection(t *testing.T, what string, a delivery.Connection) {
	t.Helper()
	_, err := f.GetConnection(ctx, a.Library, a.ID, false)
	wantErr(t, what, err, library.ErrNotFound)
}

func testAllowConnection(t *testing.T, f *fixture) {
	p, c := f.AnyPerson(), f.AnyClient(library.Write)
	g, _, _ := f.Approve(p, c)
	allowed, l := f.connect(g, 1)
	yes := librarytest.NewApproval(p, c, l, now)
	yes.Connection = "1_another"
	_, _, err := f.Allow(ctx, yes)
	wantErr(t, "an answer about another account", err, library.ErrConnectionChanged)
	yes.Connection = allowed.ID
	_, _, err = f.Allow(ctx, yes)
	must(t, err)
	f.wantStanding(t, allowed, g)
}

func testAllowForeignConnection(t *testing.T, f *fixture) {
	c := f.AnyClient(library.Write)
	g, _, _ := f.Approve(f.AnyPerson(), c)
	theirs, l := f.connect(g, 2)
	yes := librarytest.NewApproval(f.AnyPerson(), c, l, now)
	yes.Connection = theirs.ID
	_, _, err := f.Allow(ctx, yes)
	wantErr(t, "the yes of somebody else", err, library.ErrConnectionChanged)
	same(t, "account after the yes of somebody else",
		value(f.GetConnection(ctx, g.Library, theirs.ID, false))(t), theirs)
}

func testCloseRequest(t *testing.T, f *fixture) {
	g, _, _ := f.Approve(f.AnyPerson(), f.AnyClient(library.Write))
	closed, l := f.connect(g, 3)
	must(t, f.CloseAuthRequest(ctx, l.Hash, now, library.Answer{}, g.ID, anySeal()))
	f.wantStanding(t, closed, g)
}

func testCloseWithoutGrant(t *testing.T, f *fixture) {
	g, _, _ := f.Approve(f.AnyPerson(), f.AnyClient(library.Write))
	lost, l := f.connect(g, 2)
	must(t, f.CloseAuthRequest(ctx, l.Hash, now, library.Answer{}, "", nil))
	f.wantNoConnection(t, "account that no grant has", lost)
}

func testDenyConnection(t *testing.T, f *fixture) {
	g, standing := f.sender()
	denied, l := f.connect(g, 2)
	must(t, f.Deny(ctx, l.Hash, now, library.Answer{}, anyEvent(g.Library)))
	f.wantNoConnection(t, "denied account", denied)

	again, l := f.connect(g, 1) // that one stands
	same(t, "account", again.ID, standing.ID)
	must(t, f.Deny(ctx, l.Hash, now, library.Answer{}, library.Event{}))
	f.wantStanding(t, again, g)
	err := f.CloseAuthRequest(ctx, l.Hash, now, library.Answer{}, "", nil)
	wantErr(t, "close what was denied", err, library.ErrUsed)
}

// A request may be about an account that stands, or has gone meanwhile.
func testRequestAbout(t *testing.T, f *fixture) {
	g, standing := f.sender()
	gone, l := f.connect(g, 2)
	must(t, f.Deny(ctx, l.Hash, now, library.Answer{}, library.Event{}))

	about := library.AuthRequest{Hash: anyHash(), Library: g.Library, Account: standing.ID}
	must(t, f.AddAuthRequest(ctx, about, library.Session{}))
	must(t, f.Deny(ctx, about.Hash, now, library.Answer{}, library.Event{}))
	f.wantStanding(t, standing, g)

	about.Hash, about.Account = anyHash(), gone.ID
	must(t, f.AddAuthRequest(ctx, about, library.Session{}))
	must(t, f.CloseAuthRequest(ctx, about.Hash, now, library.Answer{}, "", nil))
	f.wantNoConnection(t, "account that was gone", gone)
}

func testDenyAtOnce(t *testing.T, f *fixture) {
	p, c := f.AnyPerson(), f.AnyClient(library.Write)
	for range 10 {
		l, _ := f.AnyRequest(c)
		race(2, func(i int) error {
			if i == 0 {
				return f.Deny(ctx, l.Hash, now, library.Answer{}, library.Event{})
			}
			_, err := f.Connect(ctx, l.Hash, "", anyAccount(p.ID, c.Application.ID, 6, now), connectedEvent(p.ID, now))
			return err
		})
		id := value(f.GetAuthRequest(ctx, l.Hash))(t).Account
		if _, err := f.GetConnection(ctx, p.ID, id, false); !errors.Is(err, library.ErrNotFound) {
			t.Errorf("after a no, the account %q of the request is there: %v", id, err)
		}
	}
}

func testDisconnect(t *testing.T, f *fixture) {
	g, a := f.sender()
	kept := f.account(g, 2)
	waiting, held, posted, elsewhere := f.delivery(g, a, now), f.claimed(g, a, "l"), f.posting(g, a,
		"l"), f.delivery(g, kept, now)
	done := f.posting(g, a, "l")
	done.State, done.UpdatedAt = delivery.Delivered, now
	must(t, f.EndDelivery(ctx, done, sentEvent(done, library.EventSentAccepted)))
	done = f.stored(done)
	events := len(f.Events(g.Library))

	e := anyEvent(g.Library)
	e.Kind = library.EventDisconnected
	must(t, f.Disconnect(ctx, g.Library, g.Application, a.ID, later(time.Minute), "it was disconnected", e))
	_, err := f.GetConnection(ctx, g.Library, a.ID, false)
	wantErr(t, "account", err, library.ErrNotFound)
	for _, d := range []delivery.Delivery{waiting, held} {
		same(t, "what waited", f.stored(d), calledOff(d, "it was disconnected", later(time.Minute)))
	}
	same(t, "what is being posted", f.stored(posted), posted)
	same(t, "what had ended", f.stored(done), done)
	same(t, "what waits elsewhere", f.stored(elsewhere), elsewhere)
	same(t, "number of events", len(f.Events(g.Library)), events+1)
	same(t, "kind of event", f.NewestEvent(g.Library).Kind, library.EventDisconnected)

	posted.State, posted.UpdatedAt = delivery.Unknown, later(time.Hour)
	must(t, f.EndDelivery(ctx, posted, sentEvent(posted, library.EventSentUnknown)))
	wantErr(t, "delivery", f.AddDelivery(ctx, anyDelivery(g, a, now), NoLimit), library.ErrNotFound)
	wantErr(t, "again", f.Disconnect(ctx, g.Library, "", a.ID, now, "", e), library.ErrNotFound)
	e.Library = "none"
	wantErr(t, "event of no library", f.Disconnect(ctx, g.Library, "", kept.ID, now, "", e), library.ErrNotFound)
}

func testDisconnectOnce(t *testing.T, f *fixture) {
	g, a := f.sender()
	oneWins(t, "disconnect", race(16, func(int) error {
		return f.Disconnect(ctx, g.Library, "", a.ID, now, "", anyEvent(g.Library))
	}), library.ErrNotFound)
	f.Events(g.Library)
}

func testDisconnectAtOnce(t *testing.T, f *fixture) {
	g, _, _ := f.Approve(f.AnyPerson(), f.AnyClient(library.Write))
	for i := range 10 {
		a := f.account(g, 10+i)
		deliveries := make([]delivery.Delivery, 8)
		for i := range deliveries {
			deliveries[i] = anyDelivery(g, a, now)
			deliveries[i].Lease, deliveries[i].LeaseUntil = "l", later(time.Minute)
		}
		must(t, f.AddDelivery(ctx, deliveries[0], NoLimit))
		race(len(deliveries)+1, func(i int) error {
			switch i {
			case len(deliveries):
				return f.Disconnect(ctx, g.Library, g.Application, a.ID, now, "", anyEvent(g.Library))
			case 0:
				return f.BeginPosting(ctx, deliveries[0].ID, "l", now, later(time.Minute))
			}
			return f.AddDelivery(ctx, deliveries[i], NoLimit)
		})
		for _, d := range deliveries {
			got, err := f.GetDelivery(ctx, g.Library, d.ID)
			if err == nil && got.State == delivery.Waiting {
				t.Error("a delivery waits for an account that is gone")
			}
		}
	}
}

// calledOff is a delivery that waited when something larger ended.
func calledOff(d delivery.Delivery, reason string, at time.Time) delivery.Delivery {
	d.State, d.Reason, d.UpdatedAt = delivery.Expired, reason, at
	d.Payload, d.Lease, d.LeaseUntil = nil, "", time.Time{}
	return d
}
