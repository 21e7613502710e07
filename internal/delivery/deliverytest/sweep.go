package deliverytest

import (
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/library/librarytest"
)

// TestSweeper tests what a library.Sweeper does to authorizations and accounts at providers.
func TestSweeper(t *testing.T, open func(t *testing.T) Store) {
	runEach(t, open, []storeTest{
		{"deletes authorizations that have expired", testSweepAuthorizations},
		{"deletes accounts that are pending for a day and belong to no request", testSweepAccounts},
	})
}

func testSweepAuthorizations(t *testing.T, f *fixture) {
	p := f.AnyPerson()
	for _, test := range []struct {
		expires time.Time
		want    error
	}{
		{now, library.ErrNotFound}, {later(time.Millisecond), nil}, {time.Time{}, nil},
	} {
		a := delivery.Authorization{State: anyHash(), Library: p.ID, ExpiresAt: test.expires}
		must(t, f.AddAuthorization(ctx, a))
		must(t, f.Sweep(ctx, now, time.Hour))
		_, err := f.GetAuthorization(ctx, a.State)
		wantErr(t, "authorization", err, test.want)
	}
}

func testSweepAccounts(t *testing.T, f *fixture) {
	g, _, _ := f.Approve(f.AnyPerson(), f.AnyClient(library.Read))
	const day = 24 * time.Hour
	sweep := func(at time.Time) { t.Helper(); must(t, f.Sweep(ctx, at, day)) }
	find := func(what string, a delivery.Connection, want error) {
		t.Helper()
		_, err := f.GetConnection(ctx, g.Library, a.ID, false)
		wantErr(t, what, err, want)
	}
	lost, l := f.connect(g, 1)
	linked, _ := f.connect(g, 2)
	standing := f.account(g, 3)

	sweep(later(day)) // the link has long expired, the account is not that old
	_, err := f.GetAuthRequest(ctx, l.Hash)
	wantErr(t, "request", err, library.ErrNotFound)
	find("account of that day", lost, nil)

	link := library.AuthRequest{Hash: anyHash(), ClientID: librarytest.ClientOf(g), Account: linked.ID}
	must(t, f.AddAuthRequest(ctx, link, library.Session{}))
	sweep(later(day + time.Millisecond))
	find("account in no request", lost, library.ErrNotFound)
	find("account in a request", linked, nil)
	find("standing account", standing, nil)
}
