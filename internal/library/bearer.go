package library

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// Bearer is what the access token of a signed request stands for: a grant, with its client and
// the person's library.
type Bearer struct {
	Client  Client
	Grant   Grant
	Library Library

	request   *SignedRequest
	token     Token
	integrity *Integrity
}

// Bearer finds the bearer of a request's access token. It refuses a token that is unknown,
// revoked or another contract's with RefusedToken, and an expired one with RefusedExpired.
func (c *Consents) Bearer(ctx context.Context, req *SignedRequest) (*Bearer, error) {
	info, err := c.findToken(ctx, req, UseAccess)
	if err != nil {
		return nil, err
	}
	if info.Grant.Contract != req.Contract.ID {
		return nil, InvalidToken(wire.KindAccessToken)
	}
	if err := info.check(c.now(), req.Contract, wire.KindAccessToken); err != nil {
		return nil, err
	}
	return c.bearer(req, info), nil
}

// CachedBearer is Bearer from a cache, whose entries may be a minute old. It is for a push,
// whose own transaction checks that the grant has not been revoked, nor the library shut or
// deleted.
func (c *Consents) CachedBearer(ctx context.Context, req *SignedRequest) (*Bearer, error) {
	hash, now := seal.SecretOf(req.Claims.AccessToken).Hash(), c.now()
	info, known := c.tokenInfoCache.get(hash, now)
	if !known {
		b, err := c.Bearer(ctx, req)
		if err == nil {
			c.tokenInfoCache.put(hash, TokenInfo{Token: b.token, Grant: b.Grant, Library: b.Library}, now)
		}
		return b, err
	}
	if info.Grant.Contract != req.Contract.ID || info.Grant.Application != req.Application.ID {
		return nil, InvalidToken(wire.KindAccessToken)
	}
	if err := info.check(now, req.Contract, wire.KindAccessToken); err != nil {
		return nil, err
	}
	return c.bearer(req, info), nil
}

func (c *Consents) bearer(req *SignedRequest, info TokenInfo) *Bearer {
	return &Bearer{Client: req.Client, Grant: info.Grant, Library: info.Library, request: req, token: info.Token,
		integrity: c.integrity}
}

// Request returns the signed request that carried the access token.
func (b *Bearer) Request() *SignedRequest { return b.request }

// ExpiresAt is when the access token expires.
func (b *Bearer) ExpiresAt() time.Time { return b.token.ExpiresAt }

// Require refuses a bearer whose grant is of another access type with RefusedAccess.
func (b *Bearer) Require(access Access) error {
	if b.Grant.Access != access {
		return WrongAccess()
	}
	return nil
}

// findToken finds a token of the request's application that has not been revoked; it may have
// expired. It returns a [*TamperedError] if the library is not the one that the token was given
// out for, or if the grant is not what the person has allowed: no client does better by another token,
// so that is no refusal of the token.
func (c *Consents) findToken(ctx context.Context, req *SignedRequest, use TokenUse) (TokenInfo, error) {
	kind, text := wire.KindAccessToken, req.Claims.AccessToken
	if use == UseRefresh {
		kind, text = wire.KindRefreshToken, req.Claims.RefreshToken
	}
	secret := seal.SecretOf(text)
	info, err := c.store.GetTokenInfo(ctx, secret.Hash(), use)
	if errors.Is(err, ErrNotFound) {
		return TokenInfo{}, InvalidToken(kind).Because(err)
	}
	if err != nil {
		return TokenInfo{}, fmt.Errorf("find token: %w", err)
	}
	if info.Grant.Application != req.Application.ID || !info.Grant.RevokedAt.IsZero() || info.Library.Shut() {
		return TokenInfo{}, InvalidToken(kind)
	}
	if err := c.integrity.verifySecret(ctx, secret, info.Token.Binding, info.Library); err != nil {
		return TokenInfo{}, err
	}
	if info.Grant.wasRevoked() && !c.now().Before(info.Grant.ExpiresAt) {
		return TokenInfo{}, ExpiredToken(kind) // the person has revoked it after it had expired
	}
	if err := c.integrity.verifyGrant(ctx, info.Grant); err != nil {
		return TokenInfo{}, err
	}
	return info, nil
}

// check refuses a token that has expired, or whose grant has, or does not cover what the contract
// allows now: the client then asks the person again.
func (i TokenInfo) check(now time.Time, contract Contract, kind wire.TokenKind) error {
	if !now.Before(i.Token.ExpiresAt) || !now.Before(i.Grant.ExpiresAt) || !i.Grant.Covers(contract) {
		return ExpiredToken(kind)
	}
	return nil
}
