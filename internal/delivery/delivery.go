package delivery

import (
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// How a delivery goes:
//
//	kept ──> waiting ──claim──> posting ──answer──> delivered | refused | reconnect
//	            ▲                  │ └──no answer, or a crash──> unknown
//	            └──surely not filed┘
//	            └──time──> expired
//
// It is kept before it is tried. A claim is a lease: a server that dies while it holds
// one loses it. A delivery whose lease ran out while it waited is claimed anew; one
// that was being posted may have been filed, so it ends as unknown and is never sent
// again. The last state is written once.

// State is how far a delivery is.
type State string

// The states of a delivery; all but the first two are final.
const (
	// Waiting: it will be tried, or tried again.
	Waiting State = "waiting"
	// Posting: it is on the wire.
	Posting State = "posting"
	// Delivered: the provider has taken it, and said so.
	Delivered State = "delivered"
	// Refused: the provider has refused it, or a part of it.
	Refused State = "refused"
	// Unknown: nobody knows whether the provider has filed it.
	Unknown State = "unknown"
	// Expired: it could not be delivered in its time, or was called off.
	Expired State = "expired"
	// Reconnect: the provider's consent is over; the person has to connect
	// again, and the application to push again.
	Reconnect State = "reconnect"
)

// Final reports whether the state is a last one.
func (s State) Final() bool { return s != Waiting && s != Posting }

// Delivery is one resource or Bundle on its way to a provider.
type Delivery struct {
	ID          library.DeliveryID
	Library     library.ID
	Application wire.ApplicationID
	Contract    wire.ContractID
	Grant       library.GrantID
	Account     wire.AccountID
	// ProviderName is the provider's name of that day.
	ProviderName string
	// Types are the types of the resources: what it is, without its content.
	Types []string
	State State
	// Status is the HTTP status of the provider's last answer; 0 if there was none.
	Status int
	// Reason says in a few words why it is where it is: for the log and the
	// application. It repeats nothing of the content.
	Reason   string
	Attempts int
	// Payload is what is to be sent, sealed by the keyring; nil once it has ended. Size is
	// how long it was.
	Payload []byte
	Size    int64
	// Approval is the provider's own answer, sealed by the keyring; nil if there is none,
	// or none any more.
	Answer []byte
	// Lease names the claim under which it is being worked on, until LeaseUntil.
	Lease      string
	LeaseUntil time.Time
	// NextAt is when it is to be tried.
	NextAt    time.Time
	ExpiresAt time.Time
	CreatedAt time.Time
	UpdatedAt time.Time
}
