package digime

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/carrelhq/carrel/digime/wire"
)

// Exchange turns the code that a person brought back into a token. A code works
// once: [ErrInvalidToken] says that it was used, has expired, or that the verifier
// is not the one of its [Authorization]. The call is never tried again.
func (c *Client) Exchange(ctx context.Context, contract *Contract, code, verifier Secret) (UserAccessToken, error) {
	if code.IsZero() {
		return UserAccessToken{}, errors.New("exchange: the callback brought no code")
	}
	token, err := c.token(ctx, contract, wire.RequestClaims{
		GrantType:    wire.GrantAuthorizationCode,
		Code:         code.Reveal(),
		CodeVerifier: verifier.Reveal(),
	})
	if err != nil {
		return UserAccessToken{}, fmt.Errorf("exchange: %w", err)
	}
	return token, nil
}

// Refresh gets a new access token for one that has expired, and perhaps a new
// refresh token. [ErrReauthorize] says that the refresh token does not serve any
// longer. A [User] refreshes by itself; this is for an application that keeps its
// tokens alive otherwise.
func (c *Client) Refresh(ctx context.Context, contract *Contract, token UserAccessToken) (UserAccessToken, error) {
	fresh, err := c.token(ctx, contract, wire.RequestClaims{
		GrantType:    wire.GrantRefreshToken,
		RefreshToken: token.RefreshToken.Value.Reveal(),
	})
	if errors.Is(err, ErrInvalidToken) {
		err = fmt.Errorf("%w: %w", ErrReauthorize, err)
	}
	if err != nil {
		return UserAccessToken{}, fmt.Errorf("refresh: %w", err)
	}
	// What an answer leaves out has not changed.
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

func (c *Client) token(ctx context.Context, contract *Contract, claims wire.RequestClaims) (UserAccessToken, error) {
	var answer wire.SignedAnswer
	err := c.callJSON(ctx, contract, call{method: http.MethodPost, path: literal("oauth/token"), claims: claims}, &answer)
	if err != nil {
		return UserAccessToken{}, err
	}
	var answered wire.TokenClaims
	if err := c.openSigned(ctx, answer.Token, &answered); err != nil {
		return UserAccessToken{}, err
	}
	token := tokenOf(answered)
	if token.AccessToken.Value.IsZero() {
		return UserAccessToken{}, errors.New("the server's answer has no access token")
	}
	return token, nil
}
