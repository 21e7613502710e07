package deliverytest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// TestDeliveries tests how a delivery.DeliveryStore keeps, lists and forgets deliveries.
func TestDeliveries(t *testing.T, open func(t *testing.T) Store) {
	runEach(t, open, []storeTest{
		{"are kept as they are given", testDeliveryKept},
		{"mark the grant once a minute", testMarkGrant},
		{"need a grant and an account that stand", testAddDeliveryRefused},
		{"are shown to nobody else", testForeignDelivery},
		{"are listed newest first", testListDeliveries},
		{"end with their grant or library", testCalledOff},
		{"do not end with another grant", testOtherGrant},
		{"do not wait under a grant that has ended", testCalledOffAtOnce},
		{"are counted until they end", testCountWaiting},
		{"wait up to a limit for one account", testWaitingLimit},
		{"lose their answers in time", testForgetAnswers},
	})
}

func testDeliveryKept(t *testing.T, f *fixture) {
	g, a := f.sender()
	d := f.delivery(g, a, later(time.Hour))
	same(t, "delivery", f.stored(d), d)
	same(t, "grant used", value(f.GetGrant(ctx, g.ID))(t).LastUsedAt, d.CreatedAt)
	same(t, "account used", value(f.GetConnection(ctx, g.Library, a.ID, true))(t).LastUsedAt, d.CreatedAt)
	same(t, "number of events", len(f.Events(g.Library)), 3)

	held := anyDelivery(g, a, now)
	held.Types, held.ProviderName, held.Reason = nil, "L'Été %_", "because"
	held.Status, held.Attempts, held.Answer = 503, 3, anySeal()
	held.Lease, held.LeaseUntil = "lease", later(time.Minute)
	must(t, f.AddDelivery(ctx, held, NoLimit))
	same(t, "held delivery", f.stored(held), held)

	exact := anyDelivery(g, a, now)
	exact.NextAt = time.Date(2026, 11, 24, 9, 0, 0, 123_999_999, time.FixedZone("", 3600))
	must(t, f.AddDelivery(ctx, exact, NoLimit))
	same(t, "next", f.stored(exact).NextAt, time.Date(2026, 11, 24, 8, 0, 0, 123_000_000, time.UTC))

	odd := anyDelivery(g, a, now)
	odd.ProviderName, odd.Reason, odd.Types = "nul \x00, no UTF-8 \xff", "\x00\xff", []string{"\x00\xff"}
	must(t, f.AddDelivery(ctx, odd, NoLimit))

	again := anyDelivery(g, a, now)
	again.ID = d.ID
	wantErr(t, "id that is there", f.AddDelivery(ctx, again, NoLimit), library.ErrExists)
	same(t, "delivery", f.stored(d), d)
}

func testMarkGrant(t *testing.T, f *fixture) {
	g, a := f.sender()
	f.delivery(g, a, now)
	f.delivery(g, a, later(59*time.Second))
	same(t, "grant used", value(f.GetGrant(ctx, g.ID))(t).LastUsedAt, now)
	same(t, "account used", value(f.GetConnection(ctx, g.Library, a.ID, true))(t).LastUsedAt, later(59*time.Second))
	f.delivery(g, a, later(time.Minute))
	same(t, "grant used", value(f.GetGrant(ctx, g.ID))(t).LastUsedAt, later(time.Minute))
}

func testAddDeliveryRefused(t *testing.T, f *fixture) {
	g, a := f.sender()
	og, oa := f.sender()
	second, _, _ := f.Approve(personOf(g), f.AnyClient(library.Write))
	for what, change := range map[string]func(d *delivery.Delivery){
		"no library":                     func(d *delivery.Delivery) { d.Library = "none" },
		"no grant":                       func(d *delivery.Delivery) { d.Grant = "none" },
		"grant of another library":       func(d *delivery.Delivery) { d.Grant = og.ID },
		"no account":                     func(d *delivery.Delivery) { d.Account = "none" },
		"account of another library":     func(d *delivery.Delivery) { d.Account = oa.ID },
		"account of another application": func(d *delivery.Delivery) { d.Application = og.Application },
		"account of another grant":       func(d *delivery.Delivery) { d.Grant = second.ID },
	} {
		d := anyDelivery(g, a, now)
		change(&d)
		wantErr(t, what, f.AddDelivery(ctx, d, NoLimit), library.ErrNotFound)
		_, err := f.GetDelivery(ctx, d.Library, d.ID)
		wantErr(t, what+": delivery", err, library.ErrNotFound)
	}
	same(t, "grant used", value(f.GetGrant(ctx, g.ID))(t).LastUsedAt, time.Time{})
	must(t, f.RevokeGrant(ctx, g.Library, g.ID, now, anyEvent(g.Library)))
	wantErr(t, "revoked grant", f.AddDelivery(ctx, anyDelivery(g, a, now), NoLimit), library.ErrNotFound)
	must(t, f.ShutLibrary(ctx, og.Library, later(time.Hour), "", anyEvent(og.Library)))
	wantErr(t, "shut library", f.AddDelivery(ctx, anyDelivery(og, oa, now), NoLimit), library.ErrNotFound)
}

func testForeignDelivery(t *testing.T, f *fixture) {
	g, a := f.sender()
	d := f.delivery(g, a, now)
	other := f.AnyPerson()
	for _, place := range []struct {
		library  library.ID
		delivery library.DeliveryID
	}{{other.ID, d.ID}, {g.Library, "none"}, {"%", "%"}, {g.Library, "\x00\xff"}} {
		_, err := f.GetDelivery(ctx, place.library, place.delivery)
		wantErr(t, "delivery", err, library.ErrNotFound)
	}
	same(t, "deliveries", len(value(f.ListDeliveries(ctx, other.ID, wire.ClientID{}, delivery.Cursor{}, 10))(t)), 0)
	same(t, "number", value(f.CountWaiting(ctx, other.ID))(t), 0)
}

func testCountWaiting(t *testing.T, f *fixture) {
	g, a := f.sender()
	f.delivery(g, a, now)
	f.claimed(g, a, "l")
	d := f.posting(g, a, "l")
	same(t, "number", value(f.CountWaiting(ctx, g.Library))(t), 3)
	d.State = delivery.Refused
	must(t, f.EndDelivery(ctx, d, sentEvent(d, library.EventSentRefused)))
	same(t, "number", value(f.CountWaiting(ctx, g.Library))(t), 2)
	same(t, "number of no library", value(f.CountWaiting(ctx, "none"))(t), 0)
}

func testWaitingLimit(t *testing.T, f *fixture) {
	g, a := f.sender()
	og, oa := f.sender()
	most := delivery.WaitingLimit{Number: 2, Bytes: 100}
	add := func(g library.Grant, a delivery.Connection, size int64) error {
		d := anyDelivery(g, a, now)
		d.Size = size
		return f.AddDelivery(ctx, d, most)
	}
	ended := f.posting(g, a, "l")
	ended.State = delivery.Delivered
	must(t, f.EndDelivery(ctx, ended, sentEvent(ended, library.EventSentAccepted)))
	must(t, add(g, a, 60))
	wantErr(t, "too large", add(g, a, 41), library.ErrBusy)
	must(t, add(g, a, 40))
	wantErr(t, "too many", add(g, a, 0), library.ErrBusy)
	must(t, add(og, oa, 100))
}

func testForgetAnswers(t *testing.T, f *fixture) {
	g, a := f.sender()
	var ended []delivery.Delivery
	for _, at := range []time.Time{now, later(time.Millisecond)} {
		d := f.posting(g, a, "l")
		d.State, d.Answer, d.UpdatedAt = delivery.Refused, anySeal(), at
		must(t, f.EndDelivery(ctx, d, sentEvent(d, library.EventSentRefused)))
		ended = append(ended, f.stored(d))
	}
	waiting := anyDelivery(g, a, now)
	waiting.Answer = anySeal()
	must(t, f.AddDelivery(ctx, waiting, NoLimit))
	must(t, f.ForgetAnswers(ctx, later(time.Millisecond)))
	ended[0].Answer = nil
	for _, d := range append(ended, waiting) {
		same(t, "delivery", f.stored(d), d)
	}
}

func testListDeliveries(t *testing.T, f *fixture) {
	p := f.AnyPerson()
	client := f.AnyClient(library.Write)
	other := f.AnyContract(client.Application, library.Write)
	g, _, _ := f.Approve(p, client)
	og, _, _ := f.Approve(p, other)
	a, oa := f.account(g, 1), f.account(og, 1)
	var want, theirs []delivery.Delivery
	for _, at := range []time.Time{later(time.Millisecond), now} {
		// Ids whose order differs between alphabets, newest first.
		for i, id := range []string{"c1", "c.1", "b2", "b1", "b0", "a1", "_x", "B2", "A1"} {
			d := anyDelivery(g, a, at)
			if i%3 == 1 {
				d = anyDelivery(og, oa, at)
			}
			d.ID = library.DeliveryID(fmt.Sprintf("%s-%d", id, at.Sub(now)))
			d.Answer = anySeal()
			must(t, f.AddDelivery(ctx, d, NoLimit))
			d.Payload, d.Answer = nil, nil
			want = append(want, d)
			if i%3 == 1 {
				theirs = append(theirs, d)
			}
		}
	}
	sg, sa := f.sender()
	f.delivery(sg, sa, now)
	for _, limit := range []int{1, 2, 7, 100} {
		for client, want := range map[wire.ClientID][]delivery.Delivery{{}: want, other.ID(): theirs} {
			var got []delivery.Delivery
			var at delivery.Cursor
			for {
				page := value(f.ListDeliveries(ctx, p.ID, client, at, limit))(t)
				if len(page) > limit {
					t.Fatalf("a page of %d has %d deliveries", limit, len(page))
				}
				if len(page) == 0 {
					break
				}
				got = append(got, page...)
				last := page[len(page)-1]
				at = delivery.Cursor{CreatedAt: last.CreatedAt, ID: last.ID}
			}
			same(t, fmt.Sprintf("deliveries by %d", limit), got, want)
		}
	}
	for what, of := range map[string]wire.ClientID{
		"of no contract":           {Application: client.Application.ID, Contract: "none"},
		"of another application's": {Application: "none", Contract: client.Contract.ID},
	} {
		same(t, what, len(value(f.ListDeliveries(ctx, p.ID, of, delivery.Cursor{}, 9))(t)), 0)
	}
	same(t, "limit 0", len(value(f.ListDeliveries(ctx, p.ID, wire.ClientID{}, delivery.Cursor{}, 0))(t)), 0)
}

func testCalledOff(t *testing.T, f *fixture) {
	for reason, end := range map[string]func(g library.Grant, e library.Event) error{
		"the application was stopped": func(g library.Grant, e library.Event) error {
			return f.RevokeGrant(ctx, g.Library, g.ID, e.At, e)
		},
		"the library was shut": func(g library.Grant, e library.Event) error {
			return f.ShutLibrary(ctx, g.Library, later(time.Hour), "", e)
		},
	} {
		g, a := f.sender()
		waiting, held, posted := f.delivery(g, a, now), f.claimed(g, a, "l"), f.posting(g, a, "l")
		back := f.posting(g, a, "l")
		done := f.posting(g, a, "l")
		done.State = delivery.Delivered
		must(t, f.EndDelivery(ctx, done, sentEvent(done, library.EventSentAccepted)))
		done = f.stored(done)
		stranger, sa := f.sender()
		theirs := f.delivery(stranger, sa, now)
		events := len(f.Events(g.Library))

		e := anyEvent(g.Library)
		e.At = later(time.Minute)
		must(t, end(g, e))
		for _, d := range []delivery.Delivery{waiting, held} {
			same(t, reason, f.stored(d), calledOff(d, reason, e.At))
		}
		same(t, reason+": what is being posted", f.stored(posted), posted)
		same(t, reason+": what had ended", f.stored(done), done)
		same(t, reason+": what is another's", f.stored(theirs), theirs)
		same(t, reason+": number of events", len(f.Events(g.Library)), events+2) // one for the account
		wantErr(t, reason+": post what was held", f.BeginPosting(ctx, held.ID, "l", now, later(time.Hour)),
			library.ErrUsed)

		posted.State, posted.UpdatedAt = delivery.Delivered, later(time.Hour)
		must(t, f.EndDelivery(ctx, posted, sentEvent(posted, library.EventSentAccepted)))
		// What was not filed waits again, and is not sent.
		must(t, f.Postpone(ctx, back.ID, "l", 503, "later", later(time.Hour), later(time.Minute)))
		claimed := value(f.ClaimDeliveries(ctx, "m", later(time.Hour), later(2*time.Hour), 10))(t)
		if !slices.ContainsFunc(claimed, func(d delivery.Delivery) bool { return d.ID == back.ID }) {
			t.Fatalf("%s: what was put back is not claimed", reason)
		}
		wantErr(t, reason+": post", f.BeginPosting(ctx, back.ID, "m", later(time.Hour), later(2*time.Hour)),
			library.ErrNotFound)
		same(t, reason+": state", f.stored(back).State, delivery.Waiting)
	}

}

func testOtherGrant(t *testing.T, f *fixture) {
	p := f.AnyPerson()
	g, _, _ := f.Approve(p, f.AnyClient(library.Write))
	kept, _, _ := f.Approve(p, f.AnyClient(library.Write))
	d := f.delivery(kept, f.account(kept, 1), now)
	must(t, f.RevokeGrant(ctx, p.ID, g.ID, now, anyEvent(p.ID)))
	same(t, "delivery of another grant", f.stored(d), d)
}

func testCalledOffAtOnce(t *testing.T, f *fixture) {
	for range 10 {
		g, a := f.sender()
		deliveries := make([]delivery.Delivery, 6)
		for i := range deliveries {
			deliveries[i] = anyDelivery(g, a, now)
		}
		race(len(deliveries)+1, func(i int) error {
			if i == len(deliveries) {
				return f.RevokeGrant(ctx, g.Library, g.ID, now, anyEvent(g.Library))
			}
			return f.AddDelivery(ctx, deliveries[i], NoLimit)
		})
		same(t, "what waits under a revoked grant", value(f.CountWaiting(ctx, g.Library))(t), 0)
	}
}

func testEndDelivery(t *testing.T, f *fixture) {
	g, a := f.sender()
	for _, state := range []delivery.State{delivery.Delivered, delivery.Refused,
		delivery.Unknown, delivery.Expired, delivery.Reconnect} {
		for _, d := range []delivery.Delivery{f.posting(g, a, "l"), f.claimed(g, a, "l")} {
			f.wantEnds(t, d, state)
		}
	}
}

// wantEnds checks that a delivery that is held under the lease "l" ends in a state, under that lease
// and once.
func (f *fixture) wantEnds(t *testing.T, d delivery.Delivery, state delivery.State) {
	t.Helper()
	events := len(f.Events(d.Library))
	end := d
	end.State, end.Status, end.Reason = state, 201, "filed"
	end.Answer, end.UpdatedAt = anySeal(), later(time.Minute)
	for what, lease := range map[string]string{"under another lease": "m", "under none": ""} {
		wrong := end
		wrong.Lease = lease
		wantErr(t, what, f.EndDelivery(ctx, wrong, sentEvent(end, library.EventSentAccepted)), library.ErrUsed)
	}
	same(t, "delivery", f.stored(d), d)
	same(t, "number of events", len(f.Events(d.Library)), events)

	must(t, f.EndDelivery(ctx, end, sentEvent(end, library.EventSentAccepted)))
	want := end
	want.Payload, want.Lease, want.LeaseUntil = nil, "", time.Time{}
	same(t, "ended", f.stored(d), want)
	e := f.NewestEvent(d.Library)
	same(t, "kind of event", e.Kind, library.EventSentAccepted)
	same(t, "delivery of event", e.Details.Delivery, d.ID)
	same(t, "types of event", e.Details.Types, d.Types)
	for _, lease := range []string{"l", ""} {
		again := end
		again.State, again.Lease = delivery.Unknown, lease
		wantErr(t, "again", f.EndDelivery(ctx, again, sentEvent(end, library.EventSentUnknown)), library.ErrUsed)
	}
	same(t, "ended first", f.stored(d), want)
	same(t, "number of events", len(f.Events(d.Library)), events+1)
}

func testEndDeliveryOfNone(t *testing.T, f *fixture) {
	g, a := f.sender()
	other := f.AnyPerson()
	none := anyDelivery(g, a, now)
	none.Lease = "l"
	events := len(f.Events(g.Library))
	wantErr(t, "no delivery", f.EndDelivery(ctx, none, sentEvent(none, library.EventSentUnknown)),
		library.ErrNotFound)
	same(t, "number of events", len(f.Events(g.Library)), events)

	d := f.posting(g, a, "l")
	wantErr(t, "event of no library", f.EndDelivery(ctx, d, anyEvent("none")), library.ErrNotFound)
	same(t, "delivery", f.stored(d), d)

	must(t, f.DeleteLibrary(ctx, g.Library, now))
	wantErr(t, "of a library that is gone", f.EndDelivery(ctx, d, sentEvent(d, library.EventSentUnknown)),
		library.ErrNotFound)
	same(t, "events of another library", len(f.Events(other.ID)), 1)
}

func testEndDeliveryAtOnce(t *testing.T, f *fixture) {
	g, a := f.sender()
	d := f.posting(g, a, "l")
	events := len(f.Events(g.Library))
	errs := race(20, func(i int) error {
		d := d
		d.State, d.Status = delivery.Delivered, 200+i
		return f.EndDelivery(ctx, d, sentEvent(d, library.EventSentAccepted))
	})
	oneWins(t, "end", errs, library.ErrUsed)
	same(t, "who ended it", f.stored(d).Status, 200+slices.IndexFunc(errs,
		func(err error) bool { return err == nil }))
	same(t, "number of events", len(f.Events(g.Library)), events+1)
}

// A delivery ends in one way, whoever puts it back, ends it, or calls it off.
func testEndDeliveryOneWay(t *testing.T, f *fixture) {
	for range 10 {
		g, a := f.sender()
		d := f.posting(g, a, "l")
		errs := race(3, func(i int) error {
			switch i {
			case 0:
				return f.Postpone(ctx, d.ID, "l", 0, "", now, now)
			case 1:
				return f.RevokeGrant(ctx, g.Library, g.ID, now, anyEvent(g.Library))
			}
			d := d
			d.State = delivery.Delivered
			return f.EndDelivery(ctx, d, sentEvent(d, library.EventSentAccepted))
		})
		must(t, errs[1])
		if (errs[0] == nil) == (errs[2] == nil) {
			t.Errorf("putting back: %v, ending: %v; want one of the two", errs[0], errs[2])
		}
		for _, err := range errs {
			if err != nil && !errors.Is(err, library.ErrUsed) {
				t.Error(err)
			}
		}
		if delivered := f.stored(d).State == delivery.Delivered; delivered != (errs[2] == nil) {
			t.Errorf("it was delivered: %t, ending said %v", delivered, errs[2])
		}
	}
}
