package digime

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// What stands here is an extension of Carrel's: digi.me itself lets nobody follow what
// was pushed to a provider.

// DeliveryID names a [Delivery].
type DeliveryID string

// DeliveryState is how far a [Delivery] is.
type DeliveryState string

// The states of a [Delivery]. All but the first two are final.
const (
	// DeliveryWaiting: it will be tried, or tried again.
	DeliveryWaiting DeliveryState = "waiting"
	// DeliveryPosting: it is on its way at this moment.
	DeliveryPosting DeliveryState = "posting"
	// DeliveryDelivered: the provider has taken it, and said so.
	DeliveryDelivered DeliveryState = "delivered"
	// DeliveryRefused: the provider has refused it, or a part of a Bundle.
	DeliveryRefused DeliveryState = "refused"
	// DeliveryUnknown: nobody knows whether the provider has it. It is not tried
	// again.
	DeliveryUnknown DeliveryState = "unknown"
	// DeliveryExpired: it was not delivered in its time, or was called off.
	DeliveryExpired DeliveryState = "expired"
	// DeliveryReconnect: it was not delivered, because the provider does not let the
	// server in any longer.
	DeliveryReconnect DeliveryState = "reconnect"
)

// Final reports whether the state is a last one.
func (s DeliveryState) Final() bool { return s != DeliveryWaiting && s != DeliveryPosting }

// Delivery is a resource or Bundle on its way to a provider.
type Delivery struct {
	ID        DeliveryID `json:"id"`
	AccountID AccountID  `json:"accountId"`
	// Provider is the provider's name.
	Provider string        `json:"provider"`
	State    DeliveryState `json:"state"`
	// Reason says in a few words why it is in that state.
	Reason string `json:"reason,omitempty"`
	// ProviderStatus is the HTTP status of the provider's last answer; 0 if there was
	// none.
	ProviderStatus int `json:"providerStatus,omitempty"`
	// Types are the types of the resources.
	Types    []string `json:"types"`
	Attempts int      `json:"attempts"`
	Created  Millis   `json:"created"`
	Updated  Millis   `json:"updated"`
	// NextAttempt is when it is tried again, while it waits.
	NextAttempt Millis `json:"nextAttempt,omitempty"`
	// Expires is until when it is tried.
	Expires Millis `json:"expires"`
	// Answer is the provider's own, as JSON. [User.Deliveries] leaves it out, and the
	// server keeps it for a while only.
	Answer json.RawMessage `json:"answer,omitempty"`
}

// Err is nil while the delivery is under way and when it has arrived. Else it is a
// [*DeliveryError], with the same kinds of error in it as [User.PushToProvider] returns.
func (d Delivery) Err() error {
	why := cmp.Or(d.Reason, string(d.State))
	var e *Error
	switch d.State {
	case DeliveryWaiting, DeliveryPosting, DeliveryDelivered:
		return nil
	case DeliveryRefused:
		e = wire.ProviderRefused(d.ProviderStatus, why, d.Answer)
	case DeliveryUnknown:
		e = wire.DeliveryUnknown(why)
	case DeliveryReconnect:
		e = wire.ServiceAuthorization()
	default: // DeliveryExpired, and whatever else ends a delivery one day
		e = wire.DeliveryExpired(why)
	}
	return &DeliveryError{ID: d.ID, Err: e}
}

// DeliveryError is what went wrong with something that the server had kept for a
// provider. Unwrap is most often an [*Error].
type DeliveryError struct {
	ID  DeliveryID
	Err error
}

func (e *DeliveryError) Error() string { return fmt.Sprintf("delivery %s: %s", e.ID, e.Err) }

// Unwrap is the error itself.
func (e *DeliveryError) Unwrap() error { return e.Err }

// delivering names the delivery that an error is about, if there is one.
func delivering(id DeliveryID, err error) error {
	if id == "" {
		return err
	}
	return &DeliveryError{ID: id, Err: err}
}

// Deliveries lists what was lately pushed to the person's providers, newest first. It
// is an extension of Carrel's: at digi.me there is no such list, and the call fails.
func (u *User) Deliveries(ctx context.Context) ([]Delivery, error) {
	var list struct {
		Data []Delivery `json:"data"`
	}
	err := u.do(ctx, call{method: http.MethodGet, path: literal("permission-access/deliveries")}, jsonAnswer{&list, maxJSON}.read)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return list.Data, nil
}

// Delivery tells how far one push to a provider is, with the provider's answer. It is an
// extension of Carrel's, like the id that it takes: that of [ProviderAnswer],
// [DeliveryError] or [User.Deliveries].
func (u *User) Delivery(ctx context.Context, id DeliveryID) (Delivery, error) {
	if id == "" {
		return Delivery{}, errors.New("get delivery: no id: only a Carrel gives one")
	}
	var d Delivery
	cl := call{method: http.MethodGet, path: routeOf("permission-access/deliveries/{delivery}", string(id))}
	err := u.do(ctx, cl, jsonAnswer{&d, providerAnswer(maxResource)}.read)
	if err != nil {
		return Delivery{}, fmt.Errorf("get delivery: %w", err)
	}
	return d, nil
}

// How often a delivery is asked for: after a second at first, then less and less.
const (
	firstDeliveryPoll = time.Second
	mostDeliveryPoll  = 30 * time.Second
)

// WaitForDelivery asks again and again until the delivery has ended, which can take a day, or
// the context has. It returns the delivery as it then stands, and its
// [Delivery.Err]: without an error, the provider has it. An extension of Carrel's, see
// [User.Delivery].
func (u *User) WaitForDelivery(ctx context.Context, id DeliveryID) (Delivery, error) {
	for pause := firstDeliveryPoll; ; pause = min(2*pause, mostDeliveryPoll) {
		d, err := u.Delivery(ctx, id)
		if err != nil {
			return d, err
		}
		if d.State.Final() {
			return d, d.Err()
		}
		if err := u.client.sleep(ctx, pause); err != nil {
			return d, fmt.Errorf("wait for delivery %s: %w", id, err)
		}
	}
}
