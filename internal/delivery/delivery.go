package delivery

import (
	"context"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// How a delivery goes:
//
//	stored ──> waiting ──BeginPosting──> posting ──answer──> delivered | refused | reconnect
//	            ▲  │                       │  └──no answer, or a crash──> unknown
//	            │  └──time──> expired      │
//	            └───certainly not filed────┘
//
// A delivery is stored before the first attempt. A server claims it for a lease, and loses it if
// it dies. If the lease of a waiting delivery runs out, another server claims it; a delivery that
// was being posted may have been filed, so it ends as unknown and is never sent again. The final
// state is written once.

// State is the state of a delivery.
type State string

// The states of deliveries. All but the first two are final.
const (
	// Waiting: an attempt will be made.
	Waiting State = "waiting"
	// Posting: an attempt is under way.
	Posting State = "posting"
	// Delivered: the provider has filed it.
	Delivered State = "delivered"
	// Refused: the provider has refused it, or a part of it.
	Refused State = "refused"
	// Unknown: it is not known whether the provider has filed it.
	Unknown State = "unknown"
	// Expired: it could not be delivered in time, or its grant or account has ended.
	Expired State = "expired"
	// Reconnect: the provider does not accept our access any more. The person has to connect the
	// account again, and the application to push again.
	Reconnect State = "reconnect"
)

// Final reports whether the state is final.
func (s State) Final() bool { return s != Waiting && s != Posting }

// Delivery is one resource or Bundle on its way to a provider.
type Delivery struct {
	ID          library.DeliveryID
	Library     library.ID
	Application wire.ApplicationID
	Contract    wire.ContractID
	Grant       library.GrantID
	Account     wire.AccountID
	// ProviderName is the provider's name at the time of the push.
	ProviderName string
	// Types are the types of the resources.
	Types []string
	State State
	// Status is the HTTP status of the provider's last answer; 0 if there was none.
	Status int
	// Reason says in a few words why it is in its state, for the log and the application. It
	// repeats nothing of the content.
	Reason   string
	Attempts int
	// Payload is what is to be sent, sealed by the keyring; nil in a final state. Size is its
	// length.
	Payload []byte
	Size    int64
	// Answer is the provider's answer, sealed by the keyring; nil if there is none, or none any
	// more.
	Answer []byte
	// Lease names the claim under which a server holds it, until LeaseUntil.
	Lease      string
	LeaseUntil time.Time
	// NextAt is when the next attempt is due.
	NextAt    time.Time
	ExpiresAt time.Time
	CreatedAt time.Time
	UpdatedAt time.Time
}

// DeliveryStore stores deliveries.
type DeliveryStore interface {
	// AddDelivery adds a delivery, marks the grant as used at its CreatedAt as
	// [library.FileStore.AddFile] does, and sets the account's LastUsedAt. It returns ErrNotFound
	// if the grant has been revoked, the library shut or deleted, or the account disconnected,
	// and if the account is pending or another grant's; ErrExists if the id is taken; ErrBusy if
	// with the delivery more than limit would wait for the account.
	AddDelivery(ctx context.Context, d Delivery, limit WaitingLimit) error
	// GetPayload returns what a delivery is to send. It returns ErrNotFound if there is nothing,
	// or nothing any more.
	GetPayload(ctx context.Context, id library.DeliveryID) ([]byte, error)
	// GetDelivery returns ErrNotFound for a delivery of another library.
	GetDelivery(ctx context.Context, id library.ID, delivery library.DeliveryID) (Delivery, error)
	// ListDeliveries lists up to limit of a library's deliveries, newest first, that were made
	// before the cursor; the zero cursor means from the newest. The zero client means all.
	// Payload and Answer are left out.
	ListDeliveries(
		ctx context.Context, id library.ID, client wire.ClientID, before Cursor, limit int,
	) ([]Delivery, error)
	// CountWaiting counts a library's deliveries that are not final.
	CountWaiting(ctx context.Context, id library.ID) (int, error)
	// ForgetAnswers deletes the answers of deliveries that ended before the given time. It uses
	// more than one transaction.
	ForgetAnswers(ctx context.Context, before time.Time) error
}

// LeaseStore leases deliveries to servers that send them.
type LeaseStore interface {
	// ClaimDeliveries leases up to limit deliveries that are waiting, due (NextAt at or before
	// now) and not leased at now, longest due first. It sets Lease and LeaseUntil and returns the
	// deliveries without Payload and Answer. No two claims return the same delivery while its
	// lease lasts.
	ClaimDeliveries(ctx context.Context, lease string, now, until time.Time, limit int) ([]Delivery, error)
	// BeginPosting makes a waiting delivery that is held under the lease a posting one, extends
	// the lease and increments Attempts. It returns ErrUsed if the lease is not held any more at
	// now, or if the delivery is not waiting, and ErrNotFound if the grant has been revoked or
	// has expired, the account has been disconnected or is another grant's, or the delivery is gone.
	BeginPosting(ctx context.Context, id library.DeliveryID, lease string, now, until time.Time) error
	// Postpone makes a delivery that is held under the lease, waiting or posting, wait until
	// next. It sets Status, Reason and UpdatedAt and ends the lease. It returns ErrUsed if the
	// delivery is not held under that name, however old, or if it is final.
	Postpone(
		ctx context.Context, id library.DeliveryID, lease string, status int, reason string, next, at time.Time,
	) error
	// EndDelivery writes the final state: State, Status, Reason, Answer and UpdatedAt of d. It
	// removes the payload and the lease, and adds the event. It returns ErrUsed if the delivery is
	// not held under d.Lease, or if it is final, and ErrNotFound if it is gone.
	EndDelivery(ctx context.Context, d Delivery, e library.Event) error
	// ListAbandoned lists up to limit posting deliveries whose lease ended at or before now,
	// without Payload and Answer.
	ListAbandoned(ctx context.Context, now time.Time, limit int) ([]Delivery, error)
	// NextDue returns when the next waiting delivery is due or, if it is leased beyond that, when
	// its lease ends; zero if none waits.
	NextDue(ctx context.Context) (time.Time, error)
}

// QueueStore is all that a [Queue] stores.
type QueueStore interface {
	DeliveryStore
	LeaseStore
}

// Cursor is a position in a library's list of deliveries, which is ordered by CreatedAt and then
// ID.
type Cursor struct {
	CreatedAt time.Time
	ID        library.DeliveryID
}

// WaitingLimit is how many deliveries may wait for one account, and how large their payloads may
// be together.
type WaitingLimit struct {
	Number int
	Bytes  int64
}
