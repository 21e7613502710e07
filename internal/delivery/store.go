package delivery

import (
	"context"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// What stands above the interfaces of storage.go holds for these too.

// ConnectionStore keeps accounts at providers, and the trips of browsers that connect
// them.
type ConnectionStore interface {
	AddAuthorization(ctx context.Context, t Authorization) error
	// GetAuthorization finds a trip by the hash of its state, an ended one too.
	GetAuthorization(ctx context.Context, state seal.Hash) (Authorization, error)
	// EndAuthorization marks the trip ended (ErrUsed if it was) and forgets its secrets; the event
	// is added if its library is not empty.
	EndAuthorization(ctx context.Context, state seal.Hash, at time.Time, e library.Event) error
	// Connect adds the account, or, if the library has one of the same application and
	// source, gives that one the new Access, AccessUntil, Correlation, Source and
	// UpdatedAt, clears EndedAt and counts AccessVersion up; its id and reference stay,
	// and one that was not pending does not become so. The account then stands in the
	// link, in place of one that stood there before, which goes if it is pending. It adds the event, whose details it
	// has name the account, and returns the account as it then is. ErrNotFound if the
	// library has been shut or deleted, or the link has been answered, meanwhile.
	Connect(ctx context.Context, link seal.Hash, a Connection, e library.Event) (Connection, error)

	// GetConnection returns ErrNotFound for an account of another library, and for a
	// pending one too if standing is asked for.
	GetConnection(ctx context.Context, id library.ID, account wire.AccountID, standing bool) (Connection, error)
	// ListConnections lists a library's accounts that are not pending, oldest first; those of one
	// application, or of all if it is empty.
	ListConnections(ctx context.Context, id library.ID, application wire.ApplicationID) ([]Connection, error)
	// ClaimRefresh lets its caller, and until the given time nobody else, renew the
	// account's access, and returns the account as it is. ErrUsed if somebody else holds
	// the claim, or the version is no longer the given one; ErrNotFound if the account is
	// gone.
	ClaimRefresh(ctx context.Context, account wire.AccountID, version int64, now, until time.Time) (Connection, error)
	// StoreTokens sets Access, AccessUntil and UpdatedAt, counts AccessVersion up and gives the
	// claim back. ErrUsed if the version is no longer the given one, ErrNotFound if the
	// account is gone.
	StoreTokens(
		ctx context.Context,
		account wire.AccountID,
		version int64,
		access []byte,
		accessUntil, at time.Time,
	) error
	// ReleaseRefresh gives the claim back without new access.
	ReleaseRefresh(ctx context.Context, account wire.AccountID, version int64) error
	// EndAccess sets EndedAt, forgets Access, counts AccessVersion up and adds the event.
	// ErrUsed if the version is no longer the given one, or the access had ended.
	EndAccess(ctx context.Context, account wire.AccountID, version int64, at time.Time, e library.Event) error
	// Disconnect removes the account, ends its waiting deliveries as expired with the
	// given reason, without events of their own, and adds the event. One being posted
	// goes on to its end. ErrNotFound for an account of another library or application
	// (unless that is empty).
	Disconnect(
		ctx context.Context,
		id library.ID,
		application wire.ApplicationID,
		account wire.AccountID,
		at time.Time,
		reason string,
		e library.Event,
	) error
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
