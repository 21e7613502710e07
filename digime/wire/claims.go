package wire

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
)

// RequestClaims are the claims of a signed request. Every request has the first
// three; AccessToken where the call acts for a person; the rest belong to the
// oauth calls.
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

// Values of the oauth claims.
const (
	ChallengeS256          = "S256"
	GrantAuthorizationCode = "authorization_code"
	GrantRefreshToken      = "refresh_token"
)

// Challenge is the code_challenge of a verifier: base64url(SHA-256(verifier)),
// RFC 7636, method S256.
func Challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// DescriptorClaims are the claims of a push's FileDescriptor header.
type DescriptorClaims struct {
	Metadata json.RawMessage `json:"metadata"`
}

// PreauthorizationClaims is the signed answer of oauth/authorize.
type PreauthorizationClaims struct {
	PreauthorizationCode string `json:"preauthorization_code"`
}

// ReferenceClaims is the signed answer of oauth/token/reference.
type ReferenceClaims struct {
	ReferenceCode string  `json:"reference_code"`
	TokenType     string  `json:"token_type"`
	ExpiresOn     Seconds `json:"expires_on"`
}

// TokenClaims is the signed answer of oauth/token.
type TokenClaims struct {
	AccessToken  TokenValue `json:"access_token"`
	RefreshToken TokenValue `json:"refresh_token"`
	// Subject is stable for this person and application and says nothing across
	// applications.
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

// Identifier is a member of [TokenClaims] that iOS requires.
type Identifier struct {
	ID string `json:"id"`
}
