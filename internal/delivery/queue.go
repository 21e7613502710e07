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
)

// Queue stores deliveries and sends them to providers; delivery.go says how each goes.
type Queue struct {
	store       QueueStore
	connections *Connections
	clients     *library.Clients
	providers   Providers
	now         func() time.Time
	config      QueueConfig
	log         *slog.Logger

	slots chan struct{}
	// memory bounds the memory of the attempts under way.
	memory      *semaphore.Weighted
	perProvider perProviderLimit
	wakeups     chan struct{} // wakes Run
	// slotWanted says that a delivery waits for a slot: releasing one wakes Run.
	slotWanted atomic.Bool
	// attempts are those under way. They outlive the request that began them; stop cancels
	// attemptCtx, which is theirs.
	attempts   sync.WaitGroup
	attemptCtx context.Context
	stop       context.CancelFunc
}

// NewQueue returns the queue of the deliveries in store. Run sends them. The caller must call
// Close.
func NewQueue(
	store QueueStore,
	connections *Connections,
	clients *library.Clients,
	providers Providers,
	now func() time.Time,
	config QueueConfig,
	log *slog.Logger,
) *Queue {
	config.fill()
	q := &Queue{
		store:       store,
		connections: connections,
		clients:     clients,
		providers:   providers,
		now:         now,
		config:      config,
		log:         log,
		slots:       make(chan struct{}, config.MaxAttempts),
		memory:      semaphore.NewWeighted(maxMemory),
		wakeups:     make(chan struct{}, 1),
	}
	q.attemptCtx, q.stop = context.WithCancel(context.Background())
	return q
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
// returns a [*library.Refusal] or [library.ErrBusy] if the resource is refused, and an error that matches
// [library.ErrStorageFull] if a disk is nearly full; then nothing is stored.
func (q *Queue) Enqueue(ctx context.Context, to *Destination, r Resource) (*Queued, error) {
	if version := to.connection.Source.Version; version != r.Version {
		return nil, library.InvalidParameter("this provider takes FHIR " + string(version))
	}
	if q.config.Space != nil {
		if err := q.config.Space.Check(); err != nil {
			return nil, err
		}
	}
	b, now := to.bearer, q.now()
	d := Delivery{
		ID:           newDeliveryID(now),
		Library:      b.Library.ID,
		Application:  b.Client.Application.ID,
		Contract:     b.Client.Contract.ID,
		Grant:        b.Grant.ID,
		Account:      to.connection.ID,
		ProviderName: to.connection.Source.Name,
		Types:        r.Types,
		State:        Waiting,
		NextAt:       now,
		ExpiresAt:    now.Add(q.config.Lifetime),
		CreatedAt:    now,
		UpdatedAt:    now,
	}
	var err error
	if d.Payload, err = q.connections.boxes.sealPayload(d, to.connection.Source.Provider, r); err != nil {
		return nil, err
	}
	d.Size = int64(len(d.Payload))
	atOnce := q.claimSlot(&d)
	if err := q.store.AddDelivery(ctx, d, maxWaiting); err != nil {
		if atOnce {
			<-q.slots
		}
		if errors.Is(err, library.ErrNotFound) { // revoked or disconnected in between
			return nil, library.InvalidToken(wire.KindAccessToken).Because(err)
		}
		return nil, fmt.Errorf("add delivery: %w", err)
	}
	d.Payload = nil // the attempt loads it
	queued := &Queued{Delivery: d, timeout: q.config.AnswerTimeout}
	if atOnce {
		queued.done = q.begin(d)
	} else {
		q.slotWanted.Store(true)
		q.wake() // a slot may have become free in between
	}
	return queued, nil
}

// Wait returns when the provider has answered, when the first attempt has failed, or when the
// answer timeout is over. The delivery goes on in any case.
func (q *Queued) Wait(ctx context.Context) *Result {
	if q.done == nil {
		return &Result{Delivery: q.Delivery}
	}
	timer := time.NewTimer(q.timeout)
	defer timer.Stop()
	select {
	case result := <-q.done:
		return &result
	case <-timer.C:
	case <-ctx.Done():
	}
	return &Result{Delivery: q.Delivery}
}

// claimSlot claims a delivery that is about to be stored, if there is a free slot.
func (q *Queue) claimSlot(d *Delivery) bool {
	select {
	case q.slots <- struct{}{}:
		d.Lease, d.LeaseUntil = newLease(), d.CreatedAt.Add(q.leaseLifetime())
		return true
	default:
		return false
	}
}

// begin makes an attempt that goes on if its caller stops waiting. Its slot is taken already.
func (q *Queue) begin(d Delivery) <-chan Result {
	done := make(chan Result, 1)
	q.attempts.Go(func() {
		defer func() {
			<-q.slots
			if q.slotWanted.Swap(false) {
				q.wake()
			}
		}()
		done <- q.attempt(q.attemptCtx, d)
	})
	return done
}

func newLease() string { return wire.RandomAlphanumeric(16) }

func newDeliveryID(now time.Time) library.DeliveryID {
	return library.DeliveryID(library.NewOrderedID(now))
}

// Get finds a delivery of the bearer's contract, with the provider's answer. It refuses one that is unknown or
// somebody else's with RefusedUnknown, also one of another contract of the application.
func (q *Queue) Get(ctx context.Context, b *library.Bearer, id library.DeliveryID) (*Result, error) {
	d, err := q.store.GetDelivery(ctx, b.Library.ID, id)
	if errors.Is(err, library.ErrNotFound) || err == nil && !isOf(d, b.Client) {
		return nil, library.Unknown("Delivery").Because(err)
	}
	if err != nil {
		return nil, fmt.Errorf("get delivery: %w", err)
	}
	result := &Result{Delivery: d}
	if d.Answer != nil {
		if result.Answer, err = q.connections.boxes.openAnswer(d, d.Answer); err != nil {
			return nil, q.connections.recordTampering(ctx, err, d.Library)
		}
	}
	return result, nil
}

func isOf(d Delivery, c library.Client) bool {
	return d.Application == c.Application.ID && d.Contract == c.Contract.ID
}

// deliveryPage is how many deliveries List returns.
const deliveryPage = 100

// List lists the newest deliveries of the bearer's contract to the person's providers.
func (q *Queue) List(ctx context.Context, b *library.Bearer) ([]Delivery, error) {
	list, err := q.store.ListDeliveries(ctx, b.Library.ID, b.Client.ID(), Cursor{}, deliveryPage)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return list, nil
}

// ListForPerson lists up to limit of a person's deliveries after the cursor, newest first.
func (q *Queue) ListForPerson(ctx context.Context, s *library.SignedIn, before Cursor, limit int) ([]Delivery, error) {
	list, err := q.store.ListDeliveries(ctx, s.Library.ID, wire.ClientID{}, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return list, nil
}

// CountForPerson counts a person's deliveries that are not final.
func (q *Queue) CountForPerson(ctx context.Context, s *library.SignedIn) (int, error) {
	n, err := q.store.CountWaiting(ctx, s.Library.ID)
	if err != nil {
		return 0, fmt.Errorf("count deliveries: %w", err)
	}
	return n, nil
}
