package digime_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
)

// Every field of the wire's arrives.
func TestDelivery(t *testing.T) {
	l := start(t)
	sent := wire.Delivery{ID: "1", Account: "13_y", Provider: "Huisarts", State: "refused", Reason: "why", ProviderStatus: 422, Types: []string{"Bundle"},
		Attempts: 2, Created: 1, Updated: 2, NextAttempt: 3, Expires: 4, Answer: json.RawMessage(`{"resourceType":"OperationOutcome"}`)}
	for v, i := reflect.ValueOf(sent), 0; i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Errorf("%s is not tried", v.Type().Field(i).Name)
		}
	}
	l.deliveries = map[string][]wire.Delivery{"1": {sent}}
	user := l.user(t, l.Write)
	got, err := user.Delivery(t.Context(), "1")
	if err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(sent)
	if b, _ := json.Marshal(got); string(a) != string(b) {
		t.Errorf("got  %s\nsent %s", b, a)
	}
	list, err := user.Deliveries(t.Context())
	if err != nil || len(list) != 1 || list[0].ID != "1" || list[0].Answer != nil {
		t.Errorf("list %+v, error %v", list, err)
	}
	if _, err := user.Delivery(t.Context(), "2"); !errors.Is(err, digime.ErrNotFound) {
		t.Errorf("another: %v", err)
	}
	if _, err := user.Delivery(t.Context(), ""); err == nil || len(l.seen("/deliveries/")) != 0 {
		t.Errorf("no id: %v", err)
	}
}

// Waiting ends with the delivery, and tells of its end as the push would have.
func TestWaitForDelivery(t *testing.T) {
	outcome := json.RawMessage(`{"resourceType":"OperationOutcome"}`)
	for _, test := range []struct {
		end    wire.Delivery
		is     error
		status int
	}{
		{wire.Delivery{State: "delivered"}, nil, 0},
		{wire.Delivery{State: "refused", ProviderStatus: 409, Answer: outcome}, digime.ErrProviderRefused, 409},
		{wire.Delivery{State: "refused", ProviderStatus: 200, Reason: "entry 2", Answer: outcome}, digime.ErrProviderRefused, 422},
		{wire.Delivery{State: "refused", ProviderStatus: 404, Answer: outcome}, digime.ErrProviderRefused, 502},
		{wire.Delivery{State: "refused", ProviderStatus: 401}, digime.ErrProviderRefused, 502},
		{wire.Delivery{State: "refused"}, digime.ErrProviderRefused, 502},
		{wire.Delivery{State: "unknown"}, digime.ErrDeliveryUnknown, 504},
		{wire.Delivery{State: "expired"}, digime.ErrDeliveryExpired, 502},
		{wire.Delivery{State: "reconnect"}, digime.ErrServiceAuthorization, 511},
		{wire.Delivery{State: "of a later version"}, digime.ErrDeliveryExpired, 502},
	} {
		l := start(t)
		answers := []wire.Delivery{{State: "waiting"}, {State: "posting"}, {State: "waiting"}, {State: "waiting"}, {State: "waiting"}, {State: "waiting"}, {State: "posting"}, test.end}
		for i := range answers {
			answers[i].ID = "1"
		}
		l.deliveries = map[string][]wire.Delivery{"1": answers}
		var pauses []time.Duration
		client := l.client(t, digime.Paused(func(d time.Duration) { pauses = append(pauses, d/time.Second) }))
		d, err := client.User(l.Write.parse(t), l.token(l.Write)).WaitForDelivery(t.Context(), "1")
		if string(d.State) != test.end.State || !d.State.Final() || !errors.Is(err, test.is) || (err == nil) != (test.is == nil) {
			t.Errorf("%s: %+v, error %v", test.end.State, d, err)
		}
		var e *digime.Error
		if errors.As(err, &e) && (e.Status != test.status || string(e.Outcome) != string(test.end.Answer)) {
			t.Errorf("%s: error %+v", test.end.State, e)
		}
		if want := []time.Duration{1, 2, 4, 8, 16, 30, 30}; !reflect.DeepEqual(pauses, want) {
			t.Errorf("pauses %d, want %d", pauses, want)
		}
	}

	l := start(t)
	l.deliveries = map[string][]wire.Delivery{"1": {{ID: "1", State: "waiting"}}}
	ctx, cancel := context.WithCancel(t.Context())
	client := l.client(t, digime.Paused(func(time.Duration) { cancel() }))
	d, err := client.User(l.Write.parse(t), l.token(l.Write)).WaitForDelivery(ctx, "1")
	if !errors.Is(err, context.Canceled) || d.State != digime.DeliveryWaiting {
		t.Errorf("given up: %+v, error %v", d, err)
	}
}
