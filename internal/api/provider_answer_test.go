package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/simulator"
)

// providerAnswer is how a provider takes a push, and what its application is told of the delivery.
type providerAnswer struct {
	name  string
	is    simulator.Behaviour
	body  string // a weight if empty
	state string
	// status is that of a success. A delivery that ends otherwise is refused as want says.
	status int
	want   refusal
	// answer is what the provider's own answer has; empty if there is none.
	answer string
	// filed counts the resources that the provider has afterwards.
	filed int
}

// mode is a provider that answers each resource in one way.
func mode(m simulator.ResourceMode) simulator.Behaviour { return simulator.Behaviour{Resource: m} }

var deliveredAnswers = []providerAnswer{
	{name: "right", status: 201, answer: `"resourceType":"Observation"`, filed: 1},
	{name: "right, batch", body: batch(hidden, "b"), status: 200, answer: `"batch-response"`, filed: 2},
	{name: "outcome", is: mode(simulator.ResourceOperationOutcome), status: 201,
		answer: `"OperationOutcome"`, filed: 1},
	{name: "bare", is: mode(simulator.ResourceNoBody), status: 201, filed: 1},
	{name: "empty", is: mode(simulator.ResourceEmpty), status: 200, filed: 1},
	{name: "XML", is: mode(simulator.ResourceXML), status: 200, filed: 1},
	{name: "half an answer", is: mode(simulator.ResourceNotJSON), status: 201, filed: 1},
	{name: "cut within the answer", is: mode(simulator.ResourceCutDuring), status: 201, filed: 1},
}

// TestProviderDelivers checks that whatever a provider says after it has filed a resource, the resource is delivered.
func TestProviderDelivers(t *testing.T) {
	t.Parallel()
	checkProviderAnswers(t, "delivered", deliveredAnswers)
}

// providerRefused refuses with the status of the provider, or with one that stands for it.
func providerRefused(status int) refusal {
	return refusal{status, wire.CodeProviderRefused, "The provider has refused it: the provider answered …"}
}

var refusedAnswers = []providerAnswer{
	{name: "400", is: mode("400"), want: providerRefused(400), answer: `"OperationOutcome"`},
	{name: "409", is: mode("409"), want: providerRefused(409), answer: `"OperationOutcome"`},
	{name: "410", is: mode("410"), want: providerRefused(410), answer: `"OperationOutcome"`},
	{name: "412", is: mode("412"), want: providerRefused(412), answer: `"OperationOutcome"`},
	{name: "422", is: mode(simulator.ResourceUnprocessable), want: providerRefused(422), answer: `"OperationOutcome"`},
	{name: "404", is: mode("404"), want: providerRefused(502), answer: `"OperationOutcome"`},
	{name: "405", is: mode("405"), want: providerRefused(502), answer: `"OperationOutcome"`},
	{name: "406", is: mode("406"), want: providerRefused(502), answer: `"OperationOutcome"`},
	{name: "415", is: mode("415"), want: providerRefused(502), answer: `"OperationOutcome"`},
	{name: "302", is: mode(simulator.ResourceRedirect), want: providerRefused(502)},
	{name: "307", is: mode(simulator.ResourceRedirect307), want: providerRefused(502)},
	{name: "a failed entry", is: mode(simulator.ResourceFailedEntry), body: batch(hidden, "b"),
		want: refusal{422, wire.CodeProviderRefused,
			"The provider has refused it: the provider answered 200: but entry 2 of 2 has 422; 1 were filed"},
		answer: `"batch-response"`, filed: 1},
}

// TestProviderRefuses checks that the application is told of a refusal in the provider's own words.
func TestProviderRefuses(t *testing.T) {
	t.Parallel()
	checkProviderAnswers(t, "refused", refusedAnswers)
}

var deliveryUnknown = refusal{504, wire.CodeDeliveryUnknown, "It is not known whether the provider has it: …"}

var unknownAnswers = []providerAnswer{
	{name: "a page", is: mode(simulator.ResourceHTML), want: deliveryUnknown},
	{name: "500", is: mode("500"), want: deliveryUnknown, answer: `"OperationOutcome"`},
	{name: "500, filed", is: mode(simulator.ResourceFiled500), want: deliveryUnknown, answer: `"OperationOutcome"`,
		filed: 1},
	{name: "502, filed", is: mode(simulator.ResourceFiled502), want: deliveryUnknown, filed: 1},
	{name: "504, filed", is: mode(simulator.ResourceFiled504), want: deliveryUnknown, filed: 1},
	{name: "cut after", is: mode(simulator.ResourceCutAfter), want: deliveryUnknown, filed: 1},
	{name: "cut before", is: mode(simulator.ResourceCutBefore), want: deliveryUnknown},
	{name: "a Bundle too short", is: mode(simulator.ResourceMissingEntry), body: batch(hidden, "b"),
		want: deliveryUnknown, answer: `"batch-response"`, filed: 2},
}

// TestProviderLeavesUnknown checks that the application is told if nobody knows whether the provider has filed.
func TestProviderLeavesUnknown(t *testing.T) {
	t.Parallel()
	checkProviderAnswers(t, "unknown", unknownAnswers)
}

var busyAnswers = []providerAnswer{
	{name: "429, then right",
		is:    simulator.Behaviour{Resource: simulator.ResourceBusy, ResourceTimes: 2, RetryAfter: -1},
		state: "delivered", status: 202, answer: `"resourceType":"Observation"`, filed: 1},
	{name: "503, then right", is: simulator.Behaviour{Resource: "503", ResourceTimes: 1, RetryAfter: -1},
		body:  strings.Replace(weight(hidden), `"meta"`, `"language":"nl","meta"`, 1),
		state: "delivered", status: 202, answer: `"language":"nl"`, filed: 1},
	{name: "503 for longer than it is tried", is: simulator.Behaviour{Resource: "503", RetryAfter: time.Hour},
		state: "expired",
		want:  refusal{502, wire.CodeDeliveryExpired, "It was not delivered: the provider answered 503: busy"}},
}

// TestProviderBusy checks that what was certainly not filed is tried again, until it has expired.
func TestProviderBusy(t *testing.T) {
	t.Parallel()
	checkProviderAnswers(t, "", busyAnswers)
}

// checkProviderAnswers pushes to a provider that answers in each of the ways. All deliveries end in the state, if it
// is given.
func checkProviderAnswers(t *testing.T, state string, answers []providerAnswer) {
	t.Helper()
	w := newProviderWorld(t, hastily)
	w.Secrets.Plant(hidden)
	k := w.sender(t)
	for _, tt := range answers {
		if tt.body == "" {
			tt.body = weight(hidden)
		}
		if state != "" {
			tt.state = state
		}
		t.Run(tt.name, func(t *testing.T) {
			w.Simulator.SetBehaviour(linde, tt.is)
			filed := entries(w.Simulator.Filed())
			a := w.send(t, w.deliver(k.Grant, k.account, tt.body))
			id := a.Header.Get(wire.HeaderDelivery)
			if id == "" || len(a.Header.Values(wire.HeaderDelivery)) != 1 {
				t.Fatalf("%d %s names no delivery: %v", a.StatusCode, a.body, a.Header)
			}
			if tt.want.status != 0 {
				w.checkRefusedDelivery(t, a, tt)
			} else {
				checkTakenDelivery(t, a, tt, k.account)
			}
			w.checkEndedDelivery(t, k, id, tt)
			if n := entries(w.Simulator.Filed()) - filed; n != tt.filed {
				t.Errorf("%d were filed, want %d", n, tt.filed)
			}
		})
	}
	w.works(t)
}

// checkRefusedDelivery checks what a push is answered whose delivery did not succeed.
func (w *world) checkRefusedDelivery(t *testing.T, a answer, tt providerAnswer) {
	t.Helper()
	w.Secrets.Forget(hidden) // the provider may quote what it was sent
	w.refused(t, a, tt.want)
	w.Secrets.Plant(hidden)
	e, err := errorOf(a)
	if err != nil {
		t.Fatal(err)
	}
	own := tt.state == "refused" && tt.answer != ""
	if own != (e.Outcome != nil) || own && !strings.Contains(string(e.Outcome), tt.answer) {
		t.Errorf("outcome %s, want the provider's words of a refusal: %q", e.Outcome, tt.answer)
	}
}

// checkTakenDelivery checks what a push is answered that was delivered, or will be tried again.
func checkTakenDelivery(t *testing.T, a answer, tt providerAnswer, account wire.AccountID) {
	t.Helper()
	if a.StatusCode != tt.status || a.Header.Get("Content-Type") != "application/json" ||
		a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v, want %d", a.StatusCode, a.Header, tt.status)
		return
	}
	if tt.status != 202 && tt.answer != "" {
		if !strings.Contains(string(a.body), tt.answer) {
			t.Errorf("answer %s, want the provider's own, with %q", a.body, tt.answer)
		}
		return
	}
	want := wire.PushDelivered
	if tt.status == 202 {
		want = wire.PushAccepted
	}
	var got wire.PushAnswer
	id := a.Header.Get(wire.HeaderDelivery)
	if err := unmarshal(a.body, &got); err != nil || got.Status != want || got.Delivery == nil ||
		got.Delivery.ID != id || got.Delivery.Account != account {
		t.Errorf("answer %s, want %s of %s", a.body, want, id)
	}
}

// checkEndedDelivery checks what is known of the delivery later, when it has ended.
func (w *world) checkEndedDelivery(t *testing.T, k *sender, id string, tt providerAnswer) {
	t.Helper()
	d := w.deliveryOf(t, k.Grant, id)
	if tt.status == 202 {
		d = w.endedDelivery(t, k, id)
	}
	if d.ID != id || d.State != tt.state || d.Account != k.account ||
		!strings.HasPrefix(d.Provider, "Huisartsenpraktijk De Linde") || d.NextAttempt != 0 || d.Attempts < 1 {
		t.Errorf("delivery %s %s of %s at %s after %d attempts, want %s", d.ID, d.State, d.Account,
			d.Provider, d.Attempts, tt.state)
	}
	if !strings.Contains(string(d.Answer), tt.answer) || (tt.answer == "" && d.Answer != nil) {
		t.Errorf("answer of the delivery %s, want one with %q", d.Answer, tt.answer)
	}
}

// endedDelivery waits until a delivery has ended.
func (w *world) endedDelivery(t *testing.T, k *sender, id string) (d wire.Delivery) {
	t.Helper()
	carreltest.Eventually(t, "the delivery has ended", func() bool {
		d = w.deliveryOf(t, k.Grant, id)
		return d.State != "waiting" && d.State != "posting"
	})
	return d
}

func entries(filed []simulator.Filing) (n int) {
	for _, f := range filed {
		n += f.Entries
	}
	return n
}
