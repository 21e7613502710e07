package digime

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// Exchange exchanges the code of a callback for a token. The callback comes from [Authorization.ParseCallback]. A code
// works once. [ErrInvalidToken] says that it was used or has expired: start again with [Contract.Authorize]. The call
// is never repeated.
func (k *Contract) Exchange(ctx context.Context, callback Callback) (UserAccessToken, error) {
	if callback.Code.IsZero() {
		return UserAccessToken{}, invalid("exchange: the callback has no code")
	}
	token, err := k.getToken(ctx, wire.RequestClaims{
		GrantType:    wire.GrantAuthorizationCode,
		Code:         callback.Code.Reveal(),
		CodeVerifier: callback.Verifier.Reveal(),
	})
	if err != nil {
		return UserAccessToken{}, fmt.Errorf("exchange: %w", err)
	}
	return token, nil
}

// Refresh exchanges the refresh token for a new access token and, if the server gives one, a new refresh token.
// [ErrReauthorize] and [ErrRevoked] say that the refresh token no longer works, and what to do. A [User] refreshes by
// itself; Refresh is for applications that manage their tokens in another way.
func (k *Contract) Refresh(ctx context.Context, token UserAccessToken) (UserAccessToken, error) {
	if token.RefreshToken.Value.IsZero() {
		return UserAccessToken{}, invalid("refresh: there is no refresh token")
	}
	fresh, err := k.getToken(ctx, wire.RequestClaims{
		GrantType:    wire.GrantRefreshToken,
		RefreshToken: token.RefreshToken.Value.Reveal(),
	})
	if errors.Is(err, ErrInvalidToken) {
		err = fmt.Errorf("%w: %w", k.whyRefused(token.RefreshToken, err), err)
	}
	if err != nil {
		return UserAccessToken{}, fmt.Errorf("refresh: %w", err)
	}
	// The response leaves out what has not changed.
	if fresh.RefreshToken.Value.IsZero() {
		fresh.RefreshToken = token.RefreshToken
	}
	if fresh.UserID == "" {
		fresh.UserID = token.UserID
	}
	if fresh.ConsentID == "" {
		fresh.ConsentID = token.ConsentID
	}
	return fresh, nil
}

// clockSkew is how far the clocks of the client and the server may differ.
const clockSkew = 5 * time.Minute

// whyRefused tells an expired refresh token from a revoked one. The protocol has one code for both. Its message says
// "expired" for the first; the expiry decides where a server uses other words. If it is not known either,
// ErrReauthorize is right: User.Reauthorize returns ErrRevoked for a revoked token.
func (k *Contract) whyRefused(refresh Token, err error) error {
	var e *Error
	saysExpired := errors.As(err, &e) && strings.Contains(e.Message, "expired")
	if saysExpired || refresh.Expiry.IsZero() || k.client.now().Add(clockSkew).After(refresh.Expiry) {
		return ErrReauthorize
	}
	return ErrRevoked
}

func (k *Contract) getToken(ctx context.Context, claims wire.RequestClaims) (UserAccessToken, error) {
	var answer wire.SignedAnswer
	cl := call{method: http.MethodPost, path: literal("oauth/token"), claims: claims}
	if err := k.callJSON(ctx, cl, &answer); err != nil {
		return UserAccessToken{}, err
	}
	var answered wire.TokenClaims
	if err := k.client.openSigned(ctx, answer.Token, &answered); err != nil {
		return UserAccessToken{}, err
	}
	token := tokenOf(answered)
	if token.AccessToken.Value.IsZero() {
		return UserAccessToken{}, missing("access token")
	}
	return token, nil
}
