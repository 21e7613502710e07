package deliverytest

import (
	"testing"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library/librarytest"
)

// Store is a store of deliveries, with the store of libraries that it is part of.
type Store interface {
	librarytest.Store
	delivery.ConnectionStore
	delivery.QueueStore
}

// TestStore runs the tests of every interface of package delivery that a store implements. open
// returns an empty store; it is called for each test, and closes the store when that ends.
func TestStore(t *testing.T, open func(t *testing.T) Store) {
	for _, part := range []struct {
		name string
		test func(t *testing.T, open func(t *testing.T) Store)
	}{
		{"Authorizations", TestAuthorizations},
		{"Connections", TestConnections},
		{"ConnectionEnds", TestConnectionEnds},
		{"Refresh", TestRefresh},
		{"Deliveries", TestDeliveries},
		{"Claims", TestClaims},
		{"Sweeper", TestSweeper},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, open) })
	}
}

// A storeTest says one thing about a store.
type storeTest struct {
	name string
	test func(t *testing.T, f *fixture)
}

// runEach runs each test on an empty store of its own.
func runEach(t *testing.T, open func(t *testing.T) Store, tests []storeTest) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.test(t, fixtureOf(t, open(t))) })
	}
}

// What these tests share with those of package librarytest.
var (
	ctx      = librarytest.Ctx
	now      = librarytest.Now
	later    = librarytest.Later
	must     = librarytest.Must
	wantErr  = librarytest.WantErr
	same     = librarytest.Same
	race     = librarytest.Race
	oneWins  = librarytest.OneWins
	anyID    = librarytest.AnyID
	anyHash  = librarytest.AnyHash
	anySeal  = librarytest.AnySeal
	anyEvent = librarytest.AnyEvent
)

func value[T any](v T, err error) func(t testing.TB) T { return librarytest.Value(v, err) }
