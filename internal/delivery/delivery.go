package delivery

import (
	"context"
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

// DeliveryStore keeps deliveries; delivery.go says how they go.
type DeliveryStore interface {
	// AddDelivery adds a delivery, marks the grant as used as AddFile does (with at the
	// delivery's CreatedAt), and sets the account's LastUsedAt. ErrNotFound if the grant
	// has been revoked, the library shut or deleted or the account disconnected meanwhile,
	// or if that is pending or somebody else's; ErrExists for an id that is there; ErrBusy if
	// with it more than most would wait for the account.
	AddDelivery(ctx context.Context, d Delivery, most WaitingLimit) error
	// ClaimDeliveries leases up to limit deliveries that are waiting, due (NextAt at or before
	// now) and not leased at now, longest due first: it sets Lease and LeaseUntil and returns them,
	// without Payload and Answer.
	// No two claims return the same delivery while its lease lasts.
	ClaimDeliveries(ctx context.Context, lease string, now, until time.Time, limit int) ([]Delivery, error)
	// BeginPosting turns a waiting delivery that is held under the lease into one that is
	// being posted, extends the lease and counts Attempts up. ErrUsed if the lease is no
	// longer held (at now), or the delivery is not waiting; ErrNotFound if its grant has been
	// revoked or has expired, its account disconnected, or it is gone.
	BeginPosting(ctx context.Context, id library.DeliveryID, lease string, now, until time.Time) error
	// Postpone makes a delivery that is held under the lease, waiting or being posted, wait
	// until next; it sets Status, Reason and UpdatedAt and ends the lease. ErrUsed if the
	// lease is not held by that name (however old), or the delivery is final.
	Postpone(
		ctx context.Context,
		id library.DeliveryID,
		lease string,
		status int,
		reason string,
		next, at time.Time,
	) error
	// EndDelivery writes the final state: State, Status, Reason, Answer and UpdatedAt are
	// those of d, the payload and the lease go, and the event is added. ErrUsed if the
	// lease (d.Lease) is not held by that name, or the delivery is final; ErrNotFound if it is gone.
	EndDelivery(ctx context.Context, d Delivery, e library.Event) error
	// ListAbandoned lists up to limit deliveries that are being posted and whose lease ran out at
	// or before now. Payload and Answer are left out.
	ListAbandoned(ctx context.Context, now time.Time, limit int) ([]Delivery, error)
	// GetPayload returns what a delivery is to send; ErrNotFound if there is nothing (any
	// more).
	GetPayload(ctx context.Context, id library.DeliveryID) ([]byte, error)
	// NextDue is when the next waiting delivery is due or, if it is leased beyond that, its
	// lease runs out; zero if none waits.
	NextDue(ctx context.Context) (time.Time, error)
	// GetDelivery returns ErrNotFound for one of another library.
	GetDelivery(ctx context.Context, id library.ID, delivery library.DeliveryID) (Delivery, error)
	// ListDeliveries lists up to limit of a library's deliveries, newest first, those of
	// one application or of all if it is empty, made before the cursor (zero: from the newest). Payload and Answer
	// are left out.
	ListDeliveries(
		ctx context.Context,
		id library.ID,
		application wire.ApplicationID,
		before Cursor,
		limit int,
	) ([]Delivery, error)
	// CountWaiting counts a library's deliveries that are not final.
	CountWaiting(ctx context.Context, id library.ID) (int, error)
	// ForgetAnswers forgets the answers of deliveries that ended before the given time. It
	// is as many transactions as it likes.
	ForgetAnswers(ctx context.Context, before time.Time) error
}

// Cursor is a place in a library's list of deliveries, which is ordered by
// (CreatedAt, ID).
type Cursor struct {
	CreatedAt time.Time
	ID        library.DeliveryID
}

// WaitingLimit is how many deliveries may wait for one account, and how large they may be
// together.
type WaitingLimit struct {
	Number int
	Bytes  int64
}
