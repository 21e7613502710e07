package wire

import "encoding/json"

// Deliveries are an extension of the protocol that a Carrel has and digi.me does not.

// Delivery is a resource or Bundle that the server delivers to a provider: the response of
// permission-access/deliveries/{id}, and an element of [DeliveryList].
type Delivery struct {
	ID      string    `json:"id"`
	Account AccountID `json:"accountId"`
	// Provider is the provider's name.
	Provider string `json:"provider"`
	// State is waiting, posting, delivered, refused, unknown, expired or reconnect. All but the first two are final.
	State string `json:"state"`
	// Reason says in a few words why the delivery is in this state.
	Reason string `json:"reason,omitempty"`
	// ProviderStatus is the HTTP status of the provider's last response.
	ProviderStatus int `json:"providerStatus,omitempty"`
	// Types are the types of the resources.
	Types    []string `json:"types"`
	Attempts int      `json:"attempts"`
	Created  Millis   `json:"created"`
	Updated  Millis   `json:"updated"`
	// NextAttempt is when the server will try again, while the delivery waits.
	NextAttempt Millis `json:"nextAttempt,omitempty"`
	// Expires is when the server stops trying.
	Expires Millis `json:"expires"`
	// Answer is the provider's own response, such as an OperationOutcome. A list omits it.
	Answer json.RawMessage `json:"answer,omitempty"`
}

// DeliveryList is the response of permission-access/deliveries, newest first.
type DeliveryList struct {
	Data []Delivery `json:"data"`
}

// HeaderDelivery is the header with the id of the delivery, in every response to a push that the server has accepted
// for a provider.
const HeaderDelivery = "X-Delivery-Id"

// PushAnswer is the response to a push to a provider that has sent no response of its own, or none yet.
type PushAnswer struct {
	// Status is "delivered" or "accepted".
	Status   string    `json:"status"`
	Delivery *Delivery `json:"delivery"`
}

// The statuses of a [PushAnswer].
const (
	PushDelivered = "delivered" // the provider has confirmed that it received the resource
	PushAccepted  = "accepted"  // the server continues to deliver the resource
)
