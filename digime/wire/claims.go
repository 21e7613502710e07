package wire

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
)

// RequestClaims are the claims of a signed request. Every request has the first three, and a call for a person also has
// AccessToken. The other claims belong to the oauth calls.
type RequestClaims struct {
	ClientID  string `json:"client_id"`
	Nonce     string `json:"nonce"`
	Timestamp Millis `json:"timestamp"`

	AccessToken string `json:"access_token,omitempty"`

	// oauth/authorize, and oauth/token/reference
	CodeChallenge       string `json:"code_challenge,omitempty"`
	CodeChallengeMethod string `json:"code_challenge_method,omitempty"`
	RedirectURI         string `json:"redirect_uri,omitempty"`
	ResponseMode        string `json:"response_mode,omitempty"`
	ResponseType        string `json:"response_type,omitempty"`
	State               string `json:"state,omitempty"`

	// oauth/token
	GrantType    string `json:"grant_type,omitempty"`
	Code         string `json:"code,omitempty"`
	CodeVerifier string `json:"code_verifier,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`
}

// The values of the oauth claims.
const (
	ChallengeS256          = "S256"               // code_challenge_method, the only one
	GrantAuthorizationCode = "authorization_code" // grant_type of an exchange
	GrantRefreshToken      = "refresh_token"      // grant_type of a refresh
)

// Challenge returns the code_challenge of a verifier by the method S256 of RFC 7636: base64url(SHA-256(verifier)).
func Challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// ValidChallenge reports whether a text is a code_challenge of the method S256: 32 bytes in base64url.
func ValidChallenge(challenge string) bool {
	b, err := strict.DecodeString(challenge)
	return err == nil && len(b) == sha256.Size && len(challenge) == base64.RawURLEncoding.EncodedLen(sha256.Size)
}

// ValidVerifier reports whether a text is a code_verifier: 43 to 128 letters, digits and - . _ ~ (RFC 7636, section
// 4.1).
func ValidVerifier(verifier string) bool {
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	for _, c := range []byte(verifier) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// DescriptorClaims are the claims of a push's FileDescriptor header.
type DescriptorClaims struct {
	Metadata json.RawMessage `json:"metadata"`
}

// PreauthorizationClaims are the claims of the response of oauth/authorize.
type PreauthorizationClaims struct {
	PreauthorizationCode string `json:"preauthorization_code"`
}

// ReferenceClaims are the claims of the response of oauth/token/reference.
type ReferenceClaims struct {
	ReferenceCode string  `json:"reference_code"`
	TokenType     string  `json:"token_type"`
	ExpiresOn     Seconds `json:"expires_on"`
}

// TokenClaims are the claims of the response of oauth/token.
type TokenClaims struct {
	AccessToken  TokenValue `json:"access_token"`
	RefreshToken TokenValue `json:"refresh_token"`
	// Subject identifies the person for this application only, and stays the same.
	Subject    string     `json:"sub"`
	ConsentID  string     `json:"consentid"`
	Identifier Identifier `json:"identifier"`
	TokenType  string     `json:"token_type"`
}

// TokenValue is a token and its expiry in Unix seconds.
type TokenValue struct {
	Value     string  `json:"value"`
	ExpiresOn Seconds `json:"expires_on"`
}

// Identifier is a member of [TokenClaims] that the iOS SDK requires.
type Identifier struct {
	ID string `json:"id"`
}
