package delivery

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// Connection is a person's account, of type PUSH, at a provider. It belongs to the grant with which
// the person connected it, and ends with it: no other grant can be used to send through it. The
// other contracts of the same application see it.
type Connection struct {
	ID          wire.AccountID
	Reference   library.AccountReference
	Library     library.ID
	Application wire.ApplicationID
	// Grant is the grant that it belongs to; empty while it is pending.
	Grant library.GrantID
	// Source is the catalogue's entry as it was when the account was connected.
	Source Source
	// Pending says that the person has not yet allowed the application to use the account:
	// nobody may see or use it.
	Pending bool
	// Access is the provider's tokens, sealed by the keyring; once they have ended, whose they were.
	Access []byte
	// AccessVersion is incremented with each change of Access.
	AccessVersion int64
	// AccessUntil is when access ends that cannot be refreshed; zero if it can be.
	AccessUntil time.Time
	// EndedAt is when the provider stopped accepting the tokens, so that the person has to
	// connect the account again; zero if it accepts them, as far as is known.
	EndedAt time.Time
	// Correlation is the id of the authorization in which the person consented.
	Correlation string
	CreatedAt   time.Time
	UpdatedAt   time.Time
	LastUsedAt  time.Time
}

// NeedsReconnect reports whether the person has to connect the account again before anything can
// be sent.
func (c Connection) NeedsReconnect(now time.Time) bool {
	return !c.EndedAt.IsZero() || !c.AccessUntil.IsZero() && !now.Before(c.AccessUntil)
}

// ConnectionStore stores accounts at providers, and the authorizations that connect them.
type ConnectionStore interface {
	AuthorizationStore
	RevocationStore

	// Connect adds the account. If again names one, or if the active grant of the request's contract
	// has one at the same source, it gives that one the new Access, AccessUntil, Correlation, Source
	// and UpdatedAt, clears EndedAt and increments AccessVersion; id and reference stay, and it does
	// not become pending if it was not. The account is then the one that is connected for the request;
	// an account that was connected for it before is removed if it is pending, with an event of kind
	// EventNotAllowed. Connect adds the event, with the account's id in its details, and returns the
	// account as it is then. If the same source, to fetch from, is connected for the request already,
	// it does nothing but return that account: a button that is pressed twice connects once. It returns
	// ErrNotFound if the library is shut or deleted, if the request has been answered, or if the
	// account to connect again is gone, or of another library, application or source.
	Connect(
		ctx context.Context, request seal.Hash, again wire.AccountID, c Connection, e library.Event,
	) (Connection, error)
	// GetConnection returns ErrNotFound for an account of another library and, if notPending is
	// true, for a pending one.
	GetConnection(ctx context.Context, id library.ID, account wire.AccountID, notPending bool) (Connection, error)
	// ListConnections lists a library's accounts that are not pending, oldest first. An empty
	// application means all.
	ListConnections(ctx context.Context, id library.ID, application wire.ApplicationID) ([]Connection, error)
	// ClaimRefresh lets its caller, and nobody else until the given time, refresh the account's
	// access, and returns the account as it is. It returns ErrUsed if somebody else has the claim,
	// or if the version is another, and ErrNotFound if the account is gone.
	ClaimRefresh(ctx context.Context, account wire.AccountID, version int64, now, until time.Time) (Connection, error)
	// StoreTokens sets Access, AccessUntil and UpdatedAt, increments AccessVersion and releases the
	// claim. It returns ErrUsed if the version is another, and ErrNotFound if the account is gone.
	StoreTokens(
		ctx context.Context, account wire.AccountID, version int64, access []byte, accessUntil, at time.Time,
	) error
	// ReleaseRefresh releases the claim.
	ReleaseRefresh(ctx context.Context, account wire.AccountID, version int64) error
	// EndAccess sets EndedAt, replaces Access by what is left of it, increments AccessVersion and adds the event. It
	// returns ErrUsed if the version is another, or if the access had ended.
	EndAccess(
		ctx context.Context, account wire.AccountID, version int64, at time.Time, left []byte, e library.Event,
	) error
	// ListUngranted lists up to limit accounts that are not pending and have no grant that is in force
	// at now.
	ListUngranted(ctx context.Context, now time.Time, limit int) ([]Connection, error)
	// Reauthorize gives the account the Source, Access, AccessUntil, Correlation and UpdatedAt of c, clears EndedAt,
	// increments AccessVersion and adds the event, as Connect does for an account to connect again. It returns ErrUsed
	// if the version is another than that of c, and ErrNotFound if the account is gone, or pending, or of another
	// library, or if that is shut or deleted.
	Reauthorize(ctx context.Context, c Connection, e library.Event) error
	// Disconnect removes the account, ends its waiting deliveries as expired for the given reason,
	// without events of their own, and adds the event. A delivery that is being posted goes on to
	// its end. It returns ErrNotFound for an account of another library or application; an empty
	// application means any.
	Disconnect(
		ctx context.Context, id library.ID, application wire.ApplicationID, account wire.AccountID,
		at time.Time, reason string, e library.Event,
	) error
}

// Connections connects people's accounts at providers and keeps the providers' tokens.
type Connections struct {
	store     ConnectionStore
	events    library.EventStore
	consents  *library.Consents
	catalogue Catalogue
	providers Providers
	boxes     *Boxes
	integrity *library.Integrity
	now       func() time.Time
	// redirectBase is the address below which each provider has a redirect URI of its own.
	redirectBase string
}

// NewConnections returns the accounts in store. A provider's redirect URI is redirectBase, a slash
// and the id of its source: no other provider has the same, so that none can pass off another's
// answer as its own (RFC 9700, section 4.4).
func NewConnections(
	store ConnectionStore,
	events library.EventStore,
	consents *library.Consents,
	catalogue Catalogue,
	providers Providers,
	boxes *Boxes,
	integrity *library.Integrity,
	now func() time.Time,
	redirectBase string,
) *Connections {
	return &Connections{
		store:        store,
		events:       events,
		consents:     consents,
		catalogue:    catalogue,
		providers:    providers,
		boxes:        boxes,
		integrity:    integrity,
		now:          now,
		redirectBase: redirectBase,
	}
}

const (
	// authorizationLifetime is how long a person may take at a provider.
	authorizationLifetime = 30 * time.Minute
	// refreshLifetime is how long a refresh may take before another server may try. MedMij allows
	// the token endpoint 10 s for its answer.
	refreshLifetime = 18 * time.Second
	// exchangeTimeout is how long the exchange of a code and what follows may take.
	exchangeTimeout = 30 * time.Second
	// refreshPause is how long to wait for another server's refresh before looking again.
	refreshPause = 100 * time.Millisecond
	// accessMargin is how long before its expiry a token is taken for expired: a request takes
	// some time.
	accessMargin = 20 * time.Second
)

func newCorrelation() string { return uuid.NewString() }
