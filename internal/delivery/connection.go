package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// Connection is one connection of a person with a provider, of type PUSH. It
// belongs to the application under which it was made, and to no other.
type Connection struct {
	ID          wire.AccountID
	Reference   library.Reference
	Library     library.ID
	Application wire.ApplicationID
	// Source is the entry of the catalogue as it was when the account was connected.
	Source Source
	// Pending says that the person has connected the account and not yet allowed the
	// application to use it: nobody may see or use it.
	Pending bool
	// Access is what the provider gave us, sealed by the keyring; see [Connections].
	Access []byte
	// AccessVersion counts up with each change of Access.
	AccessVersion int64
	// AccessUntil is when the access ends and cannot be renewed; zero if it can be.
	AccessUntil time.Time
	// EndedAt is when the provider stopped taking what we have: the person has to
	// connect again. Zero means that nothing is known to be wrong.
	EndedAt time.Time
	// Correlation is the id of the run at the provider in which the person consented.
	Correlation string
	CreatedAt   time.Time
	UpdatedAt   time.Time
	LastUsedAt  time.Time
}

// NeedsReconnect reports whether the person has to connect the account again before
// anything can be sent.
func (a Connection) NeedsReconnect(now time.Time) bool {
	return !a.EndedAt.IsZero() || !a.AccessUntil.IsZero() && !now.Before(a.AccessUntil)
}

// ErrListUnavailable says that a list of sources cannot be had now: what was looked for may be on it.
var ErrListUnavailable = errors.New("a list of sources cannot be had now")

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

// Accounts connects people with providers, and holds what the providers give us.
type Connections struct {
	store     ConnectionStore
	events    library.EventStore
	consents  *library.Consents
	catalogue Catalogue
	providers Providers
	ring      *seal.Keyring
	now       func() time.Time
	// returnTo is where browsers come back to from providers: each has an address below it.
	redirectBase string
}

// NewConnections returns the accounts kept in store. Browsers come back from a provider to
// returnTo with the id of its source behind, "<returnTo>/<source>": an address that is
// one provider's alone, so that no other can pass on an answer that was meant for it
// (RFC 9700, section 4.4).
func NewConnections(
	store ConnectionStore,
	events library.EventStore,
	consents *library.Consents,
	catalogue Catalogue,
	providers Providers,
	ring *seal.Keyring,
	now func() time.Time,
	returnTo string,
) *Connections {
	return &Connections{
		store:        store,
		events:       events,
		consents:     consents,
		catalogue:    catalogue,
		providers:    providers,
		ring:         ring,
		now:          now,
		redirectBase: returnTo,
	}
}

const (
	// authorizationLifetime is how long a person may take at a provider: some of it goes to
	// finding their DigiD.
	authorizationLifetime = 30 * time.Minute
	// refreshLifetime is how long a renewal may take before another may try. MedMij gives
	// the token endpoint 10 s for its answer.
	refreshLifetime = 18 * time.Second
	// exchangeTimeout is how long the swap of a code may take, with what follows.
	exchangeTimeout = 30 * time.Second
	// refreshPause is how long to wait for somebody else's renewal before looking again.
	refreshPause = 100 * time.Millisecond
	// accessMargin is how long before its end access is taken for ended: a request
	// takes a while.
	accessMargin = 20 * time.Second
)

func newCorrelation() string { return uuid.NewString() }

func (a *Connections) sealJSON(purpose string, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", purpose, err)
	}
	return a.ring.Seal(purpose, text), nil
}

// opened reads what sealed wrote. The error of a text that does not decode is not told:
// it might repeat some of it.
func (a *Connections) openJSON(purpose string, box []byte, v any) error {
	text, err := a.ring.Open(purpose, box)
	if err != nil {
		return fmt.Errorf("open %s: %w", purpose, err)
	}
	if json.Unmarshal(text, v) != nil {
		return fmt.Errorf("open %s: not what was sealed", purpose)
	}
	return nil
}
