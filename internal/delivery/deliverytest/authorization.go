package deliverytest

import (
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/library/librarytest"
)

// TestAuthorizations tests the authorizations of a delivery.ConnectionStore.
func TestAuthorizations(t *testing.T, open func(t *testing.T) Store) {
	runEach(t, open, []storeTest{
		{"are kept as they are given", testAuthorizationKept},
		{"are refused twice, and for no library", testAuthorizationRefused},
		{"end once", testEndAuthorization},
		{"end without an event", testEndAuthorizationSilently},
		{"end once of many at once", testEndAuthorizationAtOnce},
	})
}

// newAuthorization returns an authorization that a person has started.
func newAuthorization(p librarytest.Person) delivery.Authorization {
	return delivery.Authorization{
		State:       anyHash(),
		Request:     anyHash(),
		Application: "a",
		Library:     p.ID,
		Login:       p.Login.ID,
		Source:      anySource(1),
		Correlation: anyID(),
		Secrets:     anySeal(),
		CreatedAt:   now,
		ExpiresAt:   later(time.Hour),
	}
}

func testAuthorizationKept(t *testing.T, f *fixture) {
	p := f.AnyPerson()
	full := newAuthorization(p)
	must(t, f.AddAuthorization(ctx, full))
	same(t, "authorization", value(f.GetAuthorization(ctx, full.State))(t), full)

	empty := delivery.Authorization{State: anyHash(), Library: p.ID}
	must(t, f.AddAuthorization(ctx, empty))
	same(t, "empty authorization", value(f.GetAuthorization(ctx, empty.State))(t), empty)

	exact := newAuthorization(p)
	exact.CreatedAt = time.Date(2026, 11, 24, 9, 0, 0, 123_999_999, time.FixedZone("", 3600))
	must(t, f.AddAuthorization(ctx, exact))
	same(t, "created", value(f.GetAuthorization(ctx, exact.State))(t).CreatedAt, time.Date(2026, 11, 24, 8, 0, 0,
		123_000_000, time.UTC))

	_, err := f.GetAuthorization(ctx, anyHash())
	wantErr(t, "unknown authorization", err, library.ErrNotFound)
}

func testAuthorizationRefused(t *testing.T, f *fixture) {
	p := f.AnyPerson()
	full := newAuthorization(p)
	must(t, f.AddAuthorization(ctx, full))
	wantErr(t, "authorization that is there", f.AddAuthorization(ctx, full), library.ErrExists)
	nobodys := newAuthorization(p)
	nobodys.Library = "none"
	wantErr(t, "authorization of no library", f.AddAuthorization(ctx, nobodys), library.ErrNotFound)
}

func testEndAuthorization(t *testing.T, f *fixture) {
	p := f.AnyPerson()
	one := newAuthorization(p)
	must(t, f.AddAuthorization(ctx, one))
	wantErr(t, "with an event of no library", f.EndAuthorization(ctx, one.State, now, nil, anyEvent("none")),
		library.ErrNotFound)
	same(t, "authorization that has not ended", value(f.GetAuthorization(ctx, one.State))(t), one)

	e := anyEvent(p.ID)
	e.Kind = library.EventNotConnected
	must(t, f.EndAuthorization(ctx, one.State, later(time.Minute), []byte("left"), e))
	want := one
	want.EndedAt, want.Secrets = later(time.Minute), []byte("left")
	same(t, "ended authorization", value(f.GetAuthorization(ctx, one.State))(t), want)
	same(t, "kind of event", f.NewestEvent(p.ID).Kind, library.EventNotConnected)
	wantErr(t, "again", f.EndAuthorization(ctx, one.State, later(time.Hour), nil, e), library.ErrUsed)
	wantErr(t, "again, in silence", f.EndAuthorization(ctx, one.State, later(time.Hour), nil, library.Event{}),
		library.ErrUsed)
	must(t, f.SetAuthorizationResult(ctx, one.State, delivery.AuthorizationRefused))
	want.Result = delivery.AuthorizationRefused
	same(t, "authorization ended first", value(f.GetAuthorization(ctx, one.State))(t), want)
	wantErr(t, "unknown authorization", f.EndAuthorization(ctx, anyHash(), now, nil, e), library.ErrNotFound)
	same(t, "number of events", len(f.Events(p.ID)), 2)
}

func testEndAuthorizationSilently(t *testing.T, f *fixture) {
	p := f.AnyPerson()
	silent := newAuthorization(p)
	must(t, f.AddAuthorization(ctx, silent))
	must(t, f.EndAuthorization(ctx, silent.State, now, nil, library.Event{}))
	same(t, "number of events", len(f.Events(p.ID)), 1)
	same(t, "secrets", len(value(f.GetAuthorization(ctx, silent.State))(t).Secrets), 0)
}

func testEndAuthorizationAtOnce(t *testing.T, f *fixture) {
	p := f.AnyPerson()
	one := newAuthorization(p)
	must(t, f.AddAuthorization(ctx, one))
	oneWins(t, "end", race(20, func(int) error {
		return f.EndAuthorization(ctx, one.State, now, nil, anyEvent(p.ID))
	}), library.ErrUsed)
	same(t, "number of events", len(f.Events(p.ID)), 2)
}
