package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// Deliveries brings resources to providers; delivery.go says how each goes.
type Queue struct {
	store       DeliveryStore
	connections *Connections
	clients     *library.Clients
	providers   Providers
	ring        *seal.Keyring
	now         func() time.Time
	config      QueueConfig
	log         *slog.Logger

	slots chan struct{}
	// memory is what resources under way may take of it together.
	memory      *semaphore.Weighted
	perProvider perProviderLimit
	woken       chan struct{}
	// short says that something waits for a place: who gives one back wakes Run.
	slotWanted atomic.Bool
	// attempts are those under way. They outlive the request that began them, and
	// are cut off by stop.
	attempts sync.WaitGroup
	stopped  context.Context
	stop     context.CancelFunc
}

// NewQueue returns the deliveries kept in store. Run works on them; Close must be
// called in the end.
func NewQueue(
	store DeliveryStore,
	accounts *Connections,
	clients *library.Clients,
	providers Providers,
	ring *seal.Keyring,
	now func() time.Time,
	config QueueConfig,
	log *slog.Logger,
) *Queue {
	config.fill()
	d := &Queue{
		store:       store,
		connections: accounts,
		clients:     clients,
		providers:   providers,
		ring:        ring,
		now:         now,
		config:      config,
		log:         log,
		slots: make(
			chan struct{},
			config.MaxAttempts,
		),
		memory: semaphore.NewWeighted(maxMemory),
		woken:  make(chan struct{}, 1),
	}
	d.stopped, d.stop = context.WithCancel(context.Background())
	return d
}

// Result is a delivery with the provider's own answer, if there is one.
type Result struct {
	Delivery Delivery
	// Approval is JSON; nil if there is none.
	Answer []byte
}

// mostWaiting bounds what may wait for one account; a push beyond it is told to come back.
var maxWaiting = WaitingLimit{Number: 1000, Bytes: 100 << 20}

// Queued is a resource that has been kept, and may already be on its way.
type Queued struct {
	// Delivery is how it was kept.
	Delivery Delivery

	timeout time.Duration
	done    <-chan Result // nil if it waits for its turn
}

// Keep keeps a resource and begins to send it to a destination. Refusals are
// [*library.Refusal]s: then nothing has been kept.
func (d *Queue) Enqueue(ctx context.Context, to *Destination, r Resource) (*Queued, error) {
	if v := to.account.Source.Version; v != r.Version {
		return nil, library.InvalidParameter("this provider takes FHIR " + string(v))
	}
	b, now := to.bearer, d.now()
	v := Delivery{
		ID:           newDeliveryID(now),
		Library:      b.Library.ID,
		Application:  b.Client.Application.ID,
		Contract:     b.Client.Contract.ID,
		Grant:        b.Grant.ID,
		Account:      to.account.ID,
		ProviderName: to.account.Source.Name,
		Types:        r.Types,
		State:        Waiting,
		NextAt:       now,
		ExpiresAt:    now.Add(d.config.Lifetime),
		CreatedAt:    now,
		UpdatedAt:    now,
	}
	var err error
	if v.Payload, err = d.sealPayload(v.ID, r); err != nil {
		return nil, err
	}
	v.Size = int64(len(v.Payload))
	atOnce := d.claimSlot(&v)
	if err := d.store.AddDelivery(ctx, v, maxWaiting); err != nil {
		if atOnce {
			<-d.slots
		}
		if errors.Is(err, library.ErrNotFound) { // revoked or disconnected a moment ago
			return nil, library.InvalidToken(wire.KindAccessToken).Because(err)
		}
		return nil, fmt.Errorf("add delivery: %w", err)
	}
	v.Payload = nil // it is loaded when its turn comes
	k := &Queued{Delivery: v, timeout: d.config.AnswerTimeout}
	if atOnce {
		k.done = d.begin(v)
	} else {
		d.slotWanted.Store(true)
		d.wake() // a place may have become free in between
	}
	return k, nil
}

// Wait returns when the provider has answered, when the attempt has failed for now, or
// when its patience is over; the delivery goes on in any case.
func (k *Queued) Wait(ctx context.Context) *Result {
	if k.done == nil {
		return &Result{Delivery: k.Delivery}
	}
	patience := time.NewTimer(k.timeout)
	defer patience.Stop()
	select {
	case p := <-k.done:
		return &p
	case <-patience.C:
	case <-ctx.Done():
	}
	return &Result{Delivery: k.Delivery}
}

// takePlace claims a delivery that is about to be kept, if there is a place for an attempt
// at once.
func (d *Queue) claimSlot(v *Delivery) bool {
	select {
	case d.slots <- struct{}{}:
		v.Lease, v.LeaseUntil = newLease(), v.CreatedAt.Add(d.leaseLifetime())
		return true
	default:
		return false
	}
}

// begin makes an attempt that goes on whoever waits for it. The place has been taken.
func (d *Queue) begin(v Delivery) <-chan Result {
	done := make(chan Result, 1)
	d.attempts.Go(func() {
		defer func() {
			<-d.slots
			if d.slotWanted.Swap(false) {
				d.wake()
			}
		}()
		done <- d.attempt(d.stopped, v)
	})
	return done
}

func newLease() string { return wire.RandomAlphanumeric(16) }

func newDeliveryID(now time.Time) library.DeliveryID {
	return library.DeliveryID(library.NewOrderedID(now))
}

// Get finds a delivery of the bearer's application, with the provider's answer. One that
// is unknown or somebody else's is NotFound alike.
func (d *Queue) Get(ctx context.Context, b *library.Bearer, id library.DeliveryID) (*Result, error) {
	v, err := d.store.GetDelivery(ctx, b.Library.ID, id)
	if errors.Is(err, library.ErrNotFound) || err == nil && v.Application != b.Client.Application.ID {
		return nil, library.Unknown("Delivery").Because(err)
	}
	if err != nil {
		return nil, fmt.Errorf("get delivery: %w", err)
	}
	p := &Result{Delivery: v}
	if v.Answer != nil {
		if p.Answer, err = d.ring.Open(purposeAnswer(v.ID), v.Answer); err != nil {
			return nil, fmt.Errorf("open answer of delivery %s: %w", v.ID, err)
		}
	}
	return p, nil
}

// deliveryPage is how many deliveries are listed at a time.
const deliveryPage = 100

// List lists the newest deliveries of the bearer's application for the person.
func (d *Queue) List(ctx context.Context, b *library.Bearer) ([]Delivery, error) {
	list, err := d.store.ListDeliveries(ctx, b.Library.ID, b.Client.Application.ID, Cursor{}, deliveryPage)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return list, nil
}

// Own lists a person's deliveries, newest first, up to limit after the cursor.
func (d *Queue) ListForPerson(ctx context.Context, s *library.SignedIn, before Cursor, limit int) ([]Delivery, error) {
	list, err := d.store.ListDeliveries(ctx, s.Library.ID, "", before, limit)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return list, nil
}

// Waiting counts what of a person's is still on its way.
func (d *Queue) CountForPerson(ctx context.Context, s *library.SignedIn) (int, error) {
	n, err := d.store.CountWaiting(ctx, s.Library.ID)
	if err != nil {
		return 0, fmt.Errorf("count deliveries: %w", err)
	}
	return n, nil
}
