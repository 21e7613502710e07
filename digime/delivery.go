package digime

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// DeliveryState is the state of a [Delivery].
type DeliveryState string

// The states of a [Delivery]. All but the first two are final.
const (
	// DeliveryWaiting: the server will try, or try again.
	DeliveryWaiting DeliveryState = "waiting"
	// DeliveryPosting: the server is sending the resource.
	DeliveryPosting DeliveryState = "posting"
	// DeliveryDelivered: the provider has confirmed that it received the resource.
	DeliveryDelivered DeliveryState = "delivered"
	// DeliveryRefused: the provider has refused the resource, or a part of the Bundle.
	DeliveryRefused DeliveryState = "refused"
	// DeliveryUnknown: it is not known whether the provider has the resource. The server does not try again.
	DeliveryUnknown DeliveryState = "unknown"
	// DeliveryExpired: the resource was not delivered in time, or the delivery was cancelled.
	DeliveryExpired DeliveryState = "expired"
	// DeliveryReconnect: the resource was not delivered, because the provider no longer accepts the server's access.
	DeliveryReconnect DeliveryState = "reconnect"
)

// Final reports whether the state is a final one.
func (s DeliveryState) Final() bool { return s != DeliveryWaiting && s != DeliveryPosting }

// Delivery is a resource or Bundle that the server delivers to a provider. It marshals to the JSON of the protocol.
// Deliveries are an extension that a Carrel has and digi.me does not.
type Delivery struct {
	// ID identifies the delivery.
	ID DeliveryID
	// AccountID is the account at the provider.
	AccountID AccountID
	// Provider is the name of the provider.
	Provider string
	// State is how far the delivery is.
	State DeliveryState
	// Reason says in a few words why the delivery is in this state.
	Reason string
	// ProviderStatus is the HTTP status of the provider's last response; 0 if there was none.
	ProviderStatus int
	// Types are the types of the resources.
	Types []string
	// Attempts is how often the server has tried.
	Attempts int
	// CreatedAt is when the server accepted the resource.
	CreatedAt time.Time
	// UpdatedAt is when the state last changed.
	UpdatedAt time.Time
	// NextAttemptAt is when the server will try again, while the delivery waits.
	NextAttemptAt time.Time
	// ExpiresAt is when the server stops trying.
	ExpiresAt time.Time
	// Answer is the provider's own response, as JSON. [User.ListDeliveries] omits it, and the server keeps it for a
	// limited time.
	Answer json.RawMessage
}

// Err returns nil if the delivery is under way or the provider has the resource. Otherwise it returns a
// [*DeliveryError], which matches the same errors as the error of [User.PushToProvider].
func (d Delivery) Err() error {
	why := cmp.Or(d.Reason, string(d.State))
	var e *Error
	switch d.State {
	case DeliveryWaiting, DeliveryPosting, DeliveryDelivered:
		return nil
	case DeliveryRefused:
		e = &Error{Code: CodeProviderRefused, Status: refusedStatus(d.ProviderStatus),
			Message: "The provider has refused it: " + why, Outcome: d.Answer}
	case DeliveryUnknown:
		e = &Error{Code: CodeDeliveryUnknown, Status: http.StatusGatewayTimeout,
			Message: "It is not known whether the provider has it: " + why}
	case DeliveryReconnect:
		e = &Error{Code: CodeServiceAuthorization, Status: http.StatusNetworkAuthenticationRequired,
			Message: "Service authorization required"}
	default: // DeliveryExpired, and final states of later versions
		e = &Error{Code: CodeDeliveryExpired, Status: http.StatusBadGateway, Message: "It was not delivered: " + why}
	}
	return &DeliveryError{ID: d.ID, Err: e}
}

// refusedStatus returns the status with which a server reports a provider's refusal. It is the provider's own if that
// is about the resource, and 422 for a batch that was stored in part.
func refusedStatus(provider int) int {
	switch provider {
	case http.StatusBadRequest, http.StatusConflict, http.StatusGone, http.StatusPreconditionFailed,
		http.StatusUnprocessableEntity:
		return provider
	case http.StatusOK, http.StatusCreated:
		return http.StatusUnprocessableEntity
	}
	return http.StatusBadGateway
}

// DeliveryError is an error of a resource that the server had accepted for delivery.
type DeliveryError struct {
	// ID identifies the delivery.
	ID DeliveryID
	// Err is the error, most often an [*Error].
	Err error
}

// Error returns the id of the delivery and the text of Err.
func (e *DeliveryError) Error() string { return fmt.Sprintf("delivery %s: %s", e.ID, e.Err) }

// Unwrap returns Err.
func (e *DeliveryError) Unwrap() error { return e.Err }

// withDelivery adds the delivery to its error, if there is one.
func withDelivery(id DeliveryID, err error) error {
	if id == "" {
		return err
	}
	return &DeliveryError{ID: id, Err: err}
}

// ListDeliveries returns what was recently pushed to the person's providers, newest first. digi.me has no such call.
func (u *User) ListDeliveries(ctx context.Context) ([]Delivery, error) {
	var list struct {
		Data *[]Delivery `json:"data"`
	}
	err := u.doJSON(ctx, call{method: http.MethodGet, path: literal("permission-access/deliveries")}, &list)
	if err == nil && list.Data == nil {
		err = missing("list")
	}
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return *list.Data, nil
}

// GetDelivery returns one delivery, including the provider's response. The id is that of a [ProviderResponse], a
// [DeliveryError] or [User.ListDeliveries]. digi.me has no such call.
func (u *User) GetDelivery(ctx context.Context, id DeliveryID) (Delivery, error) {
	if id == "" {
		return Delivery{}, invalid("get delivery: no delivery id: only a Carrel gives one")
	}
	var d Delivery
	cl := call{method: http.MethodGet, path: routeOf("permission-access/deliveries/{delivery}", string(id))}
	err := u.do(ctx, cl, jsonResponse{&d, maxProviderResponse(maxResource)}.read)
	if err == nil && d.State == "" {
		err = missing("state")
	}
	if err != nil {
		return Delivery{}, fmt.Errorf("get delivery: %w", err)
	}
	return d, nil
}

// The shortest and the longest pause between two requests for the state of a delivery.
const (
	minDeliveryPoll = time.Second
	maxDeliveryPoll = 30 * time.Second
)

// WaitForDelivery asks for a delivery until its state is final, which can take a day, or the context ends. It returns
// the delivery and its [Delivery.Err]: if there is no error, the provider has the resource. digi.me has no such call.
func (u *User) WaitForDelivery(ctx context.Context, id DeliveryID) (Delivery, error) {
	for pause := minDeliveryPoll; ; pause = min(2*pause, maxDeliveryPoll) {
		d, err := u.GetDelivery(ctx, id)
		if err != nil {
			return d, err
		}
		if d.State.Final() {
			return d, d.Err()
		}
		if err := u.contract.client.sleep(ctx, pause); err != nil {
			return d, fmt.Errorf("wait for delivery %s: %w", id, err)
		}
	}
}

// MarshalJSON writes the JSON of the protocol.
func (d Delivery) MarshalJSON() ([]byte, error) {
	return json.Marshal(wire.Delivery{
		ID: string(d.ID), Account: wire.AccountID(d.AccountID), Provider: d.Provider, State: string(d.State),
		Reason: d.Reason, ProviderStatus: d.ProviderStatus, Types: d.Types, Attempts: d.Attempts,
		Created: millisOf(d.CreatedAt), Updated: millisOf(d.UpdatedAt), NextAttempt: millisOf(d.NextAttemptAt),
		Expires: millisOf(d.ExpiresAt), Answer: d.Answer,
	})
}

// UnmarshalJSON reads the JSON of the protocol.
func (d *Delivery) UnmarshalJSON(data []byte) error {
	var w wire.Delivery
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*d = Delivery{
		ID: DeliveryID(w.ID), AccountID: AccountID(w.Account), Provider: w.Provider, State: DeliveryState(w.State),
		Reason: w.Reason, ProviderStatus: w.ProviderStatus, Types: w.Types, Attempts: w.Attempts,
		CreatedAt: timeOf(w.Created), UpdatedAt: timeOf(w.Updated), NextAttemptAt: timeOf(w.NextAttempt),
		ExpiresAt: timeOf(w.Expires), Answer: w.Answer,
	}
	return nil
}
