package deliverytest

import (
	"math"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/library/librarytest"
)

// A fixture is an empty store and short ways to fill it.
type fixture struct {
	*librarytest.Fixture
	delivery.ConnectionStore
	delivery.QueueStore
}

func fixtureOf(t testing.TB, s Store) *fixture {
	return &fixture{librarytest.FixtureOf(t, s), s, s}
}

// anySource is an entry of a catalogue.
func anySource(id int) delivery.Source {
	return delivery.Source{
		ID:        id,
		Name:      "Huisarts <de Linde> & Zn",
		Reference: "linde",
		Provider:  "medmij:huisartslinde~53",
		Push:      true,
		Version:   fhir.STU3,
		ServiceID: 420, ServiceName: "Linde", ServiceReference: "s", GroupID: 7, GroupName: "Care",
		Logo: "https://linde.example/logo.png",
	}
}

// anyAccount is an account at a provider that is about to be connected.
func anyAccount(id library.ID, application wire.ApplicationID, source int, at time.Time) delivery.Connection {
	return delivery.Connection{
		ID:            wire.AccountID("420_" + anyID()),
		Reference:     library.AccountReference(anyID()),
		Library:       id,
		Application:   application,
		Source:        anySource(source),
		Pending:       true,
		Access:        anySeal(),
		AccessVersion: 1,
		Correlation:   anyID(),
		CreatedAt:     at,
		UpdatedAt:     at,
	}
}

// personOf is the person who gave a grant, as far as another approval needs them.
func personOf(g library.Grant) librarytest.Person {
	return librarytest.Person{Library: library.Library{ID: g.Library}}
}

func connectedEvent(id library.ID, at time.Time) library.Event {
	return library.Event{Library: id, At: at, Kind: library.EventConnected,
		Details: library.EventDetails{Provider: "Linde"}}
}

// connect connects a source on the way of a request, for the person of a grant.
func (f *fixture) connect(g library.Grant, source int) (delivery.Connection, library.AuthRequest) {
	f.T.Helper()
	l, _ := f.AnyRequest(value(f.GetClient(ctx, librarytest.ClientOf(g)))(f.T))
	a, err := f.Connect(ctx, l.Hash, "", anyAccount(g.Library, g.Application, source, now),
		connectedEvent(g.Library, now))
	must(f.T, err)
	return a, l
}

// account is an account at a provider that stands.
func (f *fixture) account(g library.Grant, source int) delivery.Connection {
	f.T.Helper()
	a, l := f.connect(g, source)
	must(f.T, f.CloseAuthRequest(ctx, l.Hash, now, library.Answer{}, g.ID, nil))
	return value(f.GetConnection(ctx, g.Library, a.ID, true))(f.T)
}

// sender is a person with a grant and an account that it can be sent to.
func (f *fixture) sender() (library.Grant, delivery.Connection) {
	f.T.Helper()
	return f.senderOf(f.AnyClient(library.Write))
}

func (f *fixture) senderOf(c library.Client) (library.Grant, delivery.Connection) {
	f.T.Helper()
	g, _, _ := f.Approve(f.AnyPerson(), c)
	return g, f.account(g, 1)
}

// anyDelivery is a delivery that waits and is due.
func anyDelivery(g library.Grant, a delivery.Connection, at time.Time) delivery.Delivery {
	return delivery.Delivery{
		ID:           library.DeliveryID(anyID()),
		Library:      g.Library,
		Application:  g.Application,
		Contract:     g.Contract,
		Grant:        g.ID,
		Account:      a.ID,
		ProviderName: a.Source.Name,
		Types:        []string{"Observation", "Bundle"},
		State:        delivery.Waiting,
		Payload:      anySeal(),
		NextAt:       at,
		ExpiresAt:    at.Add(72 * time.Hour),
		CreatedAt:    at,
		UpdatedAt:    at,
	}
}

func sentEvent(d delivery.Delivery, kind library.EventKind) library.Event {
	return library.Event{Library: d.Library, At: d.UpdatedAt, Kind: kind,
		Details: library.EventDetails{Delivery: d.ID, Account: d.Account, Provider: d.ProviderName, Types: d.Types}}
}

// delivery adds a delivery that waits and is due at the time.
func (f *fixture) delivery(g library.Grant, a delivery.Connection, at time.Time) delivery.Delivery {
	f.T.Helper()
	d := anyDelivery(g, a, at)
	must(f.T, f.AddDelivery(ctx, d, NoLimit))
	return d
}

// stored is a delivery as it is now.
func (f *fixture) stored(d delivery.Delivery) delivery.Delivery {
	f.T.Helper()
	return value(f.GetDelivery(ctx, d.Library, d.ID))(f.T)
}

// claimed is a delivery that is held under the lease for a minute from now on.
func (f *fixture) claimed(g library.Grant, a delivery.Connection, lease string) delivery.Delivery {
	f.T.Helper()
	d := anyDelivery(g, a, now)
	d.Lease, d.LeaseUntil = lease, later(time.Minute)
	must(f.T, f.AddDelivery(ctx, d, NoLimit))
	return d
}

// posting is a delivery that is on the wire, under the lease for two minutes.
func (f *fixture) posting(g library.Grant, a delivery.Connection, lease string) delivery.Delivery {
	f.T.Helper()
	d := f.claimed(g, a, lease)
	must(f.T, f.BeginPosting(ctx, d.ID, lease, now, later(2*time.Minute)))
	d.State, d.Attempts, d.LeaseUntil = delivery.Posting, 1, later(2*time.Minute)
	return d
}

// AddSender adds a library with a grant and an account at a provider that can be sent
// to under it: for tests of one's own.
func AddSender(t testing.TB, s Store) (library.Grant, delivery.Connection) {
	t.Helper()
	return fixtureOf(t, s).sender()
}

// AddSenderOf is AddSender with a grant for a client that is there already.
func AddSenderOf(t testing.TB, s Store, c library.Client) (library.Grant, delivery.Connection) {
	t.Helper()
	return fixtureOf(t, s).senderOf(c)
}

// NewDelivery is a delivery of 4 KiB to be added under a grant, due at once.
func NewDelivery(g library.Grant, a delivery.Connection, at time.Time) delivery.Delivery {
	d := anyDelivery(g, a, at)
	d.Payload = make([]byte, 4096)
	return d
}

// NoLimit lets any number of deliveries wait.
var NoLimit = delivery.WaitingLimit{Number: math.MaxInt, Bytes: math.MaxInt64}
