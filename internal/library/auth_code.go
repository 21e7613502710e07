package library

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// AuthCode is an authorization code.
type AuthCode struct {
	Hash      seal.Hash
	Grant     GrantID
	Client    wire.ClientID
	Challenge string
	// Seal is the library's private key, sealed for the code; nil for a write contract.
	Seal      seal.Sealed
	ExpiresAt time.Time
	UsedAt    time.Time
	// Binding binds the code to the library: see [Integrity].
	Binding []byte
}

// AuthCodeStore stores authorization codes.
type AuthCodeStore interface {
	GetAuthCode(ctx context.Context, h seal.Hash) (AuthCode, error)
	// RedeemAuthCode marks the code used, removes its seal and adds the tokens. It returns ErrUsed
	// if the code was used before, or if its grant has been revoked.
	RedeemAuthCode(ctx context.Context, h seal.Hash, at time.Time, tokens []Token) error
}

// Exchange redeems an authorization code for tokens. A code works once, for its own contract,
// with the verifier of its challenge; a second use is recorded in the person's activity.
func (c *Consents) Exchange(ctx context.Context, req *SignedRequest) (wire.TokenClaims, error) {
	refused := InvalidToken(wire.KindAuthorizationCode)
	secret := seal.SecretOf(req.Claims.Code)
	code, err := c.store.GetAuthCode(ctx, secret.Hash())
	if errors.Is(err, ErrNotFound) {
		return wire.TokenClaims{}, refused.Because(err)
	}
	if err != nil {
		return wire.TokenClaims{}, fmt.Errorf("get code: %w", err)
	}
	now := c.now()
	if code.Client != req.ID() || !now.Before(code.ExpiresAt) {
		return wire.TokenClaims{}, refused
	}
	challenge := wire.Challenge(req.Claims.CodeVerifier)
	if subtle.ConstantTimeCompare([]byte(challenge), []byte(code.Challenge)) != 1 {
		return wire.TokenClaims{}, InvalidToken(wire.KindCodeVerifier)
	}
	grant, err := c.store.GetGrant(ctx, code.Grant)
	if err != nil {
		return wire.TokenClaims{}, fmt.Errorf("get grant of code: %w", err)
	}
	switch {
	case !code.UsedAt.IsZero():
		return wire.TokenClaims{}, c.recordCodeReuse(ctx, req, grant, refused)
	case !grant.RevokedAt.IsZero(): // before the code was ever used
		return wire.TokenClaims{}, refused
	}
	if err := c.integrity.verifyGrant(ctx, grant); err != nil {
		return wire.TokenClaims{}, err
	}
	if !grant.Covers(req.Contract) {
		return wire.TokenClaims{}, refused
	}
	owner, err := c.store.GetLibrary(ctx, grant.Library)
	if err != nil {
		return wire.TokenClaims{}, fmt.Errorf("get library of code: %w", err)
	}
	if err := c.integrity.verifySecret(ctx, secret, code.Binding, owner); err != nil {
		return wire.TokenClaims{}, err
	}
	access, refresh := seal.NewSecret(), seal.NewSecret()
	tokens := []Token{
		{
			Hash:      access.Hash(),
			Use:       UseAccess,
			Grant:     grant.ID,
			ExpiresAt: earlier(now.Add(c.config.AccessTokenLifetime), grant.ExpiresAt),
			Binding:   c.integrity.BindSecret(access, owner),
		},
		{
			Hash:      refresh.Hash(),
			Use:       UseRefresh,
			Grant:     grant.ID,
			ExpiresAt: grant.ExpiresAt,
			Binding:   c.integrity.BindSecret(refresh, owner),
		},
	}
	if code.Seal != nil {
		key, err := c.integrity.open(ctx, secret, code.Seal, owner)
		if err != nil {
			return wire.TokenClaims{}, fmt.Errorf("open code: %w", err)
		}
		for i, to := range []seal.Secret{access, refresh} {
			if tokens[i].Seal, err = key.SealToSecret(to); err != nil {
				return wire.TokenClaims{}, err
			}
		}
	}
	if err := c.store.RedeemAuthCode(ctx, code.Hash, now, tokens); err != nil {
		if errors.Is(err, ErrUsed) {
			return wire.TokenClaims{}, c.recordCodeReuse(ctx, req, grant, refused)
		}
		return wire.TokenClaims{}, fmt.Errorf("redeem code: %w", err)
	}
	return c.tokenClaims(ctx, grant, access, tokens[0].ExpiresAt, refresh, tokens[1].ExpiresAt)
}

// recordCodeReuse records that a code was presented again: somebody else may have it.
func (c *Consents) recordCodeReuse(ctx context.Context, req *SignedRequest, grant Grant, refused *Refusal) error {
	event := Event{Library: grant.Library, At: c.now(), Kind: EventCodeReused, Details: req.EventDetails()}
	if err := c.events.AddEvent(ctx, event); err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("record the second use of a code: %w", err)
	}
	return refused.Because(ErrUsed)
}
