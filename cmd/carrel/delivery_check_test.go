package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// check compares the deliveries with what the provider has filed, with the answers that the
// application got, and with the activity of the library.
func (c *courier) check(t *testing.T, count, kills int) {
	all := c.deliveries(t)
	filed := c.checkFiledOnce(t)
	n := c.checkStates(t, all, filed)
	c.checkEvents(t, all)
	if v := c.sim.Violations(); len(v) > 0 {
		t.Errorf("%d rules broken at the provider, the first: %s", len(v), v[0])
	}
	t.Logf("%d pushes, %d kills, %d deliveries: %s; %d filed, none twice; %d of the unknown ones filed; "+
		"%d pushes without an answer; %d deliveries with several attempts; %d connected again",
		count, kills, len(all), countStates(all), len(c.sim.Filed()), n.unknownFiled, n.unanswered, repeated(all),
		c.reconnects)
	if len(c.answers)-n.unanswered < count/2 {
		t.Errorf("only %d of %d pushes were answered: too little was tested", len(c.answers)-n.unanswered, count)
	}
}

// checkFiledOnce returns how often each run was filed.
func (c *courier) checkFiledOnce(t *testing.T) map[string]int {
	t.Helper()
	filed := map[string]int{}
	for _, f := range c.sim.Filed() {
		filed[f.Run]++
		if filed[f.Run] > 1 {
			t.Errorf("%s was filed %d times", f.Run, filed[f.Run])
		}
	}
	return filed
}

// counts are what checkStates counts.
type counts struct {
	unanswered      int // pushes without an answer
	unansweredFiled int // resources of those that were filed
	unknownFiled    int // resources that were filed, of deliveries in the state unknown
}

// checkStates checks that each answered push has a delivery, and that its state fits what
// the provider has filed.
func (c *courier) checkStates(t *testing.T, all []delivery.Delivery, filed map[string]int) (n counts) {
	t.Helper()
	byID := map[digime.DeliveryID]delivery.Delivery{}
	for _, d := range all {
		byID[digime.DeliveryID(d.ID)] = d
	}
	for run, p := range c.answers {
		if p.delivery == "" {
			n.unanswered++
			n.unansweredFiled += filed[run]
			continue
		}
		d, ok := byID[p.delivery]
		if !ok {
			t.Errorf("%s: delivery %s was in the answer and does not exist", run, p.delivery)
			continue
		}
		delete(byID, p.delivery)
		checkState(t, run, d, filed[run])
		if d.State == delivery.Unknown {
			n.unknownFiled += filed[run]
		}
	}
	// The rest are deliveries whose answer was lost when the server was killed.
	maybeFiled := 0
	for _, d := range byID {
		if d.State == delivery.Delivered || d.State == delivery.Unknown || d.State == delivery.Refused {
			maybeFiled++
		}
	}
	if n.unansweredFiled > maybeFiled {
		t.Errorf("%d resources of pushes without an answer were filed, and only %d deliveries can be theirs",
			n.unansweredFiled, maybeFiled)
	}
	return n
}

// checkState checks the state of one delivery against the number of times that it was
// filed. Of a batch the provider may have filed a part and refused the rest.
func checkState(t *testing.T, run string, d delivery.Delivery, filed int) {
	t.Helper()
	switch d.State {
	case delivery.Delivered:
		if filed != 1 {
			t.Errorf("%s is delivered, and the provider has filed it %d times", run, filed)
		}
	case delivery.Unknown:
	case delivery.Refused:
		if filed != 0 && len(d.Types) < 2 {
			t.Errorf("%s is refused, and the provider has filed it", run)
		}
	default:
		if filed != 0 {
			t.Errorf("%s is %s (%s), and the provider has filed it", run, d.State, d.Reason)
		}
	}
}

// checkEvents checks that the activity has one event for the end of each delivery, of the
// kind of its state.
func (c *courier) checkEvents(t *testing.T, all []delivery.Delivery) {
	t.Helper()
	events := map[library.DeliveryID][]library.EventKind{}
	for _, e := range activityOf(t, c.database, courierEmail) {
		if strings.HasPrefix(string(e.Kind), "sent.") {
			events[e.Details.Delivery] = append(events[e.Details.Delivery], e.Kind)
		}
	}
	kinds := map[delivery.State]library.EventKind{
		delivery.Delivered: library.EventSentAccepted,
		delivery.Refused:   library.EventSentRefused,
		delivery.Unknown:   library.EventSentUnknown,
		delivery.Expired:   library.EventSentGivenUp,
		delivery.Reconnect: library.EventSentGivenUp,
	}
	for _, d := range all {
		if got := events[d.ID]; len(got) != 1 || got[0] != kinds[d.State] {
			t.Errorf("delivery %s is %s, and the activity says %v", d.ID, d.State, got)
		}
	}
}

// countStates says how many deliveries are in each state.
func countStates(all []delivery.Delivery) string {
	states := map[delivery.State]int{}
	for _, d := range all {
		states[d.State]++
	}
	var parts []string
	for _, s := range slices.Sorted(maps.Keys(states)) {
		parts = append(parts, fmt.Sprintf("%d %s", states[s], s))
	}
	return strings.Join(parts, ", ")
}

// repeated counts the deliveries with more than one attempt.
func repeated(all []delivery.Delivery) (n int) {
	for _, d := range all {
		if d.Attempts > 1 {
			n++
		}
	}
	return n
}
