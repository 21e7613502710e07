package library

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// How consent goes:
//
//	oauth/authorize ──> Link (open) ──Allow──> Grant, AuthCode ──oauth/token──> access + refresh token
//	                        │                                                        │  oauth/token (refresh)
//	                        ├──Deny───> answered, no grant                           └──> a further access token
//	                        └──time──> expired
//
// A link is answered once, a code is redeemed once. A grant ends when its time is
// over or when the person revokes it; then every code, token and session of it is
// worth nothing at once.

// Lifetimes that no operator needs to change.
const (
	requestLifetime   = 30 * time.Minute
	codeLifetime      = 10 * time.Minute
	sessionLifetime   = time.Hour
	referenceLifetime = time.Hour
)

// ConsentConfig says how long consent lasts. Zero values become the defaults.
type ConsentConfig struct {
	// AccessTokenLifetime is one day by default.
	AccessTokenLifetime time.Duration
	// GrantLifetime is 180 days by default; a contract may say its own. It is also the
	// lifetime of the refresh token.
	GrantLifetime time.Duration
}

// Consents looks after links, grants, tokens and sessions.
type Consents struct {
	store   ConsentStore
	clients *Clients
	events  EventStore
	now     func() time.Time
	config  ConsentConfig
	recent  ttlCache[seal.Hash, TokenInfo]
}

// Holdings are kept for holdingsKept, and at most mostHoldings of them: each with its
// library's public key, unpacked, takes some ten kilobytes.
const (
	tokenInfoTTL  = time.Minute
	maxTokenInfos = 2000
)

// NewConsents returns the consents kept in store.
func NewConsents(store ConsentStore, clients *Clients, events EventStore, now func() time.Time, config ConsentConfig) *Consents {
	if config.AccessTokenLifetime == 0 {
		config.AccessTokenLifetime = 24 * time.Hour
	}
	if config.GrantLifetime == 0 {
		config.GrantLifetime = 180 * 24 * time.Hour
	}
	return &Consents{store: store, clients: clients, events: events, now: now, config: config,
		recent: ttlCache[seal.Hash, TokenInfo]{ttl: tokenInfoTTL, max: maxTokenInfos}}
}

// AuthorizeResult is what the application gets for a link: the code that goes into the
// browser's address, and a session that can be read once the person has agreed.
type AuthorizeResult struct {
	Code      seal.Secret
	ExpiresAt time.Time
	Session   wire.Session
}

// challengeLength is that of base64url(SHA-256).
const challengeLength = 43

// Authorize opens a link for a person to answer. An access token among the claims
// names the library that the grant will join; it must be of the same application,
// and may have expired. Refusals are [*wire.Error]s.
func (c *Consents) Authorize(ctx context.Context, call *SignedCall, options wire.SessionOptions) (*AuthorizeResult, error) {
	q := call.Claims
	switch {
	case !call.Contract.AllowsRedirect(q.RedirectURI):
		return nil, wire.InvalidRedirectURI(q.RedirectURI)
	case q.ResponseType != "" && q.ResponseType != "code":
		return nil, wire.Validation("response_type")
	case q.ResponseMode != "" && q.ResponseMode != "query":
		return nil, wire.Validation("response_mode")
	}
	if err := checkChallenge(q); err != nil {
		return nil, err
	}
	link := AuthRequest{Kind: AuthorizeRequest, Challenge: q.CodeChallenge}
	if q.AccessToken != "" {
		holding, err := c.findToken(ctx, call, UseAccess)
		if err != nil {
			return nil, err
		}
		link.Library = holding.Library.ID
	}
	return c.addRequest(ctx, call, link, options)
}

// Refer opens a link for a person whom the call's access token, which must be the
// contract's own, names: to connect a source, to connect one again, or, where the
// claims have a challenge, to renew the consent itself; for that alone the token may
// have expired.
func (c *Consents) AuthorizeForToken(ctx context.Context, call *SignedCall, options wire.SessionOptions) (*AuthorizeResult, error) {
	q := call.Claims
	if !call.Contract.AllowsRedirect(q.RedirectURI) {
		return nil, wire.InvalidRedirectURI(q.RedirectURI)
	}
	renew := q.CodeChallenge != ""
	if renew {
		if err := checkChallenge(q); err != nil {
			return nil, err
		}
	}
	holding, err := c.findToken(ctx, call, UseAccess)
	if err != nil {
		return nil, err
	}
	if holding.Grant.Contract != call.Contract.ID {
		return nil, wire.InvalidToken(wire.KindAccessToken)
	}
	link := AuthRequest{Library: holding.Library.ID, Kind: OnboardRequest, Challenge: q.CodeChallenge}
	if renew {
		link.Kind = UserReauthRequest
	} else if err := holding.checkExpiry(c.now(), wire.KindAccessToken); err != nil {
		return nil, err
	}
	return c.addRequest(ctx, call, link, options)
}

func checkChallenge(q wire.RequestClaims) error {
	if q.CodeChallengeMethod != wire.ChallengeS256 {
		return wire.Validation("code_challenge_method must be S256")
	}
	if len(q.CodeChallenge) != challengeLength {
		return wire.Validation("code_challenge")
	}
	return nil
}

// maxState bounds the state that is carried through the browser, in bytes.
const maxState = 4096

func (c *Consents) addRequest(ctx context.Context, call *SignedCall, link AuthRequest, options wire.SessionOptions) (*AuthorizeResult, error) {
	if len(call.Claims.State) > maxState {
		return nil, wire.Validation("state is too long")
	}
	if err := checkOptions(options); err != nil {
		return nil, err
	}
	code, key := seal.NewSecret(), seal.NewSecret()
	session, err := c.newSession(call, key, options)
	if err != nil {
		return nil, err
	}
	now := c.now()
	link.Hash, link.ClientID = code.Hash(), call.ID()
	link.RedirectURI, link.State = call.Claims.RedirectURI, call.Claims.State
	link.Session, link.CreatedAt, link.ExpiresAt = session.Hash, now, now.Add(requestLifetime)
	if err := c.store.AddAuthRequest(ctx, link, session); err != nil {
		return nil, fmt.Errorf("add link: %w", err)
	}
	return &AuthorizeResult{code, link.ExpiresAt, wire.Session{Key: key.Reveal(), Expiry: wire.MillisOf(session.ExpiresAt)}}, nil
}

// newSession makes a session that nobody has agreed to yet. Only a read contract's
// can ever be handed a library's key.
func (c *Consents) newSession(call *SignedCall, key seal.Secret, options wire.SessionOptions) (Session, error) {
	now := c.now()
	s := Session{Hash: key.Hash(), Client: call.ID(), Options: options, CreatedAt: now, ExpiresAt: now.Add(sessionLifetime)}
	if call.Contract.Access == Read {
		var err error
		if s.PublicKey, err = key.PublicKey(); err != nil {
			return Session{}, err
		}
	}
	return s, nil
}

// GrantWithClient is a grant with the client that has it.
type GrantWithClient struct {
	Grant  Grant
	Client Client
}

// Grants lists what a person has allowed, newest first, what has ended too.
func (c *Consents) Grants(ctx context.Context, s *SignedIn) ([]GrantWithClient, error) {
	grants, err := c.store.ListGrants(ctx, s.Library.ID)
	if err != nil {
		return nil, fmt.Errorf("list grants: %w", err)
	}
	views := make([]GrantWithClient, 0, len(grants))
	for _, g := range grants {
		client, err := c.clients.GetClient(ctx, g.Contract)
		if err != nil {
			return nil, fmt.Errorf("get client of grant %s: %w", g.ID, err)
		}
		views = append(views, GrantWithClient{g, client})
	}
	return views, nil
}

// ListActiveGrants lists the ids of the grants of an application that are in force.
func (c *Consents) ListActiveGrants(ctx context.Context, s *SignedIn, application wire.ApplicationID) ([]GrantID, error) {
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

// Revoke ends a grant at once, with every code, token and session of it. It returns
// ErrNotFound for a grant of somebody else.
func (c *Consents) Revoke(ctx context.Context, s *SignedIn, id GrantID) error {
	grant, err := c.store.GetGrant(ctx, id)
	if err != nil {
		return fmt.Errorf("get grant: %w", err)
	}
	if grant.Library != s.Library.ID {
		return ErrNotFound
	}
	client, err := c.clients.GetClient(ctx, grant.Contract)
	if err != nil {
		return fmt.Errorf("get client of grant %s: %w", id, err)
	}
	now := c.now()
	event := Event{Library: s.Library.ID, At: now, Kind: EventStopped, Details: client.EventDetails()}
	event.Details.Grant = id
	if err := c.store.RevokeGrant(ctx, s.Library.ID, id, now, event); err != nil {
		return fmt.Errorf("revoke grant %s: %w", id, err)
	}
	return nil
}

// EventDetails names the client in an event.
func (c Client) EventDetails() EventDetails {
	return EventDetails{Application: c.Application.ID, ApplicationName: c.Application.Name,
		Contract: c.Contract.ID, Access: c.Contract.Access}
}

// Reference gives an opaque handle for an account, for the address of a browser. Whose the
// account is shows only there.
func (c *Consents) Reference(ctx context.Context, call *SignedCall, r wire.ReferenceRequest) (string, error) {
	if r.Value == "" || len(r.Value) > 256 {
		return "", wire.Validation("value")
	}
	switch r.Type {
	case "accountId":
	case "cloudId":
		return "", wire.NotFound("Storage")
	default:
		return "", wire.Validation("type must be accountId or cloudId")
	}
	ref := AccountReference{ID: wire.RandomAlphanumeric(32), Client: call.ID(), Account: wire.AccountID(r.Value), ExpiresAt: c.now().Add(referenceLifetime)}
	if err := c.store.AddReference(ctx, ref); err != nil {
		return "", fmt.Errorf("add reference: %w", err)
	}
	return ref.ID, nil
}

// serviceTypeUser is the service type of accounts that stand for the person.
const serviceTypeUser = 1

// Accounts lists what an application may know of a person's connections.
func (c *Consents) Accounts(ctx context.Context, b *Bearer) ([]wire.Account, error) {
	accounts, err := c.store.ListAccounts(ctx, b.Library.ID, b.Client.Application.ID)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	list := make([]wire.Account, 0, len(accounts))
	for _, a := range accounts {
		created := wire.MillisOf(a.CreatedAt)
		list = append(list, wire.Account{
			ID: a.ID, Reference: string(a.Reference), Type: wire.AccountTypeUser, CreatedDate: created, UpdatedDate: created,
			ServiceGroupID: 1, ServiceGroupName: "Library",
			ServiceTypeID: serviceTypeUser, ServiceTypeName: "Library", ServiceTypeReference: "library", SourceID: 1,
			AccessTokenStatus: &wire.AccessTokenStatus{Authorized: true, ExpiresAt: wire.MillisOf(b.Grant.ExpiresAt)},
		})
	}
	return list, nil
}

// GetUserAccount returns the account that stands for a person at an application, a hidden one
// too.
func (c *Consents) GetUserAccount(ctx context.Context, id ID, application wire.ApplicationID) (Account, error) {
	account, err := c.store.GetUserAccount(ctx, id, application)
	if err != nil {
		return Account{}, fmt.Errorf("get account of the person: %w", err)
	}
	return account, nil
}

// HideUserAccount hides the account that stands for the bearer's person from the application,
// until the person's next consent. It reports whether id names that account.
func (c *Consents) HideUserAccount(ctx context.Context, b *Bearer, id wire.AccountID) (bool, error) {
	account, err := c.GetUserAccount(ctx, b.Library.ID, b.Client.Application.ID)
	if errors.Is(err, ErrNotFound) || err == nil && account.ID != id {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := c.store.HideAccount(ctx, b.Library.ID, b.Client.Application.ID, c.now()); err != nil {
		return false, fmt.Errorf("hide account: %w", err)
	}
	return true, nil
}

// checkOptions refuses options that no session could follow.
func checkOptions(o wire.SessionOptions) error {
	if o.Scope == nil {
		return nil
	}
	for _, t := range o.Scope.TimeRanges {
		if _, err := parseLast(t.Last); err != nil {
			return wire.Validation("scope.timeRanges.last")
		}
	}
	for _, k := range o.Scope.Criteria {
		if _, err := parseLast(k.Last); err != nil {
			return wire.Validation("scope.criteria.last")
		}
	}
	return nil
}

var errBadLast = errors.New("want a number and a unit: 3d, 6m, 1y")
