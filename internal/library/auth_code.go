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
	// RecordAuthCodeReuse records that a code that was used has been presented again, and adds the event if
	// it has not recorded that before. If revoke is true it also deletes the tokens that came of the code and ends the
	// sessions of its grant, and adds the event if it has not done that before. For a code that was not used it
	// does nothing. It returns ErrNotFound for an unknown code.
	RecordAuthCodeReuse(ctx context.Context, h seal.Hash, revoke bool, e Event) error
}

// Exchange redeems an authorization code for tokens. A code works once, for its own contract,
// with the verifier of its challenge; see [Consents.recordCodeReuse] for a second use.
func (c *Consents) Exchange(ctx context.Context, req *SignedRequest) (wire.TokenClaims, error) {
	if !isWellFormedCode(req.Claims.Code) {
		return wire.TokenClaims{}, InvalidParameter("code: want the one that the browser has brought")
	}
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
	own := code.Client == req.ID() && now.Before(code.ExpiresAt)
	verified := code.isVerifiedBy(req.Claims.CodeVerifier)
	if own && !verified {
		refused = InvalidToken(wire.KindCodeVerifier)
	}
	grant, err := c.store.GetGrant(ctx, code.Grant)
	if err != nil {
		return wire.TokenClaims{}, fmt.Errorf("get grant of code: %w", err)
	}
	switch {
	case !code.UsedAt.IsZero():
		return wire.TokenClaims{}, c.recordCodeReuse(ctx, code, grant, own && verified, refused)
	case !own, !verified, !grant.RevokedAt.IsZero():
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
			Code:      code.Hash,
		},
		{
			Hash:      refresh.Hash(),
			Use:       UseRefresh,
			Grant:     grant.ID,
			ExpiresAt: grant.ExpiresAt,
			Binding:   c.integrity.BindSecret(refresh, owner),
			Code:      code.Hash,
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
			return wire.TokenClaims{}, c.recordCodeReuse(ctx, code, grant, true, refused)
		}
		return wire.TokenClaims{}, fmt.Errorf("redeem code: %w", err)
	}
	return c.tokenClaims(ctx, grant, access, tokens[0].ExpiresAt, refresh, tokens[1].ExpiresAt)
}

// isWellFormedCode reports whether a text can be an authorization code at all.
func isWellFormedCode(code string) bool {
	return code != "" && isPrintableASCII(code)
}

// isVerifiedBy reports whether a verifier is that of the code's challenge. One that RFC 7636 does not allow never is.
func (a AuthCode) isVerifiedBy(verifier string) bool {
	return wire.ValidVerifier(verifier) &&
		subtle.ConstantTimeCompare([]byte(wire.Challenge(verifier)), []byte(a.Challenge)) == 1
}

// recordCodeReuse records that a code was presented again: somebody else may have it. An application repeats its own
// exchange when a person reloads a page, or when it got no answer: with the right verifier, which no thief of a code
// has, and while the code would still work. Then the code is only refused. Otherwise the code has leaked, and the
// tokens that came of it end (RFC 6749, section 4.1.2): the application has to ask the person again.
//
// The event names the application that the code was for, whoever has presented it. There is one for each code, and one
// more if its tokens end later: who repeats a call does not fill a person's activity.
func (c *Consents) recordCodeReuse(
	ctx context.Context, code AuthCode, grant Grant, repeated bool, refused *Refusal,
) error {
	client, err := c.clientOfGrant(ctx, grant)
	if err != nil {
		return err
	}
	event := Event{Library: grant.Library, At: c.now(), Kind: EventCodeReused, Details: client.EventDetails()}
	if !repeated {
		event.Kind = EventCodeRevoked
		event.Details.Grant = grant.ID
	}
	err = c.store.RecordAuthCodeReuse(ctx, code.Hash, !repeated, event)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("record the second use of a code: %w", err)
	}
	return refused.Because(ErrUsed)
}
