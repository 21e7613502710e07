package library

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// SignedRequest is a signed request that has been verified: its client and its claims.
type SignedRequest struct {
	Client
	Claims wire.RequestClaims
	// Older says that the request came by a base path of before v1.7, and PostboxWanted that it asks for consent and
	// comes from a client that pushes to postboxes. Package api sets them, if the operator serves such clients.
	Older, PostboxWanted bool

	token     *wire.Token
	key       *rsa.PublicKey
	nonce     Nonce
	nonceUsed bool
	// nonceOurs says that this request has used the nonce up, and no other.
	nonceOurs bool
}

// window is the largest difference between a request's timestamp and the server's clock.
const window = 5 * time.Minute

// nonceLifetime is how long a nonce is remembered: twice the window, because a request whose timestamp lies ahead by
// the window is accepted until that has passed twice, and a minute by which the clocks of servers may differ.
const nonceLifetime = 2*window + time.Minute

// Verify verifies a request's bearer token. It makes the cheap checks first: form, algorithm,
// header, nonce, timestamp, client; and then the RSA signature. It does not use the nonce up:
// [Clients.UseNonce] does, or the transaction that carries the request out.
//
// It refuses the token with RefusedRequest and the client with RefusedClient.
func (c *Clients) Verify(ctx context.Context, bearer string) (*SignedRequest, error) {
	token, err := wire.ParseRequestToken(bearer)
	switch {
	case errors.Is(err, wire.ErrTokenMalformed):
		return nil, InvalidRequest("bearer token").Because(err)
	case err != nil:
		return nil, InvalidRequest("bearer token signature").Because(err)
	case token.Header.Type == wire.TypeCloud:
		return nil, InvalidRequest("bearer token signature").Because(wire.ErrTokenHeader)
	}
	req := &SignedRequest{token: token}
	if err := token.Peek(&req.Claims); err != nil {
		return nil, invalidClaims(err)
	}
	if !token.HasUnicodeClaims() {
		return nil, InvalidRequest("bearer token claims are not Unicode")
	}
	if !wire.ValidNonce(req.Claims.Nonce) {
		return nil, InvalidRequest("nonce: want 32 letters and digits")
	}
	sent := req.Claims.Timestamp.Time()
	if now := c.now(); sent.Before(now.Add(-window)) || sent.After(now.Add(window)) {
		return nil, InvalidRequest(fmt.Sprintf(
			"timestamp: want milliseconds, within %d minutes of the server's clock", window/time.Minute))
	}
	id, err := wire.ParseClientID(req.Claims.ClientID)
	if err != nil {
		return nil, InvalidClient(clip(req.Claims.ClientID)).Because(err)
	}
	if req.Client, err = c.getActive(ctx, id); err != nil {
		return nil, err
	}
	if req.key, err = c.verifySignature(token, req.Contract); err != nil {
		return nil, err
	}
	req.nonce = Nonce{Client: id, Value: req.Claims.Nonce, At: c.now(), KeepFor: nonceLifetime}
	return req, nil
}

// verifySignature verifies a token with the contract's keys, and returns the one that signed it.
func (c *Clients) verifySignature(token *wire.Token, k Contract) (*rsa.PublicKey, error) {
	var refused error
	for _, text := range k.keys(c.now()) {
		key, err := c.parseKey(k, text)
		if err != nil {
			return nil, err
		}
		if refused = token.Verify(key); refused == nil {
			return key, nil
		}
	}
	return nil, InvalidRequest("bearer token signature").Because(refused)
}

// UseNonce uses the request's nonce up, unless that has been done. It refuses a nonce that was
// used before with RefusedNonce.
func (c *Clients) UseNonce(ctx context.Context, req *SignedRequest) error {
	if req.nonceUsed {
		return nil
	}
	if err := c.nonces.UseNonce(ctx, req.nonce); err != nil {
		return req.replayed(err)
	}
	req.spent()
	return nil
}

// retryTime is how long a request may be sent again after the server has failed it. The clients that send it with the
// same nonce do so within a few seconds.
const retryTime = 30 * time.Second

// CanRepeat says that a client may send the request again, with the same token, after the server has failed it. The
// text identifies the call, so that the token serves for no other: its method, path and parameters.
func (req *SignedRequest) CanRepeat(call string) {
	sum := sha256.Sum256([]byte(call + "\x00" + req.token.Text()))
	req.nonce.Call = sum[:]
}

// AllowRetry lets the nonce of a request that the server has failed be used once more, within half a minute, by the
// same token for the same call. It does nothing for a request that has not used its nonce up, and for one without
// CanRepeat.
func (c *Clients) AllowRetry(ctx context.Context, req *SignedRequest) error {
	if !req.nonceOurs || req.nonce.Call == nil {
		return nil
	}
	n := req.nonce
	n.At = c.now()
	if err := c.nonces.AllowRetry(ctx, n, retryTime); err != nil {
		return fmt.Errorf("allow the request to be sent again: %w", err)
	}
	return nil
}

// Nonce is one use of a nonce.
type Nonce struct {
	Client wire.ClientID
	Value  string
	// At is the time of the use, and KeepFor how long it is remembered.
	At      time.Time
	KeepFor time.Duration
	// Call is a hash of the token and the call, for which the nonce may be used once more after AllowRetry; nil for a
	// call that may not be repeated.
	Call []byte
}

// NonceStore stores the nonces that have been used.
type NonceStore interface {
	// UseNonce returns ErrReplayed if the client has used it before, unless AllowRetry lets it. The nonce is remembered
	// until KeepFor after At, or, in a database that servers share, until KeepFor from now by the clock of the
	// database.
	UseNonce(ctx context.Context, n Nonce) error
	// AllowRetry lets a nonce that was used be used once more with the same Call, until so long after At, or from now
	// by the clock of a database that servers share. It does nothing for a nonce that was not used.
	AllowRetry(ctx context.Context, n Nonce, within time.Duration) error
}

// unusedNonce returns the nonce that a transaction is to use up; nil if it has been used up.
func (req *SignedRequest) unusedNonce() *Nonce {
	if req.nonceUsed {
		return nil
	}
	return &req.nonce
}

// spent records that a transaction has used the nonce up, unless that had been done. Then it changes nothing, so that
// several goroutines can use a request whose nonce is used up.
func (req *SignedRequest) spent() {
	if !req.nonceUsed {
		req.nonceUsed, req.nonceOurs = true, true
	}
}

// replayed turns a store's ErrReplayed into a refusal.
func (req *SignedRequest) replayed(err error) error {
	if errors.Is(err, ErrReplayed) {
		req.nonceUsed = true // by the other request
		return ReplayedNonce(req.nonce.Value).Because(err)
	}
	return err
}

// Descriptor parses a push's FileDescriptor and verifies it with the key that signed the
// request. It refuses it with RefusedParameter, or with the error of [wire.ParseDescriptor].
func (req *SignedRequest) Descriptor(text string) (*wire.Descriptor, error) {
	if text == "" {
		return nil, InvalidParameter("FileDescriptor is required")
	}
	if len(text) > wire.MaxToken {
		return nil, InvalidParameter(fmt.Sprintf("FileDescriptor is longer than %d bytes", wire.MaxToken))
	}
	token, err := wire.ParseRequestToken(text)
	if err == nil {
		err = token.Verify(req.key)
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

// DecodeClaims decodes the claims of the request's token, which has been verified, into v: for claims that only one
// call has. It refuses claims of the wrong type with RefusedRequest.
func (req *SignedRequest) DecodeClaims(v any) error {
	if err := req.token.Peek(v); err != nil {
		return invalidClaims(err)
	}
	return nil
}

// invalidClaims refuses claims that do not decode, and names the first one that is wrong.
func invalidClaims(err error) *Refusal {
	part := "bearer token claims"
	if problem := wire.JSONProblem(err); problem != "" {
		part += ": " + problem
	}
	return InvalidRequest(part).Because(err)
}

// Key returns the contract's public key that signed the request. Files that it reads are encrypted for that: while the
// contract has two keys, a program has the one with which it signs.
func (req *SignedRequest) Key() *rsa.PublicKey { return req.key }

// ContractDetails returns what the contract's own application may know of it.
func (req *SignedRequest) ContractDetails() wire.ContractDetails {
	return req.details("json", `{"contractId":"`+string(req.Contract.ID)+`"}`)
}

// clip bounds a text from the caller that an error repeats.
func clip(s string) string {
	const limit = 200
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}
