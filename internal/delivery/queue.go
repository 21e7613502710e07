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

// Queue stores deliveries and sends them to providers; delivery.go says how each goes.
type Queue struct {
	store       QueueStore
	connections *Connections
	clients     *library.Clients
	providers   Providers
	ring        *seal.Keyring
	now         func() time.Time
	config      QueueConfig
	log         *slog.Logger

	slots chan struct{}
	// memory bounds the memory of the attempts under way.
	memory      *semaphore.Weighted
	perProvider perProviderLimit
	woken       chan struct{}
	// slotWanted says that a delivery waits for a slot: releasing one wakes Run.
	slotWanted atomic.Bool
	// attempts are those under way. They outlive the request that began them; stop cancels them.
	attempts sync.WaitGroup
	stopped  context.Context
	stop     context.CancelFunc
}

// NewQueue returns the queue of the deliveries in store. Run sends them. The caller must call
// Close.
func NewQueue(
	store QueueStore,
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

// Result is a delivery with the provider's answer.
type Result struct {
	Delivery Delivery
	// Answer is JSON; nil if there is none.
	Answer []byte
}

// maxWaiting is what may wait for one account. A push beyond it is refused as busy.
var maxWaiting = WaitingLimit{Number: 1000, Bytes: 100 << 20}

// Queued is a delivery that has been stored and may already be under way.
type Queued struct {
	// Delivery is the delivery as it was stored.
	Delivery Delivery

	timeout time.Duration
	done    <-chan Result // nil if no attempt has begun
}

// Enqueue stores a resource for a destination and begins to send it, if there is a free slot. It
// returns a [*library.Refusal] or [library.ErrBusy] if the resource is refused; then nothing is
// stored.
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
		if errors.Is(err, library.ErrNotFound) { // revoked or disconnected in between
			return nil, library.InvalidToken(wire.KindAccessToken).Because(err)
		}
		return nil, fmt.Errorf("add delivery: %w", err)
	}
	v.Payload = nil // the attempt loads it
	k := &Queued{Delivery: v, timeout: d.config.AnswerTimeout}
	if atOnce {
		k.done = d.begin(v)
	} else {
		d.slotWanted.Store(true)
		d.wake() // a slot may have become free in between
	}
	return k, nil
}

// Wait returns when the provider has answered, when the first attempt has failed, or when the
// answer timeout is over. The delivery goes on in any case.
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

// claimSlot claims a delivery that is about to be stored, if there is a free slot.
func (d *Queue) claimSlot(v *Delivery) bool {
	select {
	case d.slots <- struct{}{}:
		v.Lease, v.LeaseUntil = newLease(), v.CreatedAt.Add(d.leaseLifetime())
		return true
	default:
		return false
	}
}

// begin makes an attempt that goes on if its caller stops waiting. Its slot is taken already.
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

// Get finds a delivery of the bearer's application, with the provider's answer. It refuses one
// that is unknown or somebody else's with RefusedUnknown.
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

// deliveryPage is how many deliveries List returns.
const deliveryPage = 100

// List lists the newest deliveries of the bearer's application to the person's providers.
func (d *Queue) List(ctx context.Context, b *library.Bearer) ([]Delivery, error) {
	list, err := d.store.ListDeliveries(ctx, b.Library.ID, b.Client.Application.ID, Cursor{}, deliveryPage)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return list, nil
}

// ListForPerson lists up to limit of a person's deliveries after the cursor, newest first.
func (d *Queue) ListForPerson(ctx context.Context, s *library.SignedIn, before Cursor, limit int) ([]Delivery, error) {
	list, err := d.store.ListDeliveries(ctx, s.Library.ID, "", before, limit)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return list, nil
}

// CountForPerson counts a person's deliveries that are not final.
func (d *Queue) CountForPerson(ctx context.Context, s *library.SignedIn) (int, error) {
	n, err := d.store.CountWaiting(ctx, s.Library.ID)
	if err != nil {
		return 0, fmt.Errorf("count deliveries: %w", err)
	}
	return n, nil
}
