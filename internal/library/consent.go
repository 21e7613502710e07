package library

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// How consent goes:
//
//	oauth/authorize ──> AuthRequest ──Allow──> Grant, AuthCode ──oauth/token──> access + refresh token
//	                        │                                                        │  oauth/token (refresh)
//	                        ├──Deny───> answered, no grant                           └──> another access token
//	                        └──time──> expired
//
// A request is answered once, and a code is redeemed once. A grant ends when it expires or
// when the person revokes it; from then on none of its codes, tokens and sessions is valid.

// Lifetimes that no operator needs to change.
const (
	requestLifetime       = 30 * time.Minute
	codeLifetime          = 10 * time.Minute
	sessionLifetime       = time.Hour
	accountHandleLifetime = time.Hour
)

// ConsentConfig says how long consent lasts. Zero values become the defaults.
type ConsentConfig struct {
	// AccessTokenLifetime is one day by default.
	AccessTokenLifetime time.Duration
	// GrantLifetime is 180 days by default; a contract may set its own. It is also the
	// lifetime of the refresh token.
	GrantLifetime time.Duration
	// OlderCallbacks lets the address of a request name where the browser goes without success: see
	// [PendingRequest.ReturnTo].
	OlderCallbacks bool
	// Issuer identifies the server to applications: its public URL, without a slash at the end (RFC 9207).
	Issuer string
	// Log gets what somebody else has changed and nobody else reports; nil discards it.
	Log *slog.Logger
}

// Consents manages authorization requests, grants, tokens and sessions.
type Consents struct {
	store   ConsentStore
	clients *Clients
	events  EventStore
	now     func() time.Time
	config  ConsentConfig
	// integrity binds codes and tokens to their library.
	integrity *Integrity
	// tokenInfoCache is for pushes: see CachedBearer.
	tokenInfoCache ttlCache[seal.Hash, TokenInfo]
	watches        watches
}

// The cache of token infos is small because each entry takes about ten kilobytes: it holds
// its library's expanded public key.
const (
	tokenInfoTTL  = time.Minute
	maxTokenInfos = 2000
)

// NewConsents returns the consents that are stored in store.
func NewConsents(
	store ConsentStore,
	clients *Clients,
	events EventStore,
	integrity *Integrity,
	now func() time.Time,
	config ConsentConfig,
) *Consents {
	if config.AccessTokenLifetime == 0 {
		config.AccessTokenLifetime = 24 * time.Hour
	}
	if config.GrantLifetime == 0 {
		config.GrantLifetime = 180 * 24 * time.Hour
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	return &Consents{store: store, clients: clients, events: events, integrity: integrity, now: now, config: config,
		tokenInfoCache: ttlCache[seal.Hash, TokenInfo]{ttl: tokenInfoTTL, limit: maxTokenInfos}}
}

// ConsentStore is all that [Consents] stores.
type ConsentStore interface {
	AuthRequestStore
	GrantStore
	AuthCodeStore
	TokenStore
	SessionStore
	AccountStore
	AccountHandleStore
	StorageOwnerStore
	PostboxStore
	GetLibrary(ctx context.Context, id ID) (Library, error)
}

// Approval is a person's yes to a request; [AuthRequestStore.Allow] says what becomes of it.
type Approval struct {
	Request seal.Hash
	At      time.Time
	// By is the login of the browser.
	By LoginID
	// Connection is the account at a provider that the person was asked about; empty if they
	// were asked about none.
	Connection wire.AccountID
	// Storage is the storage that the application has made for the library; empty if it has made none.
	Storage StorageID
	// Grant is the grant to add. If the contract has an active grant, no grant is added: the active
	// one gets the ExpiresAt of this one.
	Grant Grant
	// Account is added unless there is an account of the library at the application.
	Account Account
	Code    AuthCode
	// SessionSeal is the library's private key, sealed for the request's session; nil for a
	// write contract.
	SessionSeal seal.Sealed
	// Event is of kind EventAllowed. It becomes EventRenewed if a grant is renewed.
	Event Event
}

// ErrWrongPerson says that a request is for another library than the browser's.
var ErrWrongPerson = errors.New("request belongs to another library")

// Shown is what a page has asked a person. The page keeps it in its form: who changes the
// database between the question and the answer cannot change what the person has read.
type Shown struct {
	// Connection is the account at a provider; empty if the person was asked about none.
	Connection wire.AccountID
	// Terms is a hash of what the contract allows, for how long, and for whom.
	Terms string
	// Storage is the storage that the application gets; empty if it gets none.
	Storage StorageID
}

// Shown returns what a page asks that shows the request, and the account at a provider that is
// connected for it; empty if there is none.
func (r *PendingRequest) Shown(connection wire.AccountID) Shown {
	return Shown{Connection: connection, Terms: r.terms()}
}

func (r *PendingRequest) terms() string {
	application, contract := r.Client.Application, r.Client.Contract
	text, err := json.Marshal([]any{application.ID, application.Name, contract.ID, contract.Access, contract.Scope,
		contract.DeletesLibrary, contract.Purpose, contract.GrantFor, contract.ExpiresAt, r.Kind, r.RedirectURI})
	if err != nil {
		panic("library: terms do not encode: " + err.Error()) // texts, numbers and times only
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Allow answers a request with yes and returns where to send the browser. If the contract
// reads, this is where the library's private key is sealed to the code and to the session.
// The argument shown is what the page has asked. Allow returns ErrWrongPerson, ErrUsed,
// ErrConnectionChanged if another account is connected for the request now, ErrTermsChanged
// if the contract has changed since, and ErrStorageGone.
func (c *Consents) Allow(
	ctx context.Context,
	s *SignedIn,
	r *PendingRequest,
	shown Shown,
) (callback string, err error) {
	if err := r.CheckPerson(s); err != nil {
		return "", err
	}
	if shown.Terms != r.terms() {
		return "", ErrTermsChanged
	}
	connection, err := c.store.GetRequestConnection(ctx, r.Hash, s.Library.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", fmt.Errorf("get account of request: %w", err)
	}
	if connection.ID != shown.Connection {
		return "", ErrConnectionChanged
	}
	now := c.now()
	code := s.authCode(r)
	approval := Approval{
		Request: r.Hash, At: now, By: s.Login.ID, Storage: shown.Storage,
		Grant: Grant{ID: GrantID(wire.RandomAlphanumeric(32)), Library: s.Library.ID,
			Application: r.Client.Application.ID, Contract: r.Client.Contract.ID, CreatedAt: now,
			ExpiresAt: r.GrantUntil, Access: r.Client.Contract.Access, Allowed: r.Client.Contract.Allowed()},
		Account: newAccount(s.Library.ID, r.Client.Application.ID, now),
		Code: AuthCode{Hash: code.Hash(), Client: r.Client.ID(), Challenge: r.Challenge,
			ExpiresAt: now.Add(codeLifetime)},
		Event: Event{Library: s.Library.ID, At: now, Kind: EventAllowed, Details: r.Client.EventDetails()},
	}
	if connection.ID != "" {
		approval.Connection = connection.ID
		approval.Event.Details.Account, approval.Event.Details.Provider = connection.ID, connection.Provider
	}
	// The person's secret opens the private key here, whose public half must be the library's:
	// from now on it is the one that the code, and the tokens that come of it, are bound to.
	key, err := s.key(ctx)
	if err != nil {
		return "", err
	}
	approval.Code.Binding = c.integrity.BindSecret(code, s.Library)
	if r.Client.Contract.Access == Read {
		if approval.Code.Seal, approval.SessionSeal, err = c.sealKey(ctx, s, key, r, code); err != nil {
			return "", err
		}
	}
	_, account, err := c.store.Allow(ctx, approval)
	if err != nil {
		return "", fmt.Errorf("allow: %w", c.integrity.RecordTampering(ctx, err))
	}
	if connection.ID != "" { // another may have taken its place
		if connection, err = c.store.GetRequestConnection(ctx, r.Hash, s.Library.ID); err != nil {
			return "", fmt.Errorf("get account of request: %w", err)
		}
	}
	reference := account.Reference
	if connection.ID != "" {
		reference = connection.Reference
	}
	postbox, err := c.postboxOf(ctx, s, r)
	if err != nil {
		return "", err
	}
	return r.allowedURL(code, reference, postbox), nil
}

// sealKey seals the library's private key to the code and to the request's session.
func (c *Consents) sealKey(
	ctx context.Context,
	s *SignedIn,
	key seal.PrivateKey,
	r *PendingRequest,
	code seal.Secret,
) (forCode, forSession seal.Sealed, err error) {
	if forCode, err = key.SealToSecret(code); err != nil {
		return nil, nil, err
	}
	forSession, err = c.sealKeyToSession(ctx, s, key, r)
	return forCode, forSession, err
}

// sealKeyToSession seals the library's private key to the request's session. It returns nil
// if the session is not found, as after it has expired, or has no public key. It returns a
// [*TamperedError] if the session's public key is not the one that the request was made with.
func (c *Consents) sealKeyToSession(
	ctx context.Context,
	s *SignedIn,
	key seal.PrivateKey,
	r *PendingRequest,
) (seal.Sealed, error) {
	session, err := c.store.GetSession(ctx, r.Session)
	if errors.Is(err, ErrNotFound) || err == nil && session.PublicKey.IsZero() {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get session of request: %w", err)
	}
	if err := c.integrity.verifySession(ctx, s.Library.ID, r, session); err != nil {
		return nil, err
	}
	return key.SealTo(session.PublicKey)
}

// Deny answers a request with no, for the reason given by the code, and returns where to send
// the browser. s is nil if nobody is signed in. A person who refuses to renew a consent ends
// it, if it is in force; a person who refuses to revoke something changes nothing. Deny
// returns ErrUsed.
func (c *Consents) Deny(
	ctx context.Context,
	r *PendingRequest,
	s *SignedIn,
	code CallbackCode,
) (callback string, err error) {
	var event Event
	if s != nil && r.CheckPerson(s) == nil && code == CallbackUserCancel && r.Kind != RevokeRequest {
		if err := c.revokeRefused(ctx, r, s); err != nil {
			return "", err
		}
		if r.Kind == AuthorizeRequest || r.Kind == UserReauthRequest { // the others asked for no consent
			event = Event{Library: s.Library.ID, At: c.now(), Kind: EventDenied, Details: r.Client.EventDetails()}
		}
	}
	answer := Answer{Outcome: Outcome(code)}
	if s != nil {
		answer.By = s.Login.ID
	}
	if err := c.store.Deny(ctx, r.Hash, c.now(), answer, event); err != nil {
		return "", fmt.Errorf("deny: %w", err)
	}
	return r.FailureURL(code), nil
}

// revokeRefused revokes the grant that a person refuses to renew. It runs before the request
// is closed: if the server stops between the two, the grant has ended.
func (c *Consents) revokeRefused(ctx context.Context, r *PendingRequest, s *SignedIn) error {
	if r.Kind != UserReauthRequest {
		return nil
	}
	grant, err := c.LatestGrant(ctx, s, r)
	if err != nil || grant == nil || !grant.Active(c.now()) {
		return err
	}
	return c.Revoke(ctx, s, grant.ID)
}

// Complete answers a request that asks for no consent with success, and returns where to send
// the browser. It returns ErrWrongPerson or ErrUsed, and ErrNotFound if the grant of the request's
// contract has just ended, or does not cover what the contract allows now.
func (c *Consents) Complete(ctx context.Context, s *SignedIn, r *PendingRequest) (callback string, err error) {
	if err := r.CheckPerson(s); err != nil {
		return "", err
	}
	grant, forSession, err := c.sealToActiveGrant(ctx, s, r)
	if err != nil {
		return "", err
	}
	reference, err := c.connectedReference(ctx, s, r)
	if err != nil {
		return "", err
	}
	answer := Answer{Outcome: Completed, By: s.Login.ID}
	if err := c.store.CloseAuthRequest(ctx, r.Hash, c.now(), answer, grant, forSession); err != nil {
		return "", fmt.Errorf("close request: %w", c.integrity.RecordTampering(ctx, err))
	}
	return r.completedURL(reference), nil
}

// connectedReference is the reference of the account at a provider, or with what is collected, that was connected for a
// request; empty if there is none, or none any more.
func (c *Consents) connectedReference(
	ctx context.Context, s *SignedIn, r *PendingRequest,
) (AccountReference, error) {
	connection, err := c.store.GetRequestConnection(ctx, r.Hash, s.Library.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", fmt.Errorf("get account of request: %w", err)
	}
	return connection.Reference, nil
}

// SessionOptions returns what the session of a request asks for; nothing if it has none any more.
func (c *Consents) SessionOptions(ctx context.Context, r *PendingRequest) wire.SessionOptions {
	session, err := c.store.GetSession(ctx, r.Session)
	if err != nil {
		return wire.SessionOptions{}
	}
	return session.Options
}

// sealToActiveGrant finds the active grant of the request's contract and, if the contract reads,
// seals the library's private key to the request's session: the person allowed the reading when
// they gave that grant. It returns nothing if there is no such grant, ErrNotFound if the operator has
// changed the contract since, and a [*TamperedError] if the grant is not what the person has allowed.
func (c *Consents) sealToActiveGrant(
	ctx context.Context,
	s *SignedIn,
	r *PendingRequest,
) (GrantID, seal.Sealed, error) {
	grant, err := c.LatestGrant(ctx, s, r)
	if err != nil || grant == nil || !grant.Active(c.now()) {
		return "", nil, err
	}
	if err := c.integrity.verifyGrant(ctx, *grant); err != nil {
		return "", nil, err
	}
	if !grant.Covers(r.Client.Contract) {
		return "", nil, fmt.Errorf("grant %s does not cover what its contract allows now: %w", grant.ID, ErrNotFound)
	}
	if grant.Access != Read {
		return grant.ID, nil, nil
	}
	key, err := s.key(ctx)
	if err != nil {
		return "", nil, err
	}
	forSession, err := c.sealKeyToSession(ctx, s, key, r)
	return grant.ID, forSession, err
}

// CompleteRevocation answers a request to take an account from an application with yes, and
// returns where to send the browser. It returns ErrUsed.
func (c *Consents) CompleteRevocation(
	ctx context.Context, s *SignedIn, r *PendingRequest,
) (callback string, err error) {
	answer := Answer{Outcome: Revoked, By: s.Login.ID}
	if err := c.store.CloseAuthRequest(ctx, r.Hash, c.now(), answer, "", nil); err != nil {
		return "", fmt.Errorf("close request: %w", err)
	}
	return r.revokedURL(), nil
}
