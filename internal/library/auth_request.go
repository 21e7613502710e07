package library

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// CallbackCode is the errorCode of a callback that did not succeed. These are all
// that the clients know.
type CallbackCode string

// The callback codes.
const (
	// CallbackInitializeCheckFail: the page's parameters failed the first checks.
	CallbackInitializeCheckFail CallbackCode = "INITIALIZE_CHECK_FAIL"
	// CallbackInvalidCode: the link's code is not good.
	CallbackInvalidCode CallbackCode = "INVALID_CODE"
	// CallbackOnboardError: the source could not be added.
	CallbackOnboardError CallbackCode = "ONBOARD_ERROR"
	// CallbackUserCancel: the person refused or left.
	CallbackUserCancel CallbackCode = "USER_CANCEL"
	// CallbackServerError: something of ours failed.
	CallbackServerError CallbackCode = "SERVER_ERROR"
)

// RequestProblem is why a link cannot be answered.
type RequestProblem string

// The faults of a link.
const (
	RequestExpired  RequestProblem = "expired"
	RequestAnswered RequestProblem = "used"
	// RequestClientEnded: the contract or the application has ended.
	RequestClientEnded RequestProblem = "ended"
)

// RequestError says why a link cannot be answered. Request is there so that the person
// can be shown the way back.
type RequestError struct {
	Problem RequestProblem
	Request *PendingRequest
}

func (e *RequestError) Error() string { return "link cannot be answered: " + string(e.Problem) }

var (
	// ErrWrongPerson says that a link is for another library than the browser's.
	ErrWrongPerson = errors.New("link belongs to another library")
	// ErrConnectionChanged says that the account that a person was asked about is not the one
	// that is connected for the request now.
	ErrConnectionChanged = errors.New("another account has been connected for the request")
)

// PendingRequest is a link together with what a person needs to know to answer it.
type PendingRequest struct {
	AuthRequest
	Client Client
	// GrantUntil is when the grant would end.
	GrantUntil time.Time
}

// RequestConnection is what this package knows of an account at a provider that a person has
// connected for a request; package delivery knows the rest.
type RequestConnection struct {
	ID        wire.AccountID
	Reference Reference
	// Provider is the provider's name.
	Provider string
}

// FindRequest finds the request that a link carries. It returns ErrNotFound for an
// unknown code or one of another page, and a [*RequestError] for one that can no longer
// be answered.
func (c *Consents) FindRequest(ctx context.Context, kind RequestKind, code string) (*PendingRequest, error) {
	link, err := c.store.GetAuthRequest(ctx, seal.SecretOf(code).Hash())
	if err != nil {
		return nil, fmt.Errorf("get link: %w", err)
	}
	if link.Kind != kind && (link.Kind != OnboardRequest || kind != ReauthorizeRequest) {
		return nil, fmt.Errorf("link is of another page: %w", ErrNotFound)
	}
	link.Kind = kind
	client, err := c.clients.store.GetClient(ctx, link.ClientID)
	if err != nil {
		return nil, fmt.Errorf("get client of link: %w", err)
	}
	now := c.now()
	r := &PendingRequest{AuthRequest: link, Client: client, GrantUntil: c.grantUntil(client, now)}
	switch {
	case !link.AnsweredAt.IsZero():
		return nil, &RequestError{RequestAnswered, r}
	case !now.Before(link.ExpiresAt):
		return nil, &RequestError{RequestExpired, r}
	case !client.Active(now):
		return nil, &RequestError{RequestClientEnded, r}
	}
	return r, nil
}

func (c *Consents) grantUntil(client Client, now time.Time) time.Time {
	lasts := client.Contract.GrantFor
	if lasts == 0 {
		lasts = c.config.GrantLifetime
	}
	return earlier(now.Add(lasts), client.Contract.ExpiresAt)
}

// Earlier finds the grant that a person gave to the request's contract before, the
// newest one; nil if there is none.
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

// Allow answers a request with yes and returns where to send the browser. A read
// contract's code and session are handed the library's key here: this is the moment
// at which the person lets somebody in. The person was asked about the account at a provider
// that is shown; empty if about none. Allow returns ErrWrongPerson, ErrUsed, and
// ErrConnectionChanged if another account is connected for the request now.
func (c *Consents) Allow(ctx context.Context, s *SignedIn, r *PendingRequest, shown wire.AccountID) (callback string, err error) {
	if err := r.CheckPerson(s); err != nil {
		return "", err
	}
	connection, err := c.store.GetRequestConnection(ctx, r.Hash, s.Library.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", fmt.Errorf("get account of authorization request: %w", err)
	}
	if connection.ID != shown {
		return "", ErrConnectionChanged
	}
	now := c.now()
	code := seal.NewSecret()
	answer := Approval{
		Request: r.Hash, At: now,
		Grant: Grant{ID: GrantID(wire.RandomAlphanumeric(32)), Library: s.Library.ID,
			Application: r.Client.Application.ID, Contract: r.Client.Contract.ID, CreatedAt: now, ExpiresAt: r.GrantUntil},
		Account: newAccount(s.Library.ID, r.Client.Application.ID, now),
		Code: AuthCode{Hash: code.Hash(), Client: r.Client.ID(), Challenge: r.Challenge,
			ExpiresAt: now.Add(codeLifetime)},
		Event: Event{Library: s.Library.ID, At: now, Kind: EventAllowed, Details: r.Client.EventDetails()},
	}
	if connection.ID != "" {
		answer.Connection = connection.ID
		answer.Event.Details.Account, answer.Event.Details.Provider = connection.ID, connection.Provider
	}
	if r.Client.Contract.Access == Read {
		if answer.Code.Seal, answer.SessionSeal, err = c.sealKey(ctx, s, r, code); err != nil {
			return "", err
		}
	}
	_, account, err := c.store.Allow(ctx, answer)
	if err != nil {
		return "", fmt.Errorf("allow: %w", err)
	}
	q := url.Values{"success": {"true"}, "code": {code.Reveal()}}
	if r.Kind == AuthorizeRequest {
		reference := account.Reference
		if connection.ID != "" {
			reference = connection.Reference
		}
		q.Set("accountReference", string(reference))
	}
	return r.callbackURL(q), nil
}

// handKey seals the library's key to the code, and to the session that was promised
// with the link.
func (c *Consents) sealKey(ctx context.Context, s *SignedIn, r *PendingRequest, code seal.Secret) (forCode, forSession seal.Sealed, err error) {
	key, err := s.key()
	if err != nil {
		return nil, nil, err
	}
	if forCode, err = key.HandToSecret(code); err != nil {
		return nil, nil, err
	}
	forSession, err = c.sealKeyToSession(ctx, key, r)
	return forCode, forSession, err
}

// handToSession seals the library's key to the session that was promised with the
// link; nil if the session's time is over.
func (c *Consents) sealKeyToSession(ctx context.Context, key seal.PrivateKey, r *PendingRequest) (seal.Sealed, error) {
	session, err := c.store.GetSession(ctx, r.Session)
	if errors.Is(err, ErrNotFound) || err == nil && session.PublicKey.IsZero() {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get session of link: %w", err)
	}
	return key.HandTo(session.PublicKey)
}

func newAccount(id ID, application wire.ApplicationID, now time.Time) Account {
	return Account{
		ID:        wire.AccountID(fmt.Sprintf("%d_%s", serviceTypeUser, wire.RandomAlphanumeric(22))),
		Reference: Reference(wire.RandomAlphanumeric(16)),
		Library:   id, Application: application,
		Subject:   wire.RandomAlphanumeric(32),
		CreatedAt: now,
	}
}

// CheckPerson returns [ErrWrongPerson] for a person other than the one that the request is
// for, and ErrNotFound for a person whose library is shut.
func (r *PendingRequest) CheckPerson(s *SignedIn) error {
	if r.Library != "" && r.Library != s.Library.ID {
		return ErrWrongPerson
	}
	if s.Library.Shut() {
		return fmt.Errorf("library %s is shut: %w", s.Library.ID, ErrNotFound)
	}
	return nil
}

// IsForAnother reports whether the request is for another library than the person's.
func (r *PendingRequest) IsForAnother(s *SignedIn) bool {
	return r.Library != "" && r.Library != s.Library.ID
}

// Deny answers a request with no, for the reason that the code tells, and returns
// where to send the browser. s is nil if nobody has signed in. To refuse to renew a
// consent ends it, if it still stands; to refuse to revoke something leaves all as it
// is. It returns ErrUsed.
func (c *Consents) Deny(ctx context.Context, r *PendingRequest, s *SignedIn, code CallbackCode) (callback string, err error) {
	var event Event
	if s != nil && r.CheckPerson(s) == nil && code == CallbackUserCancel && r.Kind != RevokeRequest {
		if err := c.endRefused(ctx, r, s); err != nil {
			return "", err
		}
		if r.Kind == AuthorizeRequest || r.Kind == UserReauthRequest { // the others asked for no consent
			event = Event{Library: s.Library.ID, At: c.now(), Kind: EventDenied, Details: r.Client.EventDetails()}
		}
	}
	if err := c.store.Deny(ctx, r.Hash, c.now(), event); err != nil {
		return "", fmt.Errorf("deny: %w", err)
	}
	return r.FailureURL(code), nil
}

// endRefused revokes the grant that a person refuses to renew. It comes before the
// link is closed: were the server to stop between the two, the access has ended.
func (c *Consents) endRefused(ctx context.Context, r *PendingRequest, s *SignedIn) error {
	if r.Kind != UserReauthRequest {
		return nil
	}
	earlier, err := c.LatestGrant(ctx, s, r)
	if err != nil || earlier == nil || !earlier.Active(c.now()) {
		return err
	}
	return c.Revoke(ctx, s, earlier.ID)
}

// Complete answers a request that asked for no consent with success, and returns where to
// send the browser. It returns ErrWrongPerson or ErrUsed.
func (c *Consents) Complete(ctx context.Context, s *SignedIn, r *PendingRequest) (callback string, err error) {
	if err := r.CheckPerson(s); err != nil {
		return "", err
	}
	grant, forSession, err := c.standingGrant(ctx, s, r)
	if err != nil {
		return "", err
	}
	if err := c.store.CloseAuthRequest(ctx, r.Hash, c.now(), grant, forSession); err != nil {
		return "", fmt.Errorf("close link: %w", err)
	}
	return r.callbackURL(url.Values{"success": {"true"}}), nil
}

// standing finds the grant that still stands for the request's contract, and seals the
// library's key to the session that was promised with the link: the person allowed the
// reading when they gave that grant. Empty where there is none, or nothing to read.
func (c *Consents) standingGrant(ctx context.Context, s *SignedIn, r *PendingRequest) (GrantID, seal.Sealed, error) {
	earlier, err := c.LatestGrant(ctx, s, r)
	if err != nil || earlier == nil || !earlier.Active(c.now()) || r.Client.Contract.Access != Read {
		return "", nil, err
	}
	key, err := s.key()
	if err != nil {
		return "", nil, err
	}
	forSession, err := c.sealKeyToSession(ctx, key, r)
	return earlier.ID, forSession, err
}

// ResolveReference returns the account that a reference of the request's application names.
// It returns ErrNotFound for a reference that is unknown, expired or another application's.
func (c *Consents) ResolveReference(ctx context.Context, r *PendingRequest, accountRef string) (wire.AccountID, error) {
	ref, err := c.store.GetReference(ctx, accountRef)
	if err != nil {
		return "", fmt.Errorf("get reference: %w", err)
	}
	if ref.Client.Application != r.Client.Application.ID || !c.now().Before(ref.ExpiresAt) {
		return "", fmt.Errorf("reference is of another application or too old: %w", ErrNotFound)
	}
	return ref.Account, nil
}

// CheckUserAccount returns ErrNotFound unless the account is the one that stands for the
// person at an application, and is not hidden there.
func (c *Consents) CheckUserAccount(ctx context.Context, library ID, application wire.ApplicationID, id wire.AccountID) error {
	accounts, err := c.store.ListAccounts(ctx, library, application)
	if err != nil {
		return fmt.Errorf("list accounts: %w", err)
	}
	if !slices.ContainsFunc(accounts, func(a Account) bool { return a.ID == id }) {
		return fmt.Errorf("account is not this person's: %w", ErrNotFound)
	}
	return nil
}

// Failed is where a browser goes whose request ends without success.
func (r *PendingRequest) FailureURL(code CallbackCode) string {
	if r.Kind == RevokeRequest {
		return r.callbackURL(url.Values{"result": {"failed"}, "error_message": {string(code)}})
	}
	return r.callbackURL(url.Values{"success": {"false"}, "errorCode": {string(code)}})
}

// callback is the application's redirect URI, its own query kept, with the outcome
// and the application's state.
func (r *PendingRequest) callbackURL(q url.Values) string {
	if r.State != "" {
		q.Set("state", r.State)
	}
	separator := "?"
	if strings.Contains(r.RedirectURI, "?") {
		separator = "&"
		if strings.HasSuffix(r.RedirectURI, "?") || strings.HasSuffix(r.RedirectURI, "&") {
			separator = ""
		}
	}
	return r.RedirectURI + separator + q.Encode()
}

// GetRequestClient returns the client that made a request.
func (c *Consents) GetRequestClient(ctx context.Context, request seal.Hash) (Client, error) {
	r, err := c.store.GetAuthRequest(ctx, request)
	if err != nil {
		return Client{}, fmt.Errorf("get authorization request: %w", err)
	}
	return c.clients.GetClient(ctx, r.ClientID.Contract)
}

// AddRevocation adds a request to take an account from the bearer's application, and returns
// its code.
func (c *Consents) AddRevocation(ctx context.Context, b *Bearer, account wire.AccountID, redirectURI string) (seal.Secret, error) {
	now, code := c.now(), seal.NewSecret()
	r := AuthRequest{Hash: code.Hash(), Kind: RevokeRequest, ClientID: b.Client.ID(), RedirectURI: redirectURI,
		Library: b.Library.ID, Account: account, CreatedAt: now, ExpiresAt: now.Add(requestLifetime)}
	if err := c.store.AddAuthRequest(ctx, r, Session{}); err != nil {
		return seal.Secret{}, fmt.Errorf("add authorization request: %w", err)
	}
	return code, nil
}

// CompleteRevocation answers a request to take an account from an application with yes, and
// returns where to send the browser. It returns ErrUsed.
func (c *Consents) CompleteRevocation(ctx context.Context, r *PendingRequest) (callback string, err error) {
	if err := c.store.CloseAuthRequest(ctx, r.Hash, c.now(), "", nil); err != nil {
		return "", fmt.Errorf("close authorization request: %w", err)
	}
	return r.callbackURL(url.Values{"result": {"success"}}), nil
}
