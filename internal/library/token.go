package library

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

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
	// Binding binds the token to the library: see [Integrity].
	Binding []byte
	// Code is the authorization code that the token came of, also by refreshes. It is zero in a token that an older
	// program has given out.
	Code seal.Hash
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
	// revoked, or if RecordAuthCodeReuse has ended what came of the token's code. It deletes those of the grant's
	// tokens of the same use that expire first, until as many are left as Limits allow.
	AddToken(ctx context.Context, t Token) error
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
	if err := info.check(now, req.Contract, wire.KindRefreshToken); err != nil {
		return wire.TokenClaims{}, err
	}
	refresh, access := seal.SecretOf(req.Claims.RefreshToken), seal.NewSecret()
	token := Token{Hash: access.Hash(), Use: UseAccess, Grant: info.Grant.ID,
		ExpiresAt: earlier(now.Add(c.config.AccessTokenLifetime), info.Token.ExpiresAt),
		Binding:   c.integrity.BindSecret(access, info.Library), Code: info.Token.Code}
	if info.Token.Seal != nil {
		key, err := c.integrity.open(ctx, refresh, info.Token.Seal, info.Library)
		if err != nil {
			return wire.TokenClaims{}, fmt.Errorf("open refresh token: %w", err)
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
	grant Grant,
	access seal.Secret,
	accessUntil time.Time,
	refresh seal.Secret,
	refreshUntil time.Time,
) (wire.TokenClaims, error) {
	account, err := c.store.GetUserAccount(ctx, grant.Library, grant.Application)
	if err != nil {
		return wire.TokenClaims{}, fmt.Errorf(
			"get account of library %s at application %s: %w",
			grant.Library,
			grant.Application,
			err,
		)
	}
	return wire.TokenClaims{
		AccessToken:  wire.TokenValue{Value: access.Reveal(), ExpiresOn: wire.SecondsOf(accessUntil)},
		RefreshToken: wire.TokenValue{Value: refresh.Reveal(), ExpiresOn: wire.SecondsOf(refreshUntil)},
		Subject:      account.Subject,
		ConsentID:    string(grant.ID),
		Identifier:   wire.Identifier{ID: account.Subject},
		TokenType:    "Bearer",
	}, nil
}
