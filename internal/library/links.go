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

// LinkFault is why a link cannot be answered.
type LinkFault string

// The faults of a link.
const (
	LinkExpired LinkFault = "expired"
	LinkUsed    LinkFault = "used"
	// LinkEnded: the contract or the application has ended.
	LinkEnded LinkFault = "ended"
)

// LinkError says why a link cannot be answered. Request is there so that the person
// can be shown the way back.
type LinkError struct {
	Fault   LinkFault
	Request *Request
}

func (e *LinkError) Error() string { return "link cannot be answered: " + string(e.Fault) }

// ErrWrongPerson says that a link is for another library than the browser's.
var ErrWrongPerson = errors.New("link belongs to another library")

// Request is a link together with what a person needs to know to answer it.
type Request struct {
	Link   Link
	Client Client
	// Until is how long the grant would last.
	Until time.Time
	// Connected is the account that the person has connected on the way, as
	// [Accounts.Connected] found it; nil if there is none.
	Connected *ConnectedAccount
}

// OpenLink finds the request that a link carries. It returns ErrNotFound for an
// unknown code or one of another page, and a [*LinkError] for one that can no longer
// be answered.
func (c *Consents) OpenLink(ctx context.Context, kind LinkKind, code string) (*Request, error) {
	link, err := c.store.GetLink(ctx, seal.SecretOf(code).Hash())
	if err != nil {
		return nil, fmt.Errorf("get link: %w", err)
	}
	if link.Kind != kind && (link.Kind != LinkOnboard || kind != LinkReauthorize) {
		return nil, fmt.Errorf("link is of another page: %w", ErrNotFound)
	}
	link.Kind = kind
	client, err := c.clients.store.GetClient(ctx, link.Client)
	if err != nil {
		return nil, fmt.Errorf("get client of link: %w", err)
	}
	now := c.now()
	r := &Request{Link: link, Client: client, Until: c.until(client, now)}
	switch {
	case !link.AnsweredAt.IsZero():
		return nil, &LinkError{LinkUsed, r}
	case !now.Before(link.ExpiresAt):
		return nil, &LinkError{LinkExpired, r}
	case !client.Good(now):
		return nil, &LinkError{LinkEnded, r}
	}
	return r, nil
}

func (c *Consents) until(client Client, now time.Time) time.Time {
	lasts := client.Contract.GrantFor
	if lasts == 0 {
		lasts = c.config.GrantLifetime
	}
	return earlier(now.Add(lasts), client.Contract.ExpiresAt)
}

// Earlier finds the grant that a person gave to the request's contract before, the
// newest one; nil if there is none.
func (c *Consents) Earlier(ctx context.Context, s *SignedIn, r *Request) (*Grant, error) {
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
// at which the person lets somebody in. It returns ErrWrongPerson or ErrUsed.
func (c *Consents) Allow(ctx context.Context, s *SignedIn, r *Request) (callback string, err error) {
	if err := r.answerable(s); err != nil {
		return "", err
	}
	now := c.now()
	code := seal.NewSecret()
	answer := Answer{
		Link: r.Link.Hash, At: now,
		Grant: Grant{ID: GrantID(wire.RandomAlphanumeric(32)), Library: s.Library.ID,
			Application: r.Client.Application.ID, Contract: r.Client.Contract.ID, CreatedAt: now, ExpiresAt: r.Until},
		Account: newAccount(s.Library.ID, r.Client.Application.ID, now),
		Code: AuthCode{Hash: code.Hash(), Client: r.Client.ID(), Challenge: r.Link.Challenge,
			ExpiresAt: now.Add(codeLifetime)},
		Event: Event{Library: s.Library.ID, At: now, Kind: EventAllowed, Details: r.Client.details()},
	}
	if r.Connected != nil {
		answer.Connected = r.Connected.ID
		answer.Event.Details.Account, answer.Event.Details.Provider = r.Connected.ID, r.Connected.Source.Name
	}
	if r.Client.Contract.Access == Read {
		if answer.Code.Seal, answer.SessionSeal, err = c.handKey(ctx, s, r, code); err != nil {
			return "", err
		}
	}
	_, account, err := c.store.Allow(ctx, answer)
	if err != nil {
		return "", fmt.Errorf("allow: %w", err)
	}
	q := url.Values{"success": {"true"}, "code": {code.Reveal()}}
	if r.Link.Kind == LinkAuthorize {
		reference := account.Reference
		if r.Connected != nil {
			reference = r.Connected.Reference
		}
		q.Set("accountReference", string(reference))
	}
	return r.callback(q), nil
}

// handKey seals the library's key to the code, and to the session that was promised
// with the link.
func (c *Consents) handKey(ctx context.Context, s *SignedIn, r *Request, code seal.Secret) (forCode, forSession seal.Sealed, err error) {
	key, err := s.key()
	if err != nil {
		return nil, nil, err
	}
	if forCode, err = key.SealToSecret(code); err != nil {
		return nil, nil, err
	}
	forSession, err = c.handToSession(ctx, key, r)
	return forCode, forSession, err
}

// handToSession seals the library's key to the session that was promised with the
// link; nil if the session's time is over.
func (c *Consents) handToSession(ctx context.Context, key seal.PrivateKey, r *Request) (seal.Sealed, error) {
	session, err := c.store.GetSession(ctx, r.Link.Session)
	if errors.Is(err, ErrNotFound) || err == nil && session.PublicKey.IsZero() {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get session of link: %w", err)
	}
	return key.SealTo(session.PublicKey)
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

// answerable refuses a person who is not the one that the link is for.
func (r *Request) answerable(s *SignedIn) error {
	if r.Link.Library != "" && r.Link.Library != s.Library.ID {
		return ErrWrongPerson
	}
	if s.Library.Shut() {
		return fmt.Errorf("library %s is shut: %w", s.Library.ID, ErrNotFound)
	}
	return nil
}

// ForOther reports whether the request is for another library than the person's.
func (r *Request) ForOther(s *SignedIn) bool {
	return r.Link.Library != "" && r.Link.Library != s.Library.ID
}

// Deny answers a request with no, for the reason that the code tells, and returns
// where to send the browser. s is nil if nobody has signed in. To refuse to renew a
// consent ends it, if it still stands; to refuse to revoke something leaves all as it
// is. It returns ErrUsed.
func (c *Consents) Deny(ctx context.Context, r *Request, s *SignedIn, code CallbackCode) (callback string, err error) {
	var event Event
	if s != nil && r.answerable(s) == nil && code == CallbackUserCancel && r.Link.Kind != LinkRevoke {
		if err := c.endRefused(ctx, r, s); err != nil {
			return "", err
		}
		if r.Link.Kind == LinkAuthorize || r.Link.Kind == LinkUserReauth { // the others asked for no consent
			event = Event{Library: s.Library.ID, At: c.now(), Kind: EventDenied, Details: r.Client.details()}
		}
	}
	if err := c.store.Deny(ctx, r.Link.Hash, c.now(), event); err != nil {
		return "", fmt.Errorf("deny: %w", err)
	}
	return r.Failed(code), nil
}

// endRefused revokes the grant that a person refuses to renew. It comes before the
// link is closed: were the server to stop between the two, the access has ended.
func (c *Consents) endRefused(ctx context.Context, r *Request, s *SignedIn) error {
	if r.Link.Kind != LinkUserReauth {
		return nil
	}
	earlier, err := c.Earlier(ctx, s, r)
	if err != nil || earlier == nil || !earlier.Active(c.now()) {
		return err
	}
	return c.Revoke(ctx, s, earlier.ID)
}

// Connect answers a request to connect a source, or to connect an account again. It
// succeeds if the person has connected one on the way, or if there was nothing to do because the
// account stands for the person; else the application learns that nothing was
// connected. It returns ErrWrongPerson or ErrUsed.
func (c *Consents) Connect(ctx context.Context, s *SignedIn, r *Request, nothingToDo bool) (callback string, err error) {
	if err := r.answerable(s); err != nil {
		return "", err
	}
	if r.Connected == nil && !nothingToDo {
		if err := c.store.Deny(ctx, r.Link.Hash, c.now(), Event{}); err != nil {
			return "", fmt.Errorf("close link: %w", err)
		}
		return r.Failed(CallbackOnboardError), nil
	}
	grant, forSession, err := c.standing(ctx, s, r)
	if err != nil {
		return "", err
	}
	if err := c.store.CloseLink(ctx, r.Link.Hash, c.now(), grant, forSession); err != nil {
		return "", fmt.Errorf("close link: %w", err)
	}
	return r.callback(url.Values{"success": {"true"}}), nil
}

// standing finds the grant that still stands for the request's contract, and seals the
// library's key to the session that was promised with the link: the person allowed the
// reading when they gave that grant. Empty where there is none, or nothing to read.
func (c *Consents) standing(ctx context.Context, s *SignedIn, r *Request) (GrantID, seal.Sealed, error) {
	earlier, err := c.Earlier(ctx, s, r)
	if err != nil || earlier == nil || !earlier.Active(c.now()) || r.Client.Contract.Access != Read {
		return "", nil, err
	}
	key, err := s.key()
	if err != nil {
		return "", nil, err
	}
	forSession, err := c.handToSession(ctx, key, r)
	return earlier.ID, forSession, err
}

// referred is the account that a reference of the request's application means.
func (c *Consents) referred(ctx context.Context, r *Request, accountRef string) (wire.AccountID, error) {
	ref, err := c.store.GetReference(ctx, accountRef)
	if err != nil {
		return "", fmt.Errorf("get reference: %w", err)
	}
	if ref.Client.Application != r.Client.Application.ID || !c.now().Before(ref.ExpiresAt) {
		return "", fmt.Errorf("reference is of another application or too old: %w", ErrNotFound)
	}
	return ref.Account, nil
}

// ownAccount returns ErrNotFound unless the account is the one that stands for the
// person at an application, and is shown there.
func (c *Consents) ownAccount(ctx context.Context, library ID, application wire.ApplicationID, id wire.AccountID) error {
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
func (r *Request) Failed(code CallbackCode) string {
	if r.Link.Kind == LinkRevoke {
		return r.callback(url.Values{"result": {"failed"}, "error_message": {string(code)}})
	}
	return r.callback(url.Values{"success": {"false"}, "errorCode": {string(code)}})
}

// callback is the application's redirect URI, its own query kept, with the outcome
// and the application's state.
func (r *Request) callback(q url.Values) string {
	if r.Link.State != "" {
		q.Set("state", r.Link.State)
	}
	separator := "?"
	if strings.Contains(r.Link.RedirectURI, "?") {
		separator = "&"
		if strings.HasSuffix(r.Link.RedirectURI, "?") || strings.HasSuffix(r.Link.RedirectURI, "&") {
			separator = ""
		}
	}
	return r.Link.RedirectURI + separator + q.Encode()
}
