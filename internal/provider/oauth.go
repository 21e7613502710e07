package provider

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/seal"
)

// oauthErrors are the error codes of RFC 6749 (sections 4.1.2.1 and 5.2). Only these
// are repeated in errors and logs: any other text is the server's own, and may hold
// what it was sent.
var oauthErrors = []string{
	"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client",
	"unsupported_grant_type", "invalid_scope", "access_denied",
	"unsupported_response_type", "server_error", "temporarily_unavailable",
}

// OAuthError is an error code as it may be logged: itself if it is one of RFC 6749,
// else "other".
func OAuthError(code string) string {
	if slices.Contains(oauthErrors, code) {
		return code
	}
	return "other"
}

// Declined is what it means that a browser came back with an error in place of a code:
// [delivery.ErrProviderRefused] for a no (RFC 6749, section 4.1.2.1). MedMij has "no data"
// and "the person refused" look the same, on purpose (Autoriseren).
func Declined(code string) error {
	switch code {
	case "access_denied":
		return delivery.ErrProviderRefused
	case "":
		return errors.New("the browser came back with neither a code nor an error")
	}
	return fmt.Errorf("the provider answered the browser with %s", OAuthError(code))
}

// TokenTimeout bounds a token request: MedMij's token endpoints answer within 10 s,
// nearly always (Token interface).
const TokenTimeout = 15 * time.Second

const (
	// tokenLife is the life of an access token whose answer does not say.
	tokenLife = 15 * time.Minute
	// maxTokenLife is more than any token lives, and keeps the sum from overflowing.
	maxTokenLife = 366 * 24 * time.Hour
)

// Access is what a token endpoint gave in answer to a request that was made at the given
// time. refresh is empty if it gave none; seconds is 0 if it did not say how long the
// access token lives, and negative if what it said makes no sense.
func Access(token, refresh string, seconds int64, at time.Time) (delivery.ProviderTokens, error) {
	switch {
	case !tokenText(token) || refresh != "" && !tokenText(refresh):
		return delivery.ProviderTokens{}, errors.New("the token endpoint gave a token that cannot be used")
	case seconds < 0:
		return delivery.ProviderTokens{}, errors.New("the token endpoint gave a token without a life")
	}
	life := tokenLife
	if seconds > 0 {
		life = time.Duration(min(seconds, int64(maxTokenLife/time.Second))) * time.Second
	}
	a := delivery.ProviderTokens{Access: seal.SecretOf(token), ExpiresAt: at.Add(life)}
	if refresh != "" {
		a.Refresh = seal.SecretOf(refresh)
	}
	return a, nil
}

// tokenText reports whether a token is one that can stand in a header: visible ASCII
// without a space, of a bearable length (RFC 6750, section 2.1, a little wider).
func tokenText(token string) bool {
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
