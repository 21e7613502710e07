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
}

// CodeStore stores authorization codes.
type CodeStore interface {
	GetCode(ctx context.Context, h seal.Hash) (AuthCode, error)
	// RedeemCode marks the code used, removes its seal and adds the tokens. It returns ErrUsed
	// if the code was used before, or if its grant has been revoked.
	RedeemCode(ctx context.Context, h seal.Hash, at time.Time, tokens []Token) error
}

// TokenUse says what a token is for.
type TokenUse string

// The uses of tokens.
const (
	UseAccess  TokenUse = "access"
	UseRefresh TokenUse = "refresh"
)

// Token is an access or refresh token as it is stored: its hash, never the token itself.
type Token struct {
	Hash  seal.Hash
	Use   TokenUse
	Grant GrantID
	// Seal is the library's private key, sealed for the token; nil for a write contract.
	Seal      seal.Sealed
	ExpiresAt time.Time
}

// TokenInfo is a token with its grant and its library, which decide what it allows.
type TokenInfo struct {
	Token   Token
	Grant   Grant
	Library Library
}

// TokenStore stores access and refresh tokens.
type TokenStore interface {
	// GetTokenInfo finds a token with its grant and library.
	GetTokenInfo(ctx context.Context, h seal.Hash, use TokenUse) (TokenInfo, error)
	// AddToken adds an access token to a grant. It returns ErrNotFound if the grant has been
	// revoked.
	AddToken(ctx context.Context, t Token) error
}

// Exchange redeems an authorization code for tokens. A code works once, for its own contract,
// with the verifier of its challenge; a second use is recorded in the person's activity.
func (c *Consents) Exchange(ctx context.Context, req *SignedRequest) (wire.TokenClaims, error) {
	refused := InvalidToken(wire.KindAuthorizationCode)
	secret := seal.SecretOf(req.Claims.Code)
	code, err := c.store.GetCode(ctx, secret.Hash())
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
	access, refresh := seal.NewSecret(), seal.NewSecret()
	tokens := []Token{
		{
			Hash:      access.Hash(),
			Use:       UseAccess,
			Grant:     grant.ID,
			ExpiresAt: earlier(now.Add(c.config.AccessTokenLifetime), grant.ExpiresAt),
		},
		{Hash: refresh.Hash(), Use: UseRefresh, Grant: grant.ID, ExpiresAt: grant.ExpiresAt},
	}
	if code.Seal != nil {
		key, err := secret.OpenKey(code.Seal)
		if err != nil {
			return wire.TokenClaims{}, fmt.Errorf("open seal of code: %w", err)
		}
		for i, to := range []seal.Secret{access, refresh} {
			if tokens[i].Seal, err = key.SealToSecret(to); err != nil {
				return wire.TokenClaims{}, err
			}
		}
	}
	if err := c.store.RedeemCode(ctx, code.Hash, now, tokens); err != nil {
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

// Refresh issues another access token for a refresh token. Refresh tokens do not rotate:
// clients refresh concurrently, and some discard the answer. They are bound to the contract's
// key instead, since every refresh is signed (RFC 9700, section 2.2.2).
func (c *Consents) Refresh(ctx context.Context, req *SignedRequest) (wire.TokenClaims, error) {
	info, err := c.findToken(ctx, req, UseRefresh)
	if err != nil {
		return wire.TokenClaims{}, err
	}
	if info.Grant.Contract != req.Contract.ID {
		return wire.TokenClaims{}, InvalidToken(wire.KindRefreshToken)
	}
	now := c.now()
	if err := info.checkExpiry(now, wire.KindRefreshToken); err != nil {
		return wire.TokenClaims{}, err
	}
	refresh, access := seal.SecretOf(req.Claims.RefreshToken), seal.NewSecret()
	token := Token{Hash: access.Hash(), Use: UseAccess, Grant: info.Grant.ID,
		ExpiresAt: earlier(now.Add(c.config.AccessTokenLifetime), info.Token.ExpiresAt)}
	if info.Token.Seal != nil {
		key, err := refresh.OpenKey(info.Token.Seal)
		if err != nil {
			return wire.TokenClaims{}, fmt.Errorf("open seal of refresh token: %w", err)
		}
		if token.Seal, err = key.SealToSecret(access); err != nil {
			return wire.TokenClaims{}, err
		}
	}
	if err := c.store.AddToken(ctx, token); err != nil {
		if errors.Is(err, ErrNotFound) {
			return wire.TokenClaims{}, InvalidToken(wire.KindRefreshToken).Because(err)
		}
		return wire.TokenClaims{}, fmt.Errorf("add access token: %w", err)
	}
	return c.tokenClaims(ctx, info.Grant, access, token.ExpiresAt, refresh, info.Token.ExpiresAt)
}

func (c *Consents) tokenClaims(
	ctx context.Context,
	g Grant,
	access seal.Secret,
	accessUntil time.Time,
	refresh seal.Secret,
	refreshUntil time.Time,
) (wire.TokenClaims, error) {
	account, err := c.store.GetUserAccount(ctx, g.Library, g.Application)
	if err != nil {
		return wire.TokenClaims{}, fmt.Errorf(
			"get account of library %s at application %s: %w",
			g.Library,
			g.Application,
			err,
		)
	}
	return wire.TokenClaims{
		AccessToken:  wire.TokenValue{Value: access.Reveal(), ExpiresOn: wire.SecondsOf(accessUntil)},
		RefreshToken: wire.TokenValue{Value: refresh.Reveal(), ExpiresOn: wire.SecondsOf(refreshUntil)},
		Subject:      account.Subject,
		ConsentID:    string(g.ID),
		Identifier:   wire.Identifier{ID: account.Subject},
		TokenType:    "Bearer",
	}, nil
}
