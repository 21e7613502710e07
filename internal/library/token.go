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

// Bearer is the person behind a call: the grant that the call's access token
// stands for.
type Bearer struct {
	Client  Client
	Grant   Grant
	Library Library

	call  *SignedCall
	token Token
}

// Bearer finds the person whose access token the call carries. It refuses with
// InvalidToken a token that is unknown, revoked, expired or another contract's.
func (c *Consents) Bearer(ctx context.Context, call *SignedCall) (*Bearer, error) {
	h, err := c.findToken(ctx, call, UseAccess)
	if err != nil {
		return nil, err
	}
	if h.Grant.Contract != call.Contract.ID {
		return nil, wire.InvalidToken(wire.KindAccessToken)
	}
	if err := h.checkExpiry(c.now(), wire.KindAccessToken); err != nil {
		return nil, err
	}
	return &Bearer{Client: call.Client, Grant: h.Grant, Library: h.Library, call: call, token: h.Token}, nil
}

// RecentBearer is Bearer for a push, whose own transaction looks at the grant again:
// what it knows may be a minute old, and a grant that has been revoked meanwhile, or
// whose library has been shut or deleted, is refused there.
func (c *Consents) RecentBearer(ctx context.Context, call *SignedCall) (*Bearer, error) {
	hash, now := seal.SecretOf(call.Claims.AccessToken).Hash(), c.now()
	h, known := c.recent.get(hash, now)
	if !known {
		b, err := c.Bearer(ctx, call)
		if err == nil {
			c.recent.put(hash, TokenInfo{Token: b.token, Grant: b.Grant, Library: b.Library}, now)
		}
		return b, err
	}
	if h.Grant.Contract != call.Contract.ID || h.Grant.Application != call.Application.ID {
		return nil, wire.InvalidToken(wire.KindAccessToken)
	}
	if err := h.checkExpiry(now, wire.KindAccessToken); err != nil {
		return nil, err
	}
	return &Bearer{Client: call.Client, Grant: h.Grant, Library: h.Library, call: call, token: h.Token}, nil
}

// SignedCall is the signed request that the bearer came with.
func (b *Bearer) Call() *SignedCall { return b.call }

// May refuses with InsufficientScope a bearer whose contract is of another access type.
func (b *Bearer) Require(access Access) error {
	if b.Client.Contract.Access != access {
		return wire.InsufficientScope()
	}
	return nil
}

// holding finds a token of the call's application that has not been revoked; it may
// have expired.
func (c *Consents) findToken(ctx context.Context, call *SignedCall, use TokenUse) (TokenInfo, error) {
	kind, text := wire.KindAccessToken, call.Claims.AccessToken
	if use == UseRefresh {
		kind, text = wire.KindRefreshToken, call.Claims.RefreshToken
	}
	h, err := c.store.GetTokenInfo(ctx, seal.SecretOf(text).Hash(), use)
	if errors.Is(err, ErrNotFound) {
		return TokenInfo{}, wire.InvalidToken(kind).Because(err)
	}
	if err != nil {
		return TokenInfo{}, fmt.Errorf("find token: %w", err)
	}
	if h.Grant.Application != call.Application.ID || !h.Grant.RevokedAt.IsZero() || h.Library.Shut() {
		return TokenInfo{}, wire.InvalidToken(kind)
	}
	return h, nil
}

// alive refuses a token whose time, or whose grant's time, is over.
func (h TokenInfo) checkExpiry(now time.Time, kind wire.TokenKind) error {
	if !now.Before(h.Token.ExpiresAt) || !now.Before(h.Grant.ExpiresAt) {
		return wire.ExpiredToken(kind)
	}
	return nil
}

// Exchange redeems an authorisation code for tokens. A code works once, for its own
// contract, with the verifier of its challenge; a second use is noted in the
// person's activity.
func (c *Consents) Exchange(ctx context.Context, call *SignedCall) (wire.TokenClaims, error) {
	refused := wire.InvalidToken(wire.KindAuthorizationCode)
	secret := seal.SecretOf(call.Claims.Code)
	code, err := c.store.GetCode(ctx, secret.Hash())
	if errors.Is(err, ErrNotFound) {
		return wire.TokenClaims{}, refused.Because(err)
	}
	if err != nil {
		return wire.TokenClaims{}, fmt.Errorf("get code: %w", err)
	}
	now := c.now()
	if code.Client != call.ID() || !now.Before(code.ExpiresAt) {
		return wire.TokenClaims{}, refused
	}
	challenge := wire.Challenge(call.Claims.CodeVerifier)
	if subtle.ConstantTimeCompare([]byte(challenge), []byte(code.Challenge)) != 1 {
		return wire.TokenClaims{}, wire.InvalidToken(wire.KindCodeVerifier)
	}
	grant, err := c.store.GetGrant(ctx, code.Grant)
	if err != nil {
		return wire.TokenClaims{}, fmt.Errorf("get grant of code: %w", err)
	}
	switch {
	case !code.UsedAt.IsZero():
		return wire.TokenClaims{}, c.recordCodeReuse(ctx, call, grant, refused)
	case !grant.RevokedAt.IsZero(): // before the code was ever used
		return wire.TokenClaims{}, refused
	}
	access, refresh := seal.NewSecret(), seal.NewSecret()
	tokens := []Token{
		{Hash: access.Hash(), Use: UseAccess, Grant: grant.ID, ExpiresAt: earlier(now.Add(c.config.AccessTokenLifetime), grant.ExpiresAt)},
		{Hash: refresh.Hash(), Use: UseRefresh, Grant: grant.ID, ExpiresAt: grant.ExpiresAt},
	}
	if code.Seal != nil {
		key, err := secret.TakeKey(code.Seal)
		if err != nil {
			return wire.TokenClaims{}, fmt.Errorf("open seal of code: %w", err)
		}
		for i, to := range []seal.Secret{access, refresh} {
			if tokens[i].Seal, err = key.HandToSecret(to); err != nil {
				return wire.TokenClaims{}, err
			}
		}
	}
	if err := c.store.RedeemCode(ctx, code.Hash, now, tokens); err != nil {
		if errors.Is(err, ErrUsed) {
			return wire.TokenClaims{}, c.recordCodeReuse(ctx, call, grant, refused)
		}
		return wire.TokenClaims{}, fmt.Errorf("redeem code: %w", err)
	}
	return c.tokenClaims(ctx, grant, access, tokens[0].ExpiresAt, refresh, tokens[1].ExpiresAt)
}

// reused notes that a code was presented again: somebody may have got hold of it.
func (c *Consents) recordCodeReuse(ctx context.Context, call *SignedCall, grant Grant, refused *wire.Error) error {
	event := Event{Library: grant.Library, At: c.now(), Kind: EventCodeReused, Details: call.EventDetails()}
	if err := c.events.AddEvent(ctx, event); err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("note the second use of a code: %w", err)
	}
	return refused.Because(ErrUsed)
}

// Refresh gives a further access token for a refresh token. The refresh token stays
// as it is: clients refresh many times at once, and some throw the answer away. It
// is bound to the contract's key instead, since every refresh is signed (RFC 9700,
// section 2.2.2).
func (c *Consents) Refresh(ctx context.Context, call *SignedCall) (wire.TokenClaims, error) {
	h, err := c.findToken(ctx, call, UseRefresh)
	if err != nil {
		return wire.TokenClaims{}, err
	}
	if h.Grant.Contract != call.Contract.ID {
		return wire.TokenClaims{}, wire.InvalidToken(wire.KindRefreshToken)
	}
	now := c.now()
	if err := h.checkExpiry(now, wire.KindRefreshToken); err != nil {
		return wire.TokenClaims{}, err
	}
	refresh, access := seal.SecretOf(call.Claims.RefreshToken), seal.NewSecret()
	token := Token{Hash: access.Hash(), Use: UseAccess, Grant: h.Grant.ID,
		ExpiresAt: earlier(now.Add(c.config.AccessTokenLifetime), h.Token.ExpiresAt)}
	if h.Token.Seal != nil {
		key, err := refresh.TakeKey(h.Token.Seal)
		if err != nil {
			return wire.TokenClaims{}, fmt.Errorf("open seal of refresh token: %w", err)
		}
		if token.Seal, err = key.HandToSecret(access); err != nil {
			return wire.TokenClaims{}, err
		}
	}
	if err := c.store.AddToken(ctx, token); err != nil {
		if errors.Is(err, ErrNotFound) {
			return wire.TokenClaims{}, wire.InvalidToken(wire.KindRefreshToken).Because(err)
		}
		return wire.TokenClaims{}, fmt.Errorf("add access token: %w", err)
	}
	return c.tokenClaims(ctx, h.Grant, access, token.ExpiresAt, refresh, h.Token.ExpiresAt)
}

func (c *Consents) tokenClaims(ctx context.Context, g Grant, access seal.Secret, accessUntil time.Time, refresh seal.Secret, refreshUntil time.Time) (wire.TokenClaims, error) {
	account, err := c.store.GetUserAccount(ctx, g.Library, g.Application)
	if err != nil {
		return wire.TokenClaims{}, fmt.Errorf("get account of library %s at application %s: %w", g.Library, g.Application, err)
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

// StartSession gives the bearer the right to read for a while.
func (c *Consents) StartSession(ctx context.Context, b *Bearer, options wire.SessionOptions) (wire.Session, error) {
	if err := b.Require(Read); err != nil {
		return wire.Session{}, err
	}
	if err := checkOptions(options); err != nil {
		return wire.Session{}, err
	}
	library, err := seal.SecretOf(b.call.Claims.AccessToken).TakeKey(b.token.Seal)
	if err != nil {
		return wire.Session{}, fmt.Errorf("open seal of access token: %w", err)
	}
	key := seal.NewSecret()
	session, err := c.newSession(b.call, key, options)
	if err != nil {
		return wire.Session{}, err
	}
	session.Grant = b.Grant.ID
	if session.Seal, err = library.HandTo(session.PublicKey); err != nil {
		return wire.Session{}, err
	}
	if err := c.store.AddSession(ctx, session); err != nil {
		return wire.Session{}, fmt.Errorf("add session: %w", err)
	}
	return wire.Session{Key: key.Reveal(), Expiry: wire.MillisOf(session.ExpiresAt)}, nil
}

// ReadSession is a session in use by its bearer.
type ReadSession struct {
	Bearer  *Bearer
	Session Session
	secret  seal.Secret
}

// Reading finds the session that the bearer reads with. One that is unknown, over or
// somebody else's is NotFound alike.
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
		return nil, wire.NotFound("Session").Because(err)
	}
	return &ReadSession{Bearer: b, Session: session, secret: secret}, nil
}

// libraryKey opens the library for the session.
func (r *ReadSession) libraryKey() (seal.PrivateKey, error) {
	k, err := r.secret.TakeKey(r.Session.Seal)
	if err != nil {
		return seal.PrivateKey{}, fmt.Errorf("open seal of session: %w", err)
	}
	return k, nil
}
