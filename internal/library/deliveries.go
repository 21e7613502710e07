package library

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// DeliveryConfig says how patiently resources are delivered. Zero values become the
// defaults.
type DeliveryConfig struct {
	// Wait is how long a push waits for the provider's own answer: 25 s by default.
	Wait time.Duration
	// Attempt is how long one attempt may take. MedMij gives a provider 60 s (Resource
	// interface); the default is 65.
	Attempt time.Duration
	// FirstRetry is about how long after a failure the next attempt is made (5 s by
	// default); it doubles up to MostRetry (15 min).
	FirstRetry, MostRetry time.Duration
	// Keep is how long a delivery is tried: a day by default.
	Keep time.Duration
	// KeepAnswers is how long a provider's answer can be asked for: 30 days by default.
	KeepAnswers time.Duration
	// AtOnce is how many attempts this server makes at a time: 256 by default, and a quarter
	// of that at one provider.
	AtOnce int
}

func (c *DeliveryConfig) fill() {
	for _, d := range []struct {
		of   *time.Duration
		then time.Duration
	}{
		{&c.Wait, 25 * time.Second}, {&c.Attempt, 65 * time.Second}, {&c.FirstRetry, 5 * time.Second},
		{&c.MostRetry, 15 * time.Minute}, {&c.Keep, 24 * time.Hour}, {&c.KeepAnswers, 30 * 24 * time.Hour},
	} {
		if *d.of == 0 {
			*d.of = d.then
		}
	}
	if c.AtOnce == 0 {
		c.AtOnce = 256
	}
}

// leaseMargin is how much longer than an attempt a claim lasts: for a renewal of access
// that it began, and for what is done with the answer.
const leaseMargin = renewalLifetime + 7*time.Second

func (d *Deliveries) lease() time.Duration { return d.config.Attempt + leaseMargin }

// Deliveries brings resources to providers; delivery.go says how each goes.
type Deliveries struct {
	store     DeliveryStore
	accounts  *Accounts
	clients   *Clients
	providers Providers
	ring      *seal.Keyring
	now       func() time.Time
	config    DeliveryConfig
	log       *slog.Logger

	places chan struct{}
	// memory is what resources under way may take of it together.
	memory *semaphore.Weighted
	busy   crowd
	woken  chan struct{}
	// short says that something waits for a place: who gives one back wakes Run.
	short atomic.Bool
	// attempts are those under way. They outlive the request that began them, and
	// are cut off by stop.
	attempts sync.WaitGroup
	stopped  context.Context
	stop     context.CancelFunc
}

// NewDeliveries returns the deliveries kept in store. Run works on them; Close must be
// called in the end.
func NewDeliveries(store DeliveryStore, accounts *Accounts, clients *Clients, providers Providers, ring *seal.Keyring, now func() time.Time, config DeliveryConfig, log *slog.Logger) *Deliveries {
	config.fill()
	d := &Deliveries{store: store, accounts: accounts, clients: clients, providers: providers, ring: ring, now: now, config: config, log: log,
		places: make(chan struct{}, config.AtOnce), memory: semaphore.NewWeighted(mostMemory), woken: make(chan struct{}, 1)}
	d.stopped, d.stop = context.WithCancel(context.Background())
	return d
}

func purposePayload(id DeliveryID) string { return "carrel delivery " + string(id) }
func purposeAnswer(id DeliveryID) string  { return "carrel delivery answer " + string(id) }

// Pushed is a delivery with the provider's own answer, if there is one.
type Pushed struct {
	Delivery Delivery
	// Answer is JSON; nil if there is none.
	Answer []byte
}

// Destination is the account that a bearer pushes to.
type Destination struct {
	bearer  *Bearer
	account ConnectedAccount
}

// Destination finds one of the bearer's accounts. Refusals are [*wire.Error]s: an account
// that is not there, or somebody else's, is NotFound; one that the person has to connect
// again is refused with ServiceAuthorizationError.
func (d *Deliveries) Destination(ctx context.Context, b *Bearer, id wire.AccountID) (*Destination, error) {
	if err := b.May(Write); err != nil {
		return nil, err
	}
	account, err := d.accounts.connectedAt(ctx, b.Library.ID, b.Client.Application.ID, id)
	if errors.Is(err, ErrNotFound) {
		return nil, wire.NotFound("Account").Because(err)
	}
	if err != nil {
		return nil, err
	}
	if account.NeedsPerson(d.now()) {
		return nil, wire.ServiceAuthorization()
	}
	return &Destination{b, account}, nil
}

// mostWaiting bounds what may wait for one account; a push beyond it is told to come back.
var mostWaiting = WaitingLimit{Number: 1000, Bytes: 100 << 20}

// Kept is a resource that has been kept, and may already be on its way.
type Kept struct {
	// Delivery is how it was kept.
	Delivery Delivery

	patience time.Duration
	done     <-chan Pushed // nil if it waits for its turn
}

// Keep keeps a resource and begins to send it to a destination. Refusals are
// [*wire.Error]s: then nothing has been kept.
func (d *Deliveries) Keep(ctx context.Context, to *Destination, r Resource) (*Kept, error) {
	if v := to.account.Source.Version; v != r.Version {
		return nil, wire.Validation("this provider takes FHIR " + string(v))
	}
	b, now := to.bearer, d.now()
	v := Delivery{ID: newDeliveryID(now), Library: b.Library.ID, Application: b.Client.Application.ID, Contract: b.Client.Contract.ID,
		Grant: b.Grant.ID, Account: to.account.ID, ProviderName: to.account.Source.Name, Types: r.Types, State: DeliveryWaiting,
		NextAt: now, ExpiresAt: now.Add(d.config.Keep), CreatedAt: now, UpdatedAt: now}
	var err error
	if v.Payload, err = d.sealPayload(v.ID, r); err != nil {
		return nil, err
	}
	v.Size = int64(len(v.Payload))
	atOnce := d.takePlace(&v)
	if err := d.store.AddDelivery(ctx, v, mostWaiting); err != nil {
		if atOnce {
			<-d.places
		}
		if errors.Is(err, ErrNotFound) { // revoked or disconnected a moment ago
			return nil, wire.InvalidToken(wire.KindAccessToken).Because(err)
		}
		return nil, fmt.Errorf("add delivery: %w", err)
	}
	v.Payload = nil // it is loaded when its turn comes
	k := &Kept{Delivery: v, patience: d.config.Wait}
	if atOnce {
		k.done = d.begin(v)
	} else {
		d.short.Store(true)
		d.wake() // a place may have become free in between
	}
	return k, nil
}

// Wait returns when the provider has answered, when the attempt has failed for now, or
// when its patience is over; the delivery goes on in any case.
func (k *Kept) Wait(ctx context.Context) *Pushed {
	if k.done == nil {
		return &Pushed{Delivery: k.Delivery}
	}
	patience := time.NewTimer(k.patience)
	defer patience.Stop()
	select {
	case p := <-k.done:
		return &p
	case <-patience.C:
	case <-ctx.Done():
	}
	return &Pushed{Delivery: k.Delivery}
}

// takePlace claims a delivery that is about to be kept, if there is a place for an attempt
// at once.
func (d *Deliveries) takePlace(v *Delivery) bool {
	select {
	case d.places <- struct{}{}:
		v.Lease, v.LeaseUntil = newLease(), v.CreatedAt.Add(d.lease())
		return true
	default:
		return false
	}
}

// begin makes an attempt that goes on whoever waits for it. The place has been taken.
func (d *Deliveries) begin(v Delivery) <-chan Pushed {
	done := make(chan Pushed, 1)
	d.attempts.Go(func() {
		defer func() {
			<-d.places
			if d.short.Swap(false) {
				d.wake()
			}
		}()
		done <- d.attempt(d.stopped, v)
	})
	return done
}

// sealPayload seals a resource: a line of JSON that says how it goes, and its body.
func (d *Deliveries) sealPayload(id DeliveryID, r Resource) ([]byte, error) {
	head, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode resource: %w", err)
	}
	return d.ring.Seal(purposePayload(id), slices.Concat(head, []byte{'\n'}, r.Body)), nil
}

func (d *Deliveries) openPayload(id DeliveryID, box []byte) (r Resource, err error) {
	text, err := d.ring.Open(purposePayload(id), box)
	if err != nil {
		return Resource{}, fmt.Errorf("open payload: the keyring is not the one that it was sealed with: %w", err)
	}
	head, body, ok := bytes.Cut(text, []byte{'\n'})
	if !ok || json.Unmarshal(head, &r) != nil {
		return Resource{}, errors.New("open payload: not what was sealed")
	}
	r.Body = body
	return r, nil
}

func newLease() string { return wire.RandomAlphanumeric(16) }

func newDeliveryID(now time.Time) DeliveryID { return DeliveryID(newFileID(now)) }

// Get finds a delivery of the bearer's application, with the provider's answer. One that
// is unknown or somebody else's is NotFound alike.
func (d *Deliveries) Get(ctx context.Context, b *Bearer, id DeliveryID) (*Pushed, error) {
	v, err := d.store.GetDelivery(ctx, b.Library.ID, id)
	if errors.Is(err, ErrNotFound) || err == nil && v.Application != b.Client.Application.ID {
		return nil, wire.NotFound("Delivery").Because(err)
	}
	if err != nil {
		return nil, fmt.Errorf("get delivery: %w", err)
	}
	p := &Pushed{Delivery: v}
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
func (d *Deliveries) List(ctx context.Context, b *Bearer) ([]Delivery, error) {
	list, err := d.store.ListDeliveries(ctx, b.Library.ID, b.Client.Application.ID, DeliveryCursor{}, deliveryPage)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return list, nil
}

// Own lists a person's deliveries, newest first, up to limit after the cursor.
func (d *Deliveries) Own(ctx context.Context, s *SignedIn, before DeliveryCursor, limit int) ([]Delivery, error) {
	list, err := d.store.ListDeliveries(ctx, s.Library.ID, "", before, limit)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return list, nil
}

// Waiting counts what of a person's is still on its way.
func (d *Deliveries) Waiting(ctx context.Context, s *SignedIn) (int, error) {
	n, err := d.store.CountWaiting(ctx, s.Library.ID)
	if err != nil {
		return 0, fmt.Errorf("count deliveries: %w", err)
	}
	return n, nil
}
