package library

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// Clients of before v1.7 of the protocol read without a signature: the key of the session, 256 random bits, is all that
// it takes. So only a session that such a client has started is read like that, it lives for half as long as others,
// and its files are encrypted for the key that signed its request.

// unsignedSessionLifetime is as long as a person has for an answer: a session is started with the question.
const unsignedSessionLifetime = requestLifetime

// unsignedKey returns what a session keeps of the key in PEM for which it is read.
func unsignedKey(pem []byte) []byte {
	sum := sha256.Sum256(pem)
	return sum[:]
}

// FindUnsignedSession finds the session of a key for a request without a signature. It refuses every session that may
// not be read like that with RefusedUnknown: one that is unknown or expired, was started with a signature only, or
// whose consent, contract or key has ended. It returns a [*TamperedError] if the session does not open the library of
// its grant.
func (c *Consents) FindUnsignedSession(ctx context.Context, key string) (*ReadSession, error) {
	secret := seal.SecretOf(key)
	session, err := c.store.GetSession(ctx, secret.Hash())
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("get session: %w", err)
	}
	if err != nil || session.UnsignedKey == nil || session.Grant == "" || session.Seal == nil ||
		!c.now().Before(session.ExpiresAt) {
		return nil, Unknown("Session").Because(err)
	}
	bearer, err := c.sessionBearer(ctx, session)
	var refusal *Refusal
	if errors.As(err, &refusal) || errors.Is(err, ErrNotFound) {
		return nil, Unknown("Session").Because(err)
	}
	if err != nil {
		return nil, err
	}
	found := &ReadSession{Bearer: bearer, Session: session, secret: secret}
	// The session stands in place of the token, which is bound to its library.
	if _, err := found.libraryKey(ctx); err != nil {
		return nil, err
	}
	return found, nil
}

// sessionBearer returns the bearer for whom a session is read without a signature. It returns ErrNotFound if the
// consent or the contract's key has ended, and a refusal of the client.
func (c *Consents) sessionBearer(ctx context.Context, session Session) (*Bearer, error) {
	client, err := c.clients.getActive(ctx, session.Client)
	if err != nil {
		return nil, err
	}
	public, err := c.clients.unsignedReader(client.Contract, session.UnsignedKey)
	if err != nil {
		return nil, err
	}
	grant, err := c.store.GetGrant(ctx, session.Grant)
	if err != nil {
		return nil, fmt.Errorf("get grant of session: %w", err)
	}
	if grant.Access != Read {
		return nil, fmt.Errorf("grant %s of the session does not read: %w", grant.ID, ErrNotFound)
	}
	owner, err := c.libraryOfGrant(ctx, grant, client.Contract)
	if err != nil {
		return nil, err
	}
	request := &SignedRequest{Client: client, Older: true, key: public, nonceUsed: true}
	return &Bearer{Client: client, Grant: grant, Library: owner, request: request, integrity: c.integrity}, nil
}

// unsignedReader returns the key of a contract for which a session is read. It returns ErrNotFound if the contract does
// not have it any more.
func (c *Clients) unsignedReader(k Contract, hash []byte) (*rsa.PublicKey, error) {
	for _, text := range k.keys(c.now()) {
		key, err := c.parseKey(k, text)
		if err != nil {
			return nil, err
		}
		if bytes.Equal(unsignedKey(wire.MarshalPublicKey(key)), hash) {
			return key, nil
		}
	}
	return nil, fmt.Errorf("the key of the session is none of the contract's: %w", ErrNotFound)
}

// EmptySession returns a session for the answers in which the last Android SDK expects one although nothing is read. It
// is not stored: nothing can be read with its key.
func (c *Consents) EmptySession() wire.Session {
	return wire.Session{Key: seal.NewSecret().Reveal(), Expiry: wire.MillisOf(c.now().Add(unsignedSessionLifetime))}
}
