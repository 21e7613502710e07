package provider

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/seal"
)

// oauthErrors are the error codes of RFC 6749 (sections 4.1.2.1 and 5.2). Errors and
// logs contain only these: any other text is the server's own and may repeat secrets
// that it was sent.
var oauthErrors = []string{
	"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client",
	"unsupported_grant_type", "invalid_scope", "access_denied",
	"unsupported_response_type", "server_error", "temporarily_unavailable",
}

// LoggableErrorCode returns code if RFC 6749 defines it, else "other".
func LoggableErrorCode(code string) string {
	if slices.Contains(oauthErrors, code) {
		return code
	}
	return "other"
}

// AuthorizationError returns the error for the error code of an authorization response.
// For access_denied (RFC 6749, section 4.1.2.1) it is [delivery.ErrProviderRefused].
// MedMij's providers answer access_denied both if the person refused and if they have no
// data, so that nobody can tell one from the other (Autoriseren).
func AuthorizationError(code string) error {
	switch code {
	case "access_denied":
		return delivery.ErrProviderRefused
	case "":
		return errors.New("the authorization response has neither a code nor an error")
	}
	return fmt.Errorf("the authorization response is the error %s", LoggableErrorCode(code))
}

// TokenTimeout is the longest that a token request may take. MedMij's token endpoints
// answer nearly always within 10 s (Token interface).
const TokenTimeout = 15 * time.Second

const (
	// defaultTokenLife is the lifetime of an access token without expires_in.
	defaultTokenLife = 15 * time.Minute
	// maxTokenLife keeps the time of expiry from overflowing.
	maxTokenLife = 366 * 24 * time.Hour
)

// NewTokens checks the tokens of a token response. refresh is empty without a refresh
// token. seconds is expires_in: 0 if the response has none, negative if it is not valid.
// requested is when the token request was made.
func NewTokens(access, refresh string, seconds int64, requested time.Time) (delivery.ProviderTokens, error) {
	switch {
	case !validToken(access) || refresh != "" && !validToken(refresh):
		return delivery.ProviderTokens{}, errors.New("the token response has a token that cannot be sent")
	case seconds < 0:
		return delivery.ProviderTokens{}, errors.New("the token response has an expires_in that is not positive")
	}
	lifetime := defaultTokenLife
	if seconds > 0 {
		lifetime = time.Duration(min(seconds, int64(maxTokenLife/time.Second))) * time.Second
	}
	tokens := delivery.ProviderTokens{Access: seal.SecretOf(access), ExpiresAt: requested.Add(lifetime)}
	if refresh != "" {
		tokens.Refresh = seal.SecretOf(refresh)
	}
	return tokens, nil
}

// validToken reports whether a token can be sent in a header: visible ASCII without
// spaces, at most 16 KiB. RFC 6750 (section 2.1) allows fewer characters.
func validToken(token string) bool {
	const maxToken = 16 << 10
	if token == "" || len(token) > maxToken {
		return false
	}
	for _, c := range []byte(token) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
