package wire

import "encoding/json"

// What stands here is Carrel's own: an extension of the protocol, by which an
// application follows what it has pushed to a provider.

// Delivery is a resource or Bundle on its way to a provider: the answer of
// permission-access/deliveries/{id}, and what a list of them holds.
type Delivery struct {
	ID      string    `json:"id"`
	Account AccountID `json:"accountId"`
	// Provider is the provider's name.
	Provider string `json:"provider"`
	// State is waiting, posting, delivered, refused, unknown, expired or reconnect; all
	// but the first two are final.
	State string `json:"state"`
	// Reason says in a few words why.
	Reason string `json:"reason,omitempty"`
	// ProviderStatus is the HTTP status of the provider's last answer.
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
	// Answer is the provider's own, such as an OperationOutcome. It is not listed.
	Answer json.RawMessage `json:"answer,omitempty"`
}

// DeliveryList is the answer of permission-access/deliveries, newest first.
type DeliveryList struct {
	Data []Delivery `json:"data"`
}

// HeaderDelivery names the delivery in every answer to a push to a provider that has
// been kept.
const HeaderDelivery = "X-Delivery-Id"

// PushAnswer is the answer to a push to a provider that gave no answer of its own, or
// none yet.
type PushAnswer struct {
	// Status is "delivered" or "accepted".
	Status   string    `json:"status"`
	Delivery *Delivery `json:"delivery"`
}

// The statuses of a [PushAnswer].
const (
	PushDelivered = "delivered"
	PushAccepted  = "accepted"
)
