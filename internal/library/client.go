package library

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// window is how far a request's timestamp may be from the server's clock, either way.
const window = 5 * time.Minute

// Clients knows who is calling: it registers applications and contracts and
// verifies signed requests.
type Clients struct {
	store  ClientStore
	nonces NonceStore
	now    func() time.Time
	keys   keyMemo
	recent ttlCache[wire.ClientID, Client]
}

// clientTTL is how long what is known of a client may be used unasked: to disable
// one takes effect within that time.
const clientTTL = time.Second

// NewClients returns the clients kept in store.
func NewClients(store ClientStore, nonces NonceStore, now func() time.Time) *Clients {
	return &Clients{store: store, nonces: nonces, now: now,
		recent: ttlCache[wire.ClientID, Client]{ttl: clientTTL, max: memoSize}}
}

// SignedCall is a signed request that has been verified: whose it is, and its claims.
type SignedCall struct {
	Client
	Claims wire.RequestClaims

	key       *rsa.PublicKey
	nonce     Nonce
	nonceUsed bool
}

// Verify verifies a request's bearer token. It refuses cheaply first: form,
// algorithm, header, nonce's shape, timestamp, client; only then RSA. The nonce is
// not yet used up: that is for [Clients.UseNonce], or for the transaction of what the
// call does.
//
// Every refusal is a [*Refusal]: 406 for the token, 401 for the client.
func (c *Clients) Verify(ctx context.Context, bearer string) (*SignedCall, error) {
	token, err := wire.ParseRequestToken(bearer)
	switch {
	case errors.Is(err, wire.ErrTokenMalformed):
		return nil, InvalidRequest("bearer token").Because(err)
	case err != nil:
		return nil, InvalidRequest("bearer token signature").Because(err)
	case token.Header.Type == wire.TypeCloud:
		return nil, InvalidRequest("bearer token signature").Because(wire.ErrTokenHeader)
	}
	call := &SignedCall{}
	if err := token.Peek(&call.Claims); err != nil {
		return nil, InvalidRequest("bearer token claims").Because(err)
	}
	if !wire.ValidNonce(call.Claims.Nonce) {
		return nil, InvalidRequest("nonce")
	}
	sent := call.Claims.Timestamp.Time()
	if now := c.now(); sent.Before(now.Add(-window)) || sent.After(now.Add(window)) {
		return nil, InvalidRequest("timestamp")
	}
	id, err := wire.ParseClientID(call.Claims.ClientID)
	if err != nil {
		return nil, InvalidClient(clip(call.Claims.ClientID)).Because(err)
	}
	if call.Client, err = c.getActive(ctx, id); err != nil {
		return nil, err
	}
	if call.key, err = c.keys.get(call.Contract.PublicKey); err != nil {
		return nil, fmt.Errorf("contract %s: %w", id.Contract, err)
	}
	if err := token.Verify(call.key); err != nil {
		return nil, InvalidRequest("bearer token signature").Because(err)
	}
	call.nonce = Nonce{Client: id, Value: call.Claims.Nonce, ForgetAt: sent.Add(window + time.Second)}
	return call, nil
}

// good finds a client that may act now.
func (c *Clients) getActive(ctx context.Context, id wire.ClientID) (Client, error) {
	now := c.now()
	client, known := c.recent.get(id, now)
	if !known {
		var err error
		client, err = c.store.GetClient(ctx, id)
		if errors.Is(err, ErrNotFound) {
			return Client{}, InvalidClient(id.String()).Because(err)
		}
		if err != nil {
			return Client{}, fmt.Errorf("find client: %w", err)
		}
		c.recent.put(id, client, now)
	}
	if !client.Active(now) {
		return Client{}, InvalidClient(id.String())
	}
	return client, nil
}

// Good reports whether the client may act at now: neither the contract nor its
// application is disabled, and the contract has not run out.
func (c Client) Active(now time.Time) bool {
	return c.Application.DisabledAt.IsZero() && c.Contract.DisabledAt.IsZero() && now.Before(c.Contract.ExpiresAt)
}

// Spend uses the call's nonce up. Once it has, it does nothing. A nonce that was
// used before is refused with [ReplayedNonce].
func (c *Clients) UseNonce(ctx context.Context, call *SignedCall) error {
	if call.nonceUsed {
		return nil
	}
	if err := c.nonces.UseNonce(ctx, call.nonce); err != nil {
		return call.replayed(err)
	}
	call.nonceUsed = true
	return nil
}

// unspent is the nonce for a transaction to use up, nil if that has happened.
func (call *SignedCall) unusedNonce() *Nonce {
	if call.nonceUsed {
		return nil
	}
	return &call.nonce
}

// replayed turns a store's ErrReplayed into the wire's answer.
func (call *SignedCall) replayed(err error) error {
	if errors.Is(err, ErrReplayed) {
		call.nonceUsed = true // by the other request: nothing is left to use up
		return ReplayedNonce(call.nonce.Value).Because(err)
	}
	return err
}

// Descriptor verifies a push's FileDescriptor with the key of the call's contract
// and reads it. Refusals are [*Refusal]s of status 400.
func (call *SignedCall) Descriptor(text string) (*wire.Descriptor, error) {
	if text == "" {
		return nil, InvalidParameter("FileDescriptor is required")
	}
	if len(text) > wire.MaxToken {
		return nil, InvalidParameter(fmt.Sprintf("FileDescriptor is longer than %d bytes", wire.MaxToken))
	}
	token, err := wire.ParseRequestToken(text)
	if err == nil {
		err = token.Verify(call.key)
	}
	if err != nil {
		return nil, InvalidParameter("FileDescriptor signature").Because(err)
	}
	var claims wire.DescriptorClaims
	if err := token.Peek(&claims); err != nil || claims.Metadata == nil {
		return nil, InvalidParameter("FileDescriptor metadata is required").Because(err)
	}
	return wire.ParseDescriptor(claims.Metadata)
}

// Key is the contract's public key, for which the files that it reads are encrypted.
func (call *SignedCall) Key() *rsa.PublicKey { return call.key }

// Details is what a contract says of itself to its own application.
func (call *SignedCall) Details() wire.ContractDetails {
	c := call.Contract
	return wire.ContractDetails{
		ID:         c.ID,
		AccessType: string(c.Access),
		Application: wire.ApplicationDetails{
			ID: c.Application, Name: call.Application.Name, Resources: map[string]string{}, Status: 1,
		},
		Certificate:                      `{"contractId":"` + string(c.ID) + `"}`,
		CertificateContractSchemaVersion: "5.0.0",
		ExpirationDate:                   wire.MillisOf(c.ExpiresAt),
		PartnerID:                        call.Application.PartnerID,
		Type:                             "json",
	}
}

// keyMemo remembers parsed public keys by their PEM text, so that a key is parsed
// once. A contract whose key changes has another text.
type keyMemo struct {
	mu   sync.RWMutex
	keys map[string]*rsa.PublicKey
}

// memoSize bounds the memo; beyond it the memo starts anew.
const memoSize = 4096

func (m *keyMemo) get(text string) (*rsa.PublicKey, error) {
	m.mu.RLock()
	key := m.keys[text]
	m.mu.RUnlock()
	if key != nil {
		return key, nil
	}
	key, err := wire.ParsePublicKey([]byte(text))
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.keys == nil || len(m.keys) >= memoSize {
		m.keys = make(map[string]*rsa.PublicKey)
	}
	m.keys[text] = key
	return key, nil
}

// clip bounds a text of the caller's that an error repeats.
func clip(s string) string {
	const most = 200
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
