package library

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// Session is the right to read what a grant covers, for a limited time.
type Session struct {
	Hash   seal.Hash
	Client wire.ClientID
	// Grant is empty until the person has agreed.
	Grant GrantID
	// PublicKey is the public key of the session's secret: when the person agrees, the library's
	// private key is sealed to it. It is empty for a write contract.
	PublicKey seal.PublicKey
	// Seal is the library's private key, sealed for the session's secret.
	Seal      seal.Sealed
	Options   wire.SessionOptions
	CreatedAt time.Time
	ExpiresAt time.Time
	// UnsignedKey is the SHA-256 of the contract's key, in PEM, for which the session may be read without a signature;
	// nil if it may not. See [Consents.FindUnsignedSession].
	UnsignedKey []byte
}

// SessionStore stores sessions.
type SessionStore interface {
	// AddSession returns ErrNotFound if the session has a grant and that has been revoked. It deletes the oldest
	// sessions of the grant, until as many are left as Limits allow.
	AddSession(ctx context.Context, s Session) error
	GetSession(ctx context.Context, h seal.Hash) (Session, error)
}

// newSession makes a session without a grant. Only a read contract's session has a public key,
// to which a library's private key can be sealed.
func (c *Consents) newSession(req *SignedRequest, key seal.Secret, options wire.SessionOptions) (Session, error) {
	now := c.now()
	session := Session{
		Hash:      key.Hash(),
		Client:    req.ID(),
		Options:   options,
		CreatedAt: now,
		ExpiresAt: now.Add(sessionLifetime),
	}
	if req.Contract.Access == Read {
		var err error
		if session.PublicKey, err = key.PublicKey(); err != nil {
			return Session{}, err
		}
		if req.Older {
			session.UnsignedKey = unsignedKey(wire.MarshalPublicKey(req.key))
			session.ExpiresAt = now.Add(unsignedSessionLifetime)
		}
	}
	return session, nil
}

// checkOptions refuses session options that are malformed, or that go beyond what the contract allows.
func checkOptions(o wire.SessionOptions, contract Contract, now time.Time) error {
	text, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("encode session options: %w", err)
	}
	if len(text) > maxSessionOptions {
		return InvalidParameter(fmt.Sprintf("the session options are larger than %d bytes", maxSessionOptions))
	}
	if o.Limits != nil && o.Limits.Duration.SourceFetch < 0 {
		return InvalidParameter("limits.duration.sourceFetch: want seconds, or 0 for no limit")
	}
	if o.Scope == nil {
		return nil
	}
	for _, t := range o.Scope.TimeRanges {
		if _, err := parseLast(t.Last); err != nil {
			return InvalidParameter("scope.timeRanges.last: " + err.Error())
		}
		if t.From != 0 && t.To != 0 && t.From > t.To {
			return InvalidParameter("scope.timeRanges: from is after to")
		}
	}
	for _, k := range o.Scope.Criteria {
		if _, err := parseLast(k.Last); err != nil {
			return InvalidParameter("scope.criteria.last: " + err.Error())
		}
	}
	if err := checkIDs(o.Scope.ServiceGroups); err != nil {
		return err
	}
	return contract.Scope.checkBounds(o.Scope, now)
}

// checkIDs refuses a service group, a service or a type of objects without an id.
func checkIDs(groups []wire.ServiceGroup) error {
	const path = "scope.serviceGroups"
	check := func(path string, id int) error {
		if id <= 0 {
			return InvalidParameter(path + ".id: want a positive number")
		}
		return nil
	}
	for _, g := range groups {
		if err := check(path, g.ID); err != nil {
			return err
		}
		for _, t := range g.ServiceTypes {
			if err := check(path+".serviceTypes", t.ID); err != nil {
				return err
			}
			for _, o := range t.ServiceObjectTypes {
				if err := check(path+".serviceTypes.serviceObjectTypes", o.ID); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// StartSession starts a session of the bearer's.
func (c *Consents) StartSession(ctx context.Context, b *Bearer, options wire.SessionOptions) (wire.Session, error) {
	if err := b.Require(Read); err != nil {
		return wire.Session{}, err
	}
	if err := checkOptions(options, b.Client.Contract, c.now()); err != nil {
		return wire.Session{}, err
	}
	token := seal.SecretOf(b.request.Claims.AccessToken)
	private, err := c.integrity.open(ctx, token, b.token.Seal, b.Library)
	if err != nil {
		return wire.Session{}, fmt.Errorf("open access token: %w", err)
	}
	key := seal.NewSecret()
	session, err := c.newSession(b.request, key, options)
	if err != nil {
		return wire.Session{}, err
	}
	session.Grant = b.Grant.ID
	if session.Seal, err = private.SealTo(session.PublicKey); err != nil {
		return wire.Session{}, err
	}
	if err := c.store.AddSession(ctx, session); err != nil {
		return wire.Session{}, fmt.Errorf("add session: %w", err)
	}
	return wire.Session{Key: key.Reveal(), Expiry: wire.MillisOf(session.ExpiresAt)}, nil
}

// ReadSession is a session that its bearer reads with.
type ReadSession struct {
	Bearer  *Bearer
	Session Session
	secret  seal.Secret
	// key is the library's private key; nil until a call needs it.
	key *seal.PrivateKey
	// imported is the account that files of the person's own are of; empty until one is read.
	imported wire.AccountID
}

// FindReadSession finds the session that the bearer reads with. It refuses one that is unknown,
// expired or somebody else's with RefusedUnknown.
func (c *Consents) FindReadSession(ctx context.Context, b *Bearer, key string) (*ReadSession, error) {
	if err := b.Require(Read); err != nil {
		return nil, err
	}
	secret := seal.SecretOf(key)
	session, err := c.store.GetSession(ctx, secret.Hash())
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("get session: %w", err)
	}
	if err != nil || session.Grant != b.Grant.ID || session.Seal == nil || !c.now().Before(session.ExpiresAt) {
		return nil, Unknown("Session").Because(err)
	}
	return &ReadSession{Bearer: b, Session: session, secret: secret}, nil
}

// libraryKey returns the library's private key. It opens the seal once.
func (r *ReadSession) libraryKey(ctx context.Context) (seal.PrivateKey, error) {
	if r.key != nil {
		return *r.key, nil
	}
	k, err := r.Bearer.integrity.open(ctx, r.secret, r.Session.Seal, r.Bearer.Library)
	if err != nil {
		return seal.PrivateKey{}, fmt.Errorf("open session: %w", err)
	}
	r.key = &k
	return k, nil
}
