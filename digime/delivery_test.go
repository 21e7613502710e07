package digime_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
)

// Every field of the wire arrives.
func TestGetDelivery(t *testing.T) {
	l := start(t)
	const sent = `{"id":"1","accountId":"2_provider","provider":"GP","state":"refused","reason":"why",` +
		`"providerStatus":422,"types":["Bundle"],"attempts":2,"created":1,"updated":2,"nextAttempt":3,"expires":4,` +
		`"answer":{"resourceType":"OperationOutcome"}}`
	var d digime.Delivery
	if err := json.Unmarshal([]byte(sent), &d); err != nil {
		t.Fatal(err)
	}
	if zero := fieldWithZero(reflect.ValueOf(d)); zero != "" {
		t.Errorf("%s is not set", zero)
	}
	l.SetDelivery(d)
	user := l.writer(t)
	got, err := user.GetDelivery(t.Context(), "1")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := json.Marshal(got); err != nil || string(text) != sent {
		t.Errorf("got  %s, error %v\nsent %s", text, err, sent)
	}
	list, err := user.ListDeliveries(t.Context())
	if err != nil || len(list) != 1 || list[0].ID != "1" || list[0].Answer != nil {
		t.Errorf("list %+v, error %v", list, err)
	}
	if _, err := user.GetDelivery(t.Context(), "2"); !errors.Is(err, digime.ErrNotFound) {
		t.Errorf("another: %v", err)
	}
	before := l.count("")
	if _, err := user.GetDelivery(t.Context(), ""); !errors.Is(err, digime.ErrValidation) || l.count("") != before {
		t.Errorf("no id: %v", err)
	}
}

// Waiting ends with the delivery, and reports its end as the push would have.
func TestWaitForDelivery(t *testing.T) {
	outcome := json.RawMessage(`{"resourceType":"OperationOutcome"}`)
	for _, test := range []struct {
		end    digime.Delivery
		is     error
		status int
	}{
		{digime.Delivery{State: "delivered"}, nil, 0},
		{digime.Delivery{State: "refused", ProviderStatus: 409, Answer: outcome}, digime.ErrProviderRefused, 409},
		{digime.Delivery{State: "refused", ProviderStatus: 200, Reason: "entry 2", Answer: outcome},
			digime.ErrProviderRefused, 422},
		{digime.Delivery{State: "refused", ProviderStatus: 404, Answer: outcome}, digime.ErrProviderRefused, 502},
		{digime.Delivery{State: "refused", ProviderStatus: 401}, digime.ErrProviderRefused, 502},
		{digime.Delivery{State: "refused"}, digime.ErrProviderRefused, 502},
		{digime.Delivery{State: "unknown"}, digime.ErrDeliveryUnknown, 504},
		{digime.Delivery{State: "expired"}, digime.ErrDeliveryExpired, 502},
		{digime.Delivery{State: "reconnect"}, digime.ErrServiceAuthorization, 511},
		{digime.Delivery{State: "of a later version"}, digime.ErrDeliveryExpired, 502},
	} {
		l := start(t)
		var states []digime.Delivery
		for _, state := range []digime.DeliveryState{
			"waiting", "posting", "waiting", "waiting", "waiting", "waiting", "posting",
		} {
			states = append(states, digime.Delivery{ID: "1", State: state})
		}
		l.SetDelivery(append(states, test.end)...)
		var pauses []time.Duration
		contract := l.contract(t, l.WriteContract, digime.WithPauses(func(d time.Duration) {
			pauses = append(pauses, d/time.Second)
		}))
		d, err := contract.User(l.Token(l.WriteContract)).WaitForDelivery(t.Context(), "1")
		if d.State != test.end.State || !d.State.Final() || !errors.Is(err, test.is) ||
			(err == nil) != (test.is == nil) {
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
}

func TestWaitForDeliveryStops(t *testing.T) {
	l := start(t)
	l.SetDelivery(digime.Delivery{ID: "1", State: digime.DeliveryWaiting})
	ctx, cancel := context.WithCancel(t.Context())
	contract := l.contract(t, l.WriteContract, digime.WithPauses(func(time.Duration) { cancel() }))
	d, err := contract.User(l.Token(l.WriteContract)).WaitForDelivery(ctx, "1")
	if !errors.Is(err, context.Canceled) || d.State != digime.DeliveryWaiting {
		t.Errorf("cancelled: %+v, error %v", d, err)
	}
}

// fieldWithZero returns the name of an exported field of the struct, or of a struct in it, that has its zero value.
func fieldWithZero(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.Slice && v.Len() > 0 && v.Index(0).Kind() == reflect.Struct:
		return fieldWithZero(v.Index(0))
	case v.Kind() != reflect.Struct || v.Type() == reflect.TypeFor[time.Time]():
		return ""
	}
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if v.Field(i).IsZero() {
			return name
		}
		if v.Field(i).Type() == reflect.TypeFor[digime.SourceLogo]() {
			continue // the logos of the parts are not complete
		}
		if inner := fieldWithZero(v.Field(i)); inner != "" {
			return name + "." + inner
		}
	}
	return ""
}
