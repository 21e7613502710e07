package provider

import (
	"errors"
	"fmt"
	"slices"

	"github.com/carrelhq/carrel/internal/library"
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
// [library.ErrProviderRefused] for a no (RFC 6749, section 4.1.2.1). MedMij has "no data"
// and "the person refused" look the same, on purpose (Autoriseren).
func Declined(code string) error {
	switch code {
	case "access_denied":
		return library.ErrProviderRefused
	case "":
		return errors.New("the browser came back with neither a code nor an error")
	}
	return fmt.Errorf("the provider answered the browser with %s", OAuthError(code))
}

// TokenText reports whether a token is one that can stand in a header: visible ASCII
// without a space, of a bearable length (RFC 6750, section 2.1, a little wider).
func TokenText(token string) bool {
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
