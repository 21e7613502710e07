package library

import (
	"context"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// RequestKind says what an authorization request asks for. Each kind has its page.
type RequestKind string

// The kinds of authorization requests.
const (
	// AuthorizeRequest asks for consent.
	AuthorizeRequest RequestKind = "authorize"
	// OnboardRequest asks to connect a source.
	OnboardRequest RequestKind = "onboard"
	// ReauthorizeRequest asks to connect an account again.
	ReauthorizeRequest RequestKind = "reauthorize"
	// UserReauthRequest asks to renew a consent.
	UserReauthRequest RequestKind = "user-reauth"
	// RevokeRequest asks to take an account from the application.
	RevokeRequest RequestKind = "revoke"
)

// AuthRequest is an authorization request that an application has pushed (RFC 9126), for its
// person to answer. It is found by the hash of the code in the person's browser.
type AuthRequest struct {
	Hash        seal.Hash
	Kind        RequestKind
	ClientID    wire.ClientID
	RedirectURI string
	State       string
	// Challenge is the PKCE challenge of the code that the request may lead to.
	Challenge string
	// Library is the library that the application named by an access token: only its person may
	// answer. It is empty if the application named none.
	Library ID
	// Session is the hash of the session that the application was given with the request.
	Session   seal.Hash
	CreatedAt time.Time
	ExpiresAt time.Time
	// Account is the account at a provider that the person has connected for the request. Of a
	// RevokeRequest it is the account to take from the application.
	Account wire.AccountID
	// AnsweredAt is when the person answered; zero if they have not.
	AnsweredAt time.Time
	// Answer is how; zero if they have not.
	Answer Answer
	// Postbox says that the application gets a postbox with a yes: see [Postbox].
	Postbox bool
	// Binding binds what the application asked for, and SessionBinding the public key of its
	// session: see [Integrity].
	Binding, SessionBinding []byte
}

// Answer is how a request was answered.
type Answer struct {
	Outcome Outcome
	// By is the login of the browser that answered; empty if nobody was signed in.
	By LoginID
}

// Outcome is what a request was answered with: one of these, or the [CallbackCode] of a refusal.
type Outcome string

// The outcomes of requests that were not refused.
const (
	Allowed   Outcome = "allowed"
	Completed Outcome = "completed"
	Revoked   Outcome = "revoked"
)

// Refusal returns the code of a refusal, or "".
func (o Outcome) Refusal() CallbackCode {
	switch o {
	case Allowed, Completed, Revoked:
		return ""
	}
	return CallbackCode(o)
}

// AuthRequestStore stores authorization requests and answers them.
type AuthRequestStore interface {
	// AddAuthRequest adds a request, and its session unless the session's hash is zero. It deletes the oldest requests
	// of the contract for the same library, or for none, until as many are left as Limits allow; their sessions, too,
	// unless they have a grant.
	AddAuthRequest(ctx context.Context, r AuthRequest, s Session) error
	GetAuthRequest(ctx context.Context, h seal.Hash) (AuthRequest, error)
	// GetRequestConnection returns the account at a provider that is connected for a request. It
	// returns ErrNotFound if there is none, or if it is another library's.
	GetRequestConnection(ctx context.Context, h seal.Hash, id ID) (RequestConnection, error)
	// Allow answers a request with yes. In one transaction it
	//
	//   - marks the request answered, and how;
	//   - renews the active grant of the library and contract, or adds the given one;
	//   - adds the account, unless the library has one at the application, and shows that if it
	//     was hidden;
	//   - adds the code, bound to the grant;
	//   - gives the request's session, if it has one, the grant, the seal and the scope of sources;
	//   - gives the account at a provider that is connected for the request, if there is one, to
	//     the grant, so that it is no longer pending; if the grant has an account at the same
	//     source already, that one gets the new access and takes the other's place;
	//   - gives the approval's storage to the library, unless the library has one at the application, and
	//     adds an event of kind EventStorageConnected after the other;
	//   - adds the event, with the grant's id in its details, and with its kind changed to
	//     EventRenewed if a grant was renewed.
	//
	// It returns the grant and the account as they are then. It returns ErrUsed if the request
	// was answered before, ErrConnectionChanged if another account is connected for it than the
	// approval's, ErrStorageGone if the approval's storage is gone or has expired, or is another application's or
	// library's, and ErrNotFound if the library is shut or deleted; then it changes nothing.
	Allow(ctx context.Context, a Approval) (Grant, Account, error)
	// Deny marks the request answered, and how, adds the event unless the event's library is empty, and
	// removes the account at a provider that is connected for it if that is pending, with an event of
	// kind EventNotAllowed. It returns
	// ErrUsed if the request was answered before.
	Deny(ctx context.Context, h seal.Hash, at time.Time, a Answer, e Event) error
	// CloseAuthRequest marks a request answered, and how, that leads to no new grant. It gives the
	// request's session the grant, the seal and the answer's scope of sources, and the account at a provider that is
	// connected for the request, if it is pending, to the grant, as Allow does. If the grant is empty it
	// removes that account, as Deny does. It returns ErrUsed if the request was answered before, and ErrNotFound
	// if the grant has been revoked.
	CloseAuthRequest(
		ctx context.Context, h seal.Hash, at time.Time, a Answer, grant GrantID, sessionSeal seal.Sealed,
	) error
}

// RequestConnection is what this package knows of an account at a provider that a person has
// connected for a request; package delivery knows the rest.
type RequestConnection struct {
	ID        wire.AccountID
	Reference AccountReference
	// Provider is the provider's name.
	Provider string
}

// AuthorizeResult is what an application gets for a request: the code for the browser's
// address, and a session that can be read once the person has agreed.
type AuthorizeResult struct {
	Code      seal.Secret
	ExpiresAt time.Time
	Session   wire.Session
}

// Authorize adds a request for consent. An access token among the claims names the library
// whose person is to answer; it must be of the same application, and may have expired.
// Refusals are [*Refusal]s.
func (c *Consents) Authorize(
	ctx context.Context,
	req *SignedRequest,
	options wire.SessionOptions,
) (*AuthorizeResult, error) {
	claims := req.Claims
	switch {
	case !req.Contract.AllowsRedirect(claims.RedirectURI):
		return nil, InvalidRedirectURI(claims.RedirectURI)
	case claims.ResponseType != "" && claims.ResponseType != "code":
		return nil, InvalidParameter("response_type: want code")
	case claims.ResponseMode != "" && claims.ResponseMode != "query":
		return nil, InvalidParameter("response_mode: want query")
	}
	if err := checkChallenge(claims); err != nil {
		return nil, err
	}
	r := AuthRequest{Kind: AuthorizeRequest, Challenge: claims.CodeChallenge}
	if claims.AccessToken != "" {
		info, err := c.findToken(ctx, req, UseAccess)
		if err != nil {
			return nil, err
		}
		if err := info.Library.checkAskable(); err != nil {
			return nil, err
		}
		r.Library = info.Library.ID
	}
	return c.addRequest(ctx, req, r, options)
}

// AuthorizeForToken adds a request for the person of the access token among the claims, which
// must be the contract's own: to connect a source or to connect one again, or, if the claims
// have a challenge, to renew the consent; only for that may the token have expired. Refusals
// are [*Refusal]s.
func (c *Consents) AuthorizeForToken(
	ctx context.Context,
	req *SignedRequest,
	options wire.SessionOptions,
) (*AuthorizeResult, error) {
	claims := req.Claims
	if !req.Contract.AllowsRedirect(claims.RedirectURI) {
		return nil, InvalidRedirectURI(claims.RedirectURI)
	}
	renew := claims.CodeChallenge != ""
	if renew {
		if err := checkChallenge(claims); err != nil {
			return nil, err
		}
	}
	info, err := c.findToken(ctx, req, UseAccess)
	if err != nil {
		return nil, err
	}
	if info.Grant.Contract != req.Contract.ID {
		return nil, InvalidToken(wire.KindAccessToken)
	}
	r := AuthRequest{Library: info.Library.ID, Kind: OnboardRequest, Challenge: claims.CodeChallenge}
	if renew {
		r.Kind = UserReauthRequest
	} else if err := info.check(c.now(), req.Contract, wire.KindAccessToken); err != nil {
		return nil, err
	}
	if err := info.Library.checkAskable(); err != nil {
		return nil, err
	}
	return c.addRequest(ctx, req, r, options)
}

// checkAskable refuses to make a link that only the library's person can answer, if nobody signs in to the library.
func (l Library) checkAskable() error {
	if l.Sandbox {
		return InvalidParameter("access_token is that of a sandbox: nobody can sign in to its library and answer")
	}
	return nil
}

func checkChallenge(claims wire.RequestClaims) error {
	if claims.CodeChallengeMethod != wire.ChallengeS256 {
		return InvalidParameter("code_challenge_method must be S256")
	}
	if !wire.ValidChallenge(claims.CodeChallenge) {
		return InvalidParameter("code_challenge: want 32 bytes in base64url, which are 43 characters")
	}
	return nil
}

// maxState is the largest length of a request's state, in bytes.
const maxState = 4096

func (c *Consents) addRequest(
	ctx context.Context,
	req *SignedRequest,
	r AuthRequest,
	options wire.SessionOptions,
) (*AuthorizeResult, error) {
	if len(req.Claims.State) > maxState {
		return nil, InvalidParameter("state is too long")
	}
	if err := checkOptions(options, req.Contract, c.now()); err != nil {
		return nil, err
	}
	code, key := seal.NewSecret(), seal.NewSecret()
	session, err := c.newSession(req, key, options)
	if err != nil {
		return nil, err
	}
	now := c.now()
	r.Hash, r.ClientID = code.Hash(), req.ID()
	r.RedirectURI, r.State = req.Claims.RedirectURI, req.Claims.State
	r.Session, r.CreatedAt, r.ExpiresAt = session.Hash, now, now.Add(requestLifetime)
	r.Postbox = req.PostboxWanted && r.Challenge != "" && req.Contract.Access == Write
	c.integrity.BindRequest(code, &r, session)
	if err := c.store.AddAuthRequest(ctx, r, session); err != nil {
		return nil, fmt.Errorf("add request: %w", err)
	}
	return &AuthorizeResult{
		code,
		r.ExpiresAt,
		wire.Session{Key: key.Reveal(), Expiry: wire.MillisOf(session.ExpiresAt)},
	}, nil
}

// AddRevocation adds a request to take an account from the bearer's application, and returns its code. It refuses the
// bearer of a sandbox with RefusedParameter.
func (c *Consents) AddRevocation(
	ctx context.Context,
	b *Bearer,
	account wire.AccountID,
	redirectURI string,
) (seal.Secret, error) {
	if err := b.Library.checkAskable(); err != nil {
		return seal.Secret{}, err
	}
	now, code := c.now(), seal.NewSecret()
	r := AuthRequest{Hash: code.Hash(), Kind: RevokeRequest, ClientID: b.Client.ID(), RedirectURI: redirectURI,
		Library: b.Library.ID, Account: account, CreatedAt: now, ExpiresAt: now.Add(requestLifetime)}
	c.integrity.BindRequest(code, &r, Session{})
	if err := c.store.AddAuthRequest(ctx, r, Session{}); err != nil {
		return seal.Secret{}, fmt.Errorf("add request: %w", err)
	}
	return code, nil
}

// RequestProblem is why a request cannot be answered.
type RequestProblem string

// The problems of requests.
const (
	RequestExpired  RequestProblem = "expired"
	RequestAnswered RequestProblem = "used"
	// RequestClientEnded: the contract has expired, or it or its application is disabled.
	RequestClientEnded RequestProblem = "ended"
)

// RequestError says why a request cannot be answered. With the request the person can be shown
// the way back to the application.
type RequestError struct {
	Problem RequestProblem
	Request *PendingRequest
}

func (e *RequestError) Error() string { return "request cannot be answered: " + string(e.Problem) }

// PendingRequest is a request that can be answered, with what a person needs to know for that.
type PendingRequest struct {
	AuthRequest
	Client Client
	// GrantUntil is when the grant would end.
	GrantUntil time.Time

	issuer         string // see ConsentConfig
	olderCallbacks bool   // see ConsentConfig
	code           seal.Secret
	returnURI      string // see ReturnTo
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

// FindRequest finds the request of a code for the page of a kind. The page of a kind accepts
// requests of that kind; the page to connect an account again also accepts a request to connect a
// source. It returns ErrNotFound for an unknown code
// and for a request of another kind, and a [*RequestError] for one that can no longer be
// answered.
func (c *Consents) FindRequest(ctx context.Context, kind RequestKind, code string) (*PendingRequest, error) {
	secret := seal.SecretOf(code)
	request, err := c.store.GetAuthRequest(ctx, secret.Hash())
	if err != nil {
		return nil, fmt.Errorf("get request: %w", err)
	}
	if err := c.integrity.verifyRequest(ctx, secret, request); err != nil {
		return nil, err
	}
	if request.Kind != kind && (request.Kind != OnboardRequest || kind != ReauthorizeRequest) {
		return nil, fmt.Errorf("request is of another kind: %w", ErrNotFound)
	}
	request.Kind = kind
	client, err := c.clients.store.GetClient(ctx, request.ClientID)
	if err != nil {
		return nil, fmt.Errorf("get client of request: %w", err)
	}
	if !client.Contract.AllowsRedirect(request.RedirectURI) { // the operator has taken it away since
		return nil, fmt.Errorf("redirect URI of the request is not registered any more: %w", ErrNotFound)
	}
	now := c.now()
	r := &PendingRequest{AuthRequest: request, Client: client, GrantUntil: c.grantUntil(client, now),
		issuer: c.config.Issuer, olderCallbacks: c.config.OlderCallbacks, code: secret}
	switch {
	case !request.AnsweredAt.IsZero():
		return nil, &RequestError{RequestAnswered, r}
	case !now.Before(request.ExpiresAt):
		return nil, &RequestError{RequestExpired, r}
	case !client.Active(now):
		return nil, &RequestError{RequestClientEnded, r}
	}
	return r, nil
}

// GetRequestClient returns the client that made a request.
func (c *Consents) GetRequestClient(ctx context.Context, request seal.Hash) (Client, error) {
	r, err := c.store.GetAuthRequest(ctx, request)
	if err != nil {
		return Client{}, fmt.Errorf("get request: %w", err)
	}
	return c.clients.GetClientOfContract(ctx, r.ClientID.Contract)
}

// grantUntil returns when a grant that a person gives to the client now would end.
func (c *Consents) grantUntil(client Client, now time.Time) time.Time {
	lifetime := client.Contract.GrantFor
	if lifetime == 0 {
		lifetime = c.config.GrantLifetime
	}
	return earlier(now.Add(lifetime), client.Contract.ExpiresAt)
}
