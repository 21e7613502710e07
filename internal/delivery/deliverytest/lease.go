package deliverytest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// TestClaims tests how a delivery.LeaseStore leases deliveries and how leases end.
func TestClaims(t *testing.T, open func(t *testing.T) Store) {
	runEach(t, open, []storeTest{
		{"give what is due, longest due first", testClaimDue},
		{"give what was leased too long ago", testClaimExpired},
		{"give payloads until the end", testGetPayload},
		{"give no delivery twice", testClaimOnce},
		{"post what is held", testBeginPosting},
		{"post once", testBeginPostingAtOnce},
		{"post nothing to an account that is gone", testBeginPostingToNone},
		{"postpones what was certainly not filed", testPostpone},
		{"end each delivery", testEndDelivery},
		{"end each delivery once", testEndDeliveryAtOnce},
		{"end each delivery in one way", testEndDeliveryOneWay},
		{"end no delivery that is not there", testEndDeliveryOfNone},
		{"find what was lost", testListAbandoned},
		{"say when the next is due", testNextDue},
	})
}

func deliveryIDs(list []delivery.Delivery) (ids []library.DeliveryID) {
	for _, d := range list {
		ids = append(ids, d.ID)
	}
	return ids
}

func testClaimDue(t *testing.T, f *fixture) {
	g, a := f.sender()
	at := func(d time.Duration) delivery.Delivery { return f.delivery(g, a, later(d)) }
	second, first, third := at(-time.Minute), at(-time.Hour), at(0)
	at(time.Millisecond) // not due
	f.claimed(g, a, "other")
	f.posting(g, a, "other")
	ended := f.posting(g, a, "other")
	ended.State = delivery.Unknown
	must(t, f.EndDelivery(ctx, ended, sentEvent(ended, library.EventSentUnknown)))

	claim := func(lease string, limit int) []delivery.Delivery {
		t.Helper()
		return value(f.ClaimDeliveries(ctx, lease, now, later(time.Minute), limit))(t)
	}
	same(t, "limit 0", len(claim("l", 0)), 0)
	got := claim("l", 2)
	want := []delivery.Delivery{first, second}
	for i := range want {
		want[i].Lease, want[i].LeaseUntil = "l", later(time.Minute)
	}
	same(t, "stored", f.stored(first), want[0])
	for i := range want {
		want[i].Payload = nil
	}
	same(t, "claimed", got, want)
	same(t, "claimed next", deliveryIDs(claim("m", 10)), deliveryIDs([]delivery.Delivery{third}))
	same(t, "claimed last", len(claim("n", 10)), 0)
}

func testGetPayload(t *testing.T, f *fixture) {
	g, a := f.sender()
	d, other := f.posting(g, a, "l"), f.delivery(g, a, now)
	for _, d := range []delivery.Delivery{d, other} {
		same(t, "payload", value(f.GetPayload(ctx, d.ID))(t), d.Payload)
	}
	d.State = delivery.Unknown
	must(t, f.EndDelivery(ctx, d, sentEvent(d, library.EventSentUnknown)))
	_, err := f.GetPayload(ctx, d.ID)
	wantErr(t, "payload of one that has ended", err, library.ErrNotFound)
	_, err = f.GetPayload(ctx, "none")
	wantErr(t, "payload of none", err, library.ErrNotFound)
	same(t, "payload of the other", value(f.GetPayload(ctx, other.ID))(t), other.Payload)
}

func testClaimExpired(t *testing.T, f *fixture) {
	g, a := f.sender()
	first, second := f.delivery(g, a, later(-time.Hour)), f.delivery(g, a, later(-time.Minute))
	value(f.ClaimDeliveries(ctx, "l", now, later(time.Minute), 2))(t)
	due := f.delivery(g, a, later(time.Millisecond))
	soon := later(time.Minute - time.Millisecond)
	same(t, "claimed too early for the others",
		deliveryIDs(value(f.ClaimDeliveries(ctx, "n", soon, later(time.Hour), 10))(t)),
		deliveryIDs([]delivery.Delivery{due}))
	same(t, "claimed again",
		deliveryIDs(value(f.ClaimDeliveries(ctx, "n", later(time.Minute), later(time.Hour), 2))(t)),
		deliveryIDs([]delivery.Delivery{first, second}))
	wantErr(t, "post under the old lease", f.BeginPosting(ctx, first.ID, "l", later(time.Minute),
		later(time.Hour)), library.ErrUsed)
	wantErr(t, "put back under the old lease", f.Postpone(ctx, first.ID, "l", 0, "", now, now), library.ErrUsed)
	must(t, f.BeginPosting(ctx, first.ID, "n", later(time.Minute), later(time.Hour)))
}

func testClaimOnce(t *testing.T, f *fixture) {
	g, a := f.sender()
	const deliveries, nodes = 120, 12
	for _, err := range race(deliveries, func(int) error {
		return f.AddDelivery(ctx, anyDelivery(g, a, now),
			NoLimit)
	}) {
		must(t, err)
	}
	var mu sync.Mutex
	claims := map[library.DeliveryID]int{}
	for _, err := range race(nodes, func(i int) error {
		lease := fmt.Sprintf("lease %d", i)
		for {
			next, err := f.NextDue(ctx)
			if err != nil {
				return err
			}
			if next.After(now) {
				return nil // others hold what is left
			}
			list, err := f.ClaimDeliveries(ctx, lease, now, later(time.Minute), 5)
			if err != nil {
				return err
			}
			for _, d := range list {
				if d.Lease != lease {
					return fmt.Errorf("claimed under %s, want %s", d.Lease, lease)
				}
				if err := f.BeginPosting(ctx, d.ID, lease, now, later(time.Minute)); err != nil {
					return err
				}
				mu.Lock()
				claims[d.ID]++
				mu.Unlock()
			}
			if next.IsZero() {
				return nil
			}
		}
	}) {
		must(t, err)
	}
	same(t, "deliveries claimed", len(claims), deliveries)
	for id, n := range claims {
		if n != 1 {
			t.Errorf("delivery %s was claimed %d times", id, n)
		}
	}
}

func testBeginPosting(t *testing.T, f *fixture) {
	g, a := f.sender()
	d := f.claimed(g, a, "l")
	post := func(id library.DeliveryID, lease string, at time.Duration) error {
		return f.BeginPosting(ctx, id, lease, later(at), later(at+time.Hour))
	}
	wantErr(t, "under another lease", post(d.ID, "m", 0), library.ErrUsed)
	wantErr(t, "under none", post(d.ID, "", 0), library.ErrUsed)
	wantErr(t, "when the lease has run out", post(d.ID, "l", time.Minute), library.ErrUsed)
	wantErr(t, "no delivery", post("none", "l", 0), library.ErrNotFound)
	free := f.delivery(g, a, now)
	wantErr(t, "what nobody holds", post(free.ID, "", 0), library.ErrUsed)
	same(t, "delivery", f.stored(d), d)

	must(t, post(d.ID, "l", time.Minute-time.Millisecond))
	want := d
	want.State, want.Attempts, want.LeaseUntil = delivery.Posting, 1, later(time.Hour+time.Minute-time.Millisecond)
	same(t, "posting", f.stored(d), want)
	wantErr(t, "what is being posted", post(d.ID, "l", 0), library.ErrUsed)
}

func testBeginPostingAtOnce(t *testing.T, f *fixture) {
	g, a := f.sender()
	once := f.claimed(g, a, "l")
	oneWins(t, "post", race(20, func(int) error {
		return f.BeginPosting(ctx, once.ID, "l", now, later(time.Hour))
	}), library.ErrUsed)
	same(t, "attempts", f.stored(once).Attempts, 1)
}

func testBeginPostingToNone(t *testing.T, f *fixture) {
	g, a := f.sender()
	back := f.posting(g, a, "l")
	must(t, f.Disconnect(ctx, g.Library, "", a.ID, now, "", anyEvent(g.Library)))
	must(t, f.Postpone(ctx, back.ID, "l", 0, "", now, now))
	claimed := value(f.ClaimDeliveries(ctx, "m", now, later(time.Minute), 10))(t)
	same(t, "claimed", deliveryIDs(claimed), deliveryIDs([]delivery.Delivery{back}))
	wantErr(t, "to an account that is gone", f.BeginPosting(ctx, back.ID, "m", now, later(time.Hour)),
		library.ErrNotFound)
	claimed[0].Payload = back.Payload
	same(t, "delivery", f.stored(back), claimed[0])
}

func testPostpone(t *testing.T, f *fixture) {
	g, a := f.sender()
	put := func(id library.DeliveryID, lease string) error {
		return f.Postpone(ctx, id, lease, 503, "later", later(time.Hour), later(time.Second))
	}
	for _, d := range []delivery.Delivery{f.claimed(g, a, "l"), f.posting(g, a, "l")} {
		wantErr(t, "under another lease", put(d.ID, "m"), library.ErrUsed)
		wantErr(t, "under none", put(d.ID, ""), library.ErrUsed)
		must(t, put(d.ID, "l")) // however old the lease is
		want := d
		want.State, want.Status, want.Reason = delivery.Waiting, 503, "later"
		want.NextAt, want.UpdatedAt = later(time.Hour), later(time.Second)
		want.Lease, want.LeaseUntil = "", time.Time{}
		same(t, "put back", f.stored(d), want)
		wantErr(t, "again", put(d.ID, "l"), library.ErrUsed)
		wantErr(t, "what nobody holds", put(d.ID, ""), library.ErrUsed)
	}
	d := f.posting(g, a, "l")
	d.State = delivery.Refused
	must(t, f.EndDelivery(ctx, d, sentEvent(d, library.EventSentRefused)))
	wantErr(t, "what is final", put(d.ID, "l"), library.ErrUsed)
	wantErr(t, "what is final, under no lease", put(d.ID, ""), library.ErrUsed)
	wantErr(t, "no delivery", put("none", "l"), library.ErrNotFound)
}

func testListAbandoned(t *testing.T, f *fixture) {
	g, a := f.sender()
	d := f.posting(g, a, "l")
	f.claimed(g, a, "l") // waits: is claimed anew
	early := f.claimed(g, a, "l")
	must(t, f.BeginPosting(ctx, early.ID, "l", now, later(time.Minute)))
	same(t, "too early", deliveryIDs(value(f.ListAbandoned(ctx, later(time.Minute-time.Millisecond), 10))(t)),
		[]library.DeliveryID(nil))
	same(t, "lost", deliveryIDs(value(f.ListAbandoned(ctx, later(time.Minute), 10))(t)),
		deliveryIDs([]delivery.Delivery{early}))
	same(t, "limit", len(value(f.ListAbandoned(ctx, later(time.Hour), 1))(t)), 1)
	lost := value(f.ListAbandoned(ctx, later(time.Hour), 10))(t)
	same(t, "lost later", len(lost), 2)
	d.Payload = nil
	same(t, "lost without its payload", lost[slices.Index(deliveryIDs(lost), d.ID)], d)
	oneWins(t, "end", race(16, func(int) error {
		d := d
		d.State = delivery.Unknown
		return f.EndDelivery(ctx, d, sentEvent(d, library.EventSentUnknown))
	}), library.ErrUsed)
	same(t, "lost then", len(value(f.ListAbandoned(ctx, later(time.Hour), 10))(t)), 1)
	same(t, "what was lost is never claimed",
		len(value(f.ClaimDeliveries(ctx, "m", later(time.Hour), later(2*time.Hour), 10))(t)), 1)
}

func testNextDue(t *testing.T, f *fixture) {
	next := func() time.Time { t.Helper(); return value(f.NextDue(ctx))(t) }
	same(t, "none", next(), time.Time{})
	g, a := f.sender()
	held := f.claimed(g, a, "l")
	same(t, "when the lease of the only one runs out", next(), held.LeaseUntil)
	f.delivery(g, a, later(time.Hour))
	same(t, "the lease first", next(), held.LeaseUntil)
	f.delivery(g, a, later(30*time.Second))
	same(t, "the free one first", next(), later(30*time.Second))
	f.delivery(g, a, later(-time.Hour))
	same(t, "one that has long been due", next(), later(-time.Hour))
	early := anyDelivery(g, a, later(-2*time.Hour))
	early.NextAt, early.Lease, early.LeaseUntil = later(-90*time.Minute), "l", later(-90*time.Minute)
	must(t, f.AddDelivery(ctx, early, NoLimit))
	same(t, "one that is not leased beyond its time", next(), early.NextAt)
	for _, d := range value(f.ClaimDeliveries(ctx, "m", later(time.Hour), later(2*time.Hour), 10))(t) {
		must(t, f.BeginPosting(ctx, d.ID, "m", later(time.Hour), later(2*time.Hour)))
	}
	same(t, "none waits", next(), time.Time{})
}
