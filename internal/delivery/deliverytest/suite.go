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
		{"Refresh", TestRefresh},
		{"Deliveries", TestDeliveries},
		{"Claims", TestClaims},
		{"Sweeper", TestSweeper},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, open) })
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
