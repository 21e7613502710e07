package digime

import (
	"context"
	"fmt"
	"net/http"

	"github.com/carrelhq/carrel/digime/wire"
)

// Exchange exchanges the code of a callback for a token. The callback comes from [Authorization.ParseCallback]. A code
// works once. [ErrInvalidToken] says that it was used or has expired: start again with [Contract.Authorize]. The call
// is never repeated. A code that is used again with another verifier, or by another contract, ends the token that it
// was exchanged for.
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
