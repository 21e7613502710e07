package carreltest

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// AccountPage is the page to which a browser returns from a provider.
const AccountPage = "/the/page"

// Connected returns the account that the person has connected for a request, or nil.
func (p *Person) Connected(r *library.PendingRequest) *delivery.Connection {
	p.w.t.Helper()
	step := Must(p.w.Connections.ConnectionStep(p.w.t.Context(), p.SignedIn(), r, delivery.ConnectionQuery{}))(p.w.t)
	return step.Connected
}

// LeavesFor sends the person's browser to a provider and returns the state that it carries.
func (p *Person) LeavesFor(r *library.PendingRequest, target delivery.Target) seal.Secret {
	p.w.t.Helper()
	ctx := p.w.t.Context()
	address := Must(p.w.Connections.StartAuthorization(ctx, p.SignedIn(), r, target, AccountPage))(p.w.t)
	return seal.SecretOf(QueryOf(p.w.t, address).Get("state"))
}

// ComesBack brings the person's browser back from the provider with a code.
func (p *Person) ComesBack(state seal.Secret, code string) *delivery.CallbackResult {
	p.w.t.Helper()
	return Must(p.w.Connections.HandleCallback(p.w.t.Context(), p.SignedIn(),
		delivery.CallbackParams{Source: SourceID, State: state, Code: seal.SecretOf(code)}))(p.w.t)
}

// Connects connects the world's provider and allows what a contract asks for, which then exchanges its code.
func (p *Person) Connects(c *Contract) (*Grant, delivery.Connection) {
	t, ctx := p.w.t, p.w.t.Context()
	t.Helper()
	asked := c.Authorizes()
	r := p.Opens(library.AuthorizeRequest, asked.Code)
	back := p.ComesBack(p.LeavesFor(r, delivery.Target{Source: SourceID}), GoodCode)
	if back.Result != delivery.AuthorizationConnected || back.Return != AccountPage {
		t.Fatalf("came back with %+v", back)
	}
	r = p.Opens(library.AuthorizeRequest, asked.Code)
	connected := p.Connected(r)
	if connected == nil {
		t.Fatal("nothing is connected")
	}
	q := QueryOf(t, Must(p.w.Consents.Allow(ctx, p.SignedIn(), r, r.Shown(connected.ID)))(t))
	if q.Get("accountReference") != string(connected.Reference) {
		t.Errorf("callback names account %q, want %q", q.Get("accountReference"), connected.Reference)
	}
	g := &Grant{Contract: c, Session: asked.Session, Code: q.Get("code")}
	g.Exchanges()
	return g, Must(p.w.Connections.Get(ctx, p.SignedIn(), connected.ID))(t)
}

// Observation returns a resource that a provider takes.
func Observation(id string) delivery.Resource {
	return delivery.Resource{Version: fhir.STU3, Path: "Observation", Types: []string{"Observation"},
		Body: []byte(`{"resourceType":"Observation","identifier":[{"value":"` + id + `"}]}`)}
}

// Sends pushes a resource to a provider and waits for its answer, as long as the queue lets a push wait.
func (g *Grant) Sends(account wire.AccountID, r delivery.Resource) (*delivery.Result, error) {
	g.w.t.Helper()
	b, err := g.Bearer()
	if err != nil {
		return nil, err
	}
	to, err := g.w.Queue.FindDestination(g.w.t.Context(), b, account)
	if err != nil {
		return nil, err
	}
	queued, err := g.w.Queue.Enqueue(g.w.t.Context(), to, r)
	if err != nil {
		return nil, err
	}
	return queued.Wait(g.w.t.Context()), nil
}

// NewQueue returns the queue of one more server on the same store.
func (w *World) NewQueue(c delivery.QueueConfig) *delivery.Queue {
	q := delivery.NewQueue(w.Store, w.Connections, w.Clients, w.Provider, w.Clock.Now, c,
		slog.New(slog.NewJSONHandler(w.Log, nil)))
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		q.Close(ctx)
	})
	return q
}

// Work runs a queue until nothing is due any more at the time of the clock.
func (w *World) Work(q *delivery.Queue) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	var done sync.WaitGroup
	done.Go(func() { q.Run(ctx) })
	defer func() {
		cancel()
		done.Wait()
	}()
	Eventually(w.t, "no delivery is due", func() bool { return w.due() == 0 })
}

// due counts the deliveries that a queue should take now, or is working on.
func (w *World) due() (n int) {
	w.t.Helper()
	now := w.Clock.Now()
	for _, d := range w.deliveries() {
		if d.State.Final() {
			continue
		}
		leased := d.Lease != "" && d.LeaseUntil.After(now)
		if leased || d.State == delivery.Posting || !d.NextAt.After(now) {
			n++
		}
	}
	return n
}

// deliveries lists the deliveries of all people.
func (w *World) deliveries() (all []delivery.Delivery) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.people {
		list, err := w.Store.ListDeliveries(w.t.Context(), p.Library, wire.ClientID{}, delivery.Cursor{}, 10_000)
		all = append(all, Must(list, err)(w.t)...)
	}
	return all
}

// Delivery returns a delivery as it is stored now.
func (w *World) Delivery(r *delivery.Result) delivery.Delivery {
	w.t.Helper()
	return Must(w.Store.GetDelivery(w.t.Context(), r.Delivery.Library, r.Delivery.ID))(w.t)
}
