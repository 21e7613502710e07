package library

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// Grant is a person's consent to one contract.
type Grant struct {
	ID          GrantID
	Library     ID
	Application wire.ApplicationID
	Contract    wire.ContractID
	CreatedAt   time.Time
	ExpiresAt   time.Time
	LastUsedAt  time.Time
	// RevokedAt is when the person revoked it; zero if they have not.
	RevokedAt time.Time
	// Access is the access type that the person has allowed, and Allowed is what the contract allowed
	// then: see [Contract.Allowed].
	Access  Access
	Allowed string
	// Binding binds what the grant covers, and until when, under the master keyring: see [Integrity]. It
	// is one byte, which never verifies, in a grant that the person has revoked.
	Binding []byte
}

// wasRevoked reports whether the person has revoked the grant, whatever the rest of its row says.
func (g Grant) wasRevoked() bool { return len(g.Binding) == 1 }

// clientID is that of the client that has the grant.
func (g Grant) clientID() wire.ClientID {
	return wire.ClientID{Application: g.Application, Contract: g.Contract}
}

// parts are the parts of the binding.
func (g Grant) parts() [][]byte {
	return [][]byte{[]byte(g.Library), []byte(g.ID), []byte(g.Application), []byte(g.Contract), []byte(g.Access),
		[]byte(g.Allowed), millis(g.ExpiresAt)}
}

// Covers reports whether the person has allowed what the contract allows now. If the operator has
// changed the contract since, the application has to ask again.
func (g Grant) Covers(c Contract) bool {
	return g.Contract == c.ID && g.Access == c.Access && g.Allowed == c.Allowed()
}

// UsePrecision is how old a grant's LastUsedAt may be while it is used, so that not every call writes it: people are
// shown no more than the minute.
const UsePrecision = time.Minute

// Active reports whether the grant is in force at now.
func (g Grant) Active(now time.Time) bool { return g.RevokedAt.IsZero() && now.Before(g.ExpiresAt) }

// libraryOfGrant returns the library of a grant that is used without a token. It returns ErrNotFound if the grant is
// not in force or does not cover the contract, or if the library is shut or deleted, and a [*TamperedError] if the
// grant is not what this server has stored.
func (c *Consents) libraryOfGrant(ctx context.Context, g Grant, k Contract) (Library, error) {
	if g.wasRevoked() || !g.Active(c.now()) || !g.Covers(k) {
		return Library{}, fmt.Errorf("grant %s is not in force: %w", g.ID, ErrNotFound)
	}
	if err := c.integrity.verifyGrant(ctx, g); err != nil {
		return Library{}, err
	}
	owner, err := c.store.GetLibrary(ctx, g.Library)
	if err != nil {
		return Library{}, fmt.Errorf("get library of grant: %w", err)
	}
	if owner.Shut() {
		return Library{}, fmt.Errorf("library %s is shut: %w", owner.ID, ErrNotFound)
	}
	return owner, nil
}

// GrantStore stores grants.
type GrantStore interface {
	GetGrant(ctx context.Context, id GrantID) (Grant, error)
	// ListGrants lists a library's grants, newest first.
	ListGrants(ctx context.Context, id ID) ([]Grant, error)
	// UseGrant sets LastUsedAt of a grant of the library, unless that is less than a minute before. It returns
	// ErrNotFound if there is none that has not been revoked.
	UseGrant(ctx context.Context, id ID, grant GrantID, at time.Time) error
	// RevokeGrant revokes a grant of the library and ends its tokens, codes and sessions, as
	// ShutLibrary does. Its waiting deliveries end as expired, for the reason "the application
	// was stopped", and its accounts at providers end, each with an event of kind
	// EventAccountEnded. It returns ErrNotFound if the grant is not the library's. It does all of
	// that whatever the row says; it adds e if the grant was in force, or is said to have been revoked
	// and has left a seal, a session, an account or a waiting delivery. The grant's binding never
	// verifies afterwards, and nothing gives it another.
	RevokeGrant(ctx context.Context, id ID, grant GrantID, at time.Time, e Event) error
	// RevokeApplication ends, as RevokeGrant does, every grant that the library has given to an
	// application. It ends the application's pending accounts at providers too, and makes its
	// open authorization requests for this library expire, those of kind RevokeRequest apart. The hashes
	// of the access tokens that it ends are remembered until forgetAt, unless that is zero, which leaves the
	// application's postbox as it is; otherwise that is deleted, too: see
	// WasDeleted. It adds no event if RevokeGrant would add none for any of them. It returns ErrNotFound for an unknown
	// library.
	RevokeApplication(
		ctx context.Context, id ID, application wire.ApplicationID, forgetAt time.Time, e Event,
	) error
}

// GrantWithClient is a grant with the client that has it.
type GrantWithClient struct {
	Grant  Grant
	Client Client
}

// ListGrants lists the grants that a person has given, newest first, ended ones too, and those whose
// contract is unknown.
func (c *Consents) ListGrants(ctx context.Context, s *SignedIn) ([]GrantWithClient, error) {
	grants, err := c.store.ListGrants(ctx, s.Library.ID)
	if err != nil {
		return nil, fmt.Errorf("list grants: %w", err)
	}
	list := make([]GrantWithClient, 0, len(grants))
	for _, g := range grants {
		client, err := c.clientOfGrant(ctx, g)
		if err != nil {
			return nil, err
		}
		list = append(list, GrantWithClient{g, client})
	}
	return list, nil
}

// clientOfGrant returns the client of a grant. One whose contract is unknown, or does not parse, has its ids for a
// name: nobody may hide a grant from the person, or keep them from the others, by a contract that is not there.
func (c *Consents) clientOfGrant(ctx context.Context, g Grant) (Client, error) {
	client, err := c.clients.GetClientOfContract(ctx, g.Contract)
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrUnreadable) {
		c.config.Log.ErrorContext(ctx, "a grant is for a contract that is unknown", "library", g.Library, "grant", g.ID,
			"contract", g.Contract, "error", err)
		return Client{Application: Application{ID: g.Application, Name: string(g.Application)},
			Contract: Contract{ID: g.Contract, Application: g.Application, Access: g.Access}}, nil
	}
	if err != nil {
		return Client{}, fmt.Errorf("get client of grant %s: %w", g.ID, err)
	}
	return client, nil
}

// LatestGrant returns the newest grant that a person has given to the request's contract, an
// ended one too; nil if there is none.
func (c *Consents) LatestGrant(ctx context.Context, s *SignedIn, r *PendingRequest) (*Grant, error) {
	grants, err := c.store.ListGrants(ctx, s.Library.ID)
	if err != nil {
		return nil, fmt.Errorf("list grants: %w", err)
	}
	for _, g := range grants {
		if g.Contract == r.Client.Contract.ID {
			return &g, nil
		}
	}
	return nil, nil
}

// ListActiveGrants lists the ids of the grants of an application that are in force.
func (c *Consents) ListActiveGrants(
	ctx context.Context,
	s *SignedIn,
	application wire.ApplicationID,
) ([]GrantID, error) {
	grants, err := c.store.ListGrants(ctx, s.Library.ID)
	if err != nil {
		return nil, fmt.Errorf("list grants: %w", err)
	}
	var active []GrantID
	for _, g := range grants {
		if g.Application == application && g.Active(c.now()) {
			active = append(active, g.ID)
		}
	}
	return active, nil
}

// Revoke ends a grant at once, with its codes, tokens and sessions. It returns ErrNotFound for
// somebody else's grant. The providers are the names of those that the grant sends to, for the activity.
func (c *Consents) Revoke(ctx context.Context, s *SignedIn, id GrantID, providers ...string) error {
	grant, err := c.store.GetGrant(ctx, id)
	if err != nil {
		return fmt.Errorf("get grant: %w", err)
	}
	if grant.Library != s.Library.ID {
		return ErrNotFound
	}
	client, err := c.clientOfGrant(ctx, grant)
	if err != nil {
		return err
	}
	now := c.now()
	event := Event{Library: s.Library.ID, At: now, Kind: EventStopped, Details: client.EventDetails()}
	event.Details.Grant, event.Details.Provider = id, strings.Join(providers, ", ")
	if err := c.store.RevokeGrant(ctx, s.Library.ID, id, now, event); err != nil {
		return fmt.Errorf("revoke grant %s: %w", id, err)
	}
	return nil
}

// RevokeApplication ends at once everything that a person has allowed an application: its grants,
// codes, tokens, sessions, accounts at providers and waiting deliveries.
func (c *Consents) RevokeApplication(ctx context.Context, s *SignedIn, a Application) error {
	event := Event{Library: s.Library.ID, At: c.now(), Kind: EventStoppedAll,
		Details: EventDetails{Application: a.ID, ApplicationName: a.Name}}
	err := c.store.RevokeApplication(ctx, s.Library.ID, a.ID, time.Time{}, event)
	if err != nil {
		return fmt.Errorf("revoke application %s: %w", a.ID, err)
	}
	return nil
}

// Leave ends at once everything that the bearer's application may do in the library, as the
// application asks for. Nothing else in the library changes.
func (c *Consents) Leave(ctx context.Context, b *Bearer) error {
	now := c.now()
	event := Event{Library: b.Library.ID, At: now, Kind: EventLeft, Details: b.Client.EventDetails()}
	event.Details.Grant = b.Grant.ID
	err := c.store.RevokeApplication(ctx, b.Library.ID, b.Client.Application.ID, now.Add(rememberDeleted), event)
	if err != nil {
		return fmt.Errorf("end access of application %s: %w", b.Client.Application.ID, err)
	}
	return nil
}
