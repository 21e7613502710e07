package deliverytest

import (
	"fmt"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// TestRefresh tests how a delivery.ConnectionStore keeps access and lets it be renewed.
func TestRefresh(t *testing.T, open func(t *testing.T) Store) {
	runEach(t, open, []storeTest{
		{"is claimed by one at a time", testClaimRefresh},
		{"is claimed by one of many at once", testClaimRefreshAtOnce},
		{"stores the access of the version that it renewed", testStoreTokens},
		{"is stored by one of many at once", testStoreTokensAtOnce},
		{"ends for the version that it has", testEndAccess},
		{"ends once", testEndAccessAtOnce},
		{"is given again without a request", testReauthorize},
		{"is given again once", testReauthorizeAtOnce},
	})
}

func testClaimRefresh(t *testing.T, f *fixture) {
	g, a := f.sender()
	claim := func(at time.Duration, version int64) error {
		got, err := f.ClaimRefresh(ctx, a.ID, version, later(at), later(at+time.Minute))
		if err == nil {
			same(t, "account", got, value(f.GetConnection(ctx, g.Library, a.ID, false))(t))
		}
		return err
	}
	must(t, claim(0, 1))
	wantErr(t, "claim what is held", claim(0, 1), library.ErrUsed)
	wantErr(t, "claim what is held to the last", claim(time.Minute-time.Millisecond, 1), library.ErrUsed)
	must(t, claim(time.Minute, 1))
	must(t, f.ReleaseRefresh(ctx, a.ID, 1))
	same(t, "account", value(f.GetConnection(ctx, g.Library, a.ID, true))(t), a)
	must(t, claim(time.Minute, 1))
	must(t, f.ReleaseRefresh(ctx, a.ID, 2)) // is not that one's
	wantErr(t, "claim what is held", claim(time.Minute, 1), library.ErrUsed)
	wantErr(t, "claim an old version", claim(time.Hour, 0), library.ErrUsed)
	wantErr(t, "claim a version to come", claim(time.Hour, 2), library.ErrUsed)
	_, err := f.ClaimRefresh(ctx, "none", 1, now, later(time.Minute))
	wantErr(t, "claim no account", err, library.ErrNotFound)
	must(t, f.ReleaseRefresh(ctx, "none", 1))

	f.account(g, 1) // connected again: what was claimed is no longer what it has
	must(t, claim(time.Minute, 2))
}

func testClaimRefreshAtOnce(t *testing.T, f *fixture) {
	_, a := f.sender()
	for round := range 5 {
		at := later(time.Duration(round) * time.Minute)
		oneWins(t, "claim", race(20, func(int) error {
			_, err := f.ClaimRefresh(ctx, a.ID, 1, at, at.Add(time.Minute))
			return err
		}), library.ErrUsed)
	}
}

func testStoreTokens(t *testing.T, f *fixture) {
	g, a := f.sender()
	_, err := f.ClaimRefresh(ctx, a.ID, 1, now, later(time.Minute))
	must(t, err)
	want := a
	want.Access, want.AccessUntil = anySeal(), later(time.Hour)
	want.UpdatedAt, want.AccessVersion = later(time.Second), 2
	must(t, f.StoreTokens(ctx, a.ID, 1, want.Access, want.AccessUntil, want.UpdatedAt))
	same(t, "account", value(f.GetConnection(ctx, g.Library, a.ID, true))(t), want)
	got, err := f.ClaimRefresh(ctx, a.ID, 2, now, later(time.Minute)) // was given back
	must(t, err)
	same(t, "claimed account", got, want)
	for _, version := range []int64{0, 1, 3} {
		wantErr(t, fmt.Sprintf("store version %d", version),
			f.StoreTokens(ctx, a.ID, version, anySeal(), now, now), library.ErrUsed)
	}
	same(t, "account", value(f.GetConnection(ctx, g.Library, a.ID, true))(t), want)
	wantErr(t, "store for no account", f.StoreTokens(ctx, "none", 1, nil, now, now), library.ErrNotFound)
}

func testStoreTokensAtOnce(t *testing.T, f *fixture) {
	_, a := f.sender()
	oneWins(t, "store", race(20, func(int) error {
		return f.StoreTokens(ctx, a.ID, 1, anySeal(), now, now)
	}), library.ErrUsed)
}

// left is what is left of access that has ended.
var left = []byte("left")

func testEndAccess(t *testing.T, f *fixture) {
	g, a := f.sender()
	events := len(f.Events(g.Library))
	e := anyEvent(g.Library)
	wantErr(t, "an older version", f.EndAccess(ctx, a.ID, 0, now, left, e), library.ErrUsed)
	wantErr(t, "a newer version", f.EndAccess(ctx, a.ID, 2, now, left, e), library.ErrUsed)
	wantErr(t, "of no account", f.EndAccess(ctx, "none", 1, now, left, e), library.ErrNotFound)
	same(t, "account", value(f.GetConnection(ctx, g.Library, a.ID, true))(t), a)
	same(t, "number of events", len(f.Events(g.Library)), events)
	e.Library = "none"
	wantErr(t, "with an event of no library", f.EndAccess(ctx, a.ID, 1, now, left, e), library.ErrNotFound)
	same(t, "account", value(f.GetConnection(ctx, g.Library, a.ID, true))(t), a)
}

func testEndAccessAtOnce(t *testing.T, f *fixture) {
	g, a := f.sender()
	_, err := f.ClaimRefresh(ctx, a.ID, 1, now, later(time.Minute))
	must(t, err)
	events := len(f.Events(g.Library))
	e := anyEvent(g.Library)
	e.Kind = library.EventAccountEnded
	oneWins(t, "end", race(20, func(int) error { return f.EndAccess(ctx, a.ID, 1, later(time.Second), left, e) }),
		library.ErrUsed)
	want := a
	want.EndedAt, want.Access, want.AccessVersion = later(time.Second), left, 2
	same(t, "account", value(f.GetConnection(ctx, g.Library, a.ID, true))(t), want)
	wantErr(t, "end it again", f.EndAccess(ctx, a.ID, 2, later(time.Hour), left, e), library.ErrUsed)
	same(t, "account ended first", value(f.GetConnection(ctx, g.Library, a.ID, true))(t), want)
	same(t, "number of events", len(f.Events(g.Library)), events+1)
	same(t, "kind of event", f.NewestEvent(g.Library).Kind, library.EventAccountEnded)
	// Whoever was renewing it comes too late.
	wantErr(t, "store", f.StoreTokens(ctx, a.ID, 1, anySeal(), now, now), library.ErrUsed)
}

func testReauthorize(t *testing.T, f *fixture) {
	g, a := f.sender()
	must(t, f.EndAccess(ctx, a.ID, a.AccessVersion, now, left, anyEvent(g.Library)))
	ended := value(f.GetConnection(ctx, g.Library, a.ID, true))(t)
	again := ended
	again.Source.SampleReauthorized, again.Correlation, again.UpdatedAt = true, "again", later(time.Minute)
	again.Access = []byte("new")
	events := len(f.Events(g.Library))
	change := func(change func(c *delivery.Connection)) delivery.Connection {
		c := again
		change(&c)
		return c
	}
	e := anyEvent(g.Library)
	for what, c := range map[string]delivery.Connection{
		"an older version": change(func(c *delivery.Connection) { c.AccessVersion-- }),
		"a newer version":  change(func(c *delivery.Connection) { c.AccessVersion++ }),
	} {
		wantErr(t, what, f.Reauthorize(ctx, c, e), library.ErrUsed)
	}
	other, _ := f.sender()
	for what, c := range map[string]delivery.Connection{
		"no account":         change(func(c *delivery.Connection) { c.ID = "none" }),
		"another library's":  change(func(c *delivery.Connection) { c.Library = other.Library }),
		"no library's":       change(func(c *delivery.Connection) { c.Library = "none" }),
		"another's activity": again,
	} {
		at := e
		if at.Library = c.Library; what == "another's activity" {
			at.Library = "none"
		}
		wantErr(t, what, f.Reauthorize(ctx, c, at), library.ErrNotFound)
	}
	same(t, "account", value(f.GetConnection(ctx, g.Library, a.ID, true))(t), ended)
	must(t, f.Reauthorize(ctx, again, e))
	again.EndedAt, again.AccessVersion = time.Time{}, ended.AccessVersion+1
	same(t, "account", value(f.GetConnection(ctx, g.Library, a.ID, true))(t), again)
	same(t, "number of events", len(f.Events(g.Library)), events+1)
	must(t, f.ShutLibrary(ctx, g.Library, later(time.Hour), "", anyEvent(g.Library)))
	wantErr(t, "of a shut library", f.Reauthorize(ctx, again, e), library.ErrNotFound)
}

func testReauthorizeAtOnce(t *testing.T, f *fixture) {
	g, a := f.sender()
	oneWins(t, "give again", race(20, func(int) error { return f.Reauthorize(ctx, a, anyEvent(g.Library)) }),
		library.ErrUsed)
}
