package wire

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Algorithm is the only signature algorithm of the protocol: RSASSA-PSS with SHA-512 (RFC 7518, section 3.5).
const Algorithm = "PS512"

// KeyBits is the size in bits of every key of the protocol. Clients take the first 256 bytes of an envelope for the
// encrypted file key, so that a longer key could sign but not read.
const KeyBits = 2048

// TypeCloud is the typ of the tokens of the file storage calls.
const TypeCloud = "at+jwt"

// MaxToken is the longest text of a signed token, in bytes: a descriptor with 8 KiB of metadata, encoded, with its
// header and signature.
const MaxToken = 12 << 10

// The errors of a signed token. Their texts contain nothing of the token.
var (
	// ErrTokenMalformed: the text is not a signed token.
	ErrTokenMalformed = errors.New("not a signed token")
	// ErrTokenAlgorithm: the token is not signed with [Algorithm].
	ErrTokenAlgorithm = errors.New("token is not signed with PS512")
	// ErrTokenHeader: the header would let the token choose how it is verified.
	ErrTokenHeader = errors.New("token header has a member that is not allowed")
	// ErrTokenSignature: the token was not signed by the key.
	ErrTokenSignature = errors.New("token signature does not verify")
)

// pssOptions sets the length of the salt to 64 bytes for signing and verifying. The Node SDK refuses a longer one, and
// the default of Go for signing is the longest that fits.
var pssOptions = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA512}

// strict refuses padding and unused bits, so that a token has only one spelling.
var strict = base64.RawURLEncoding.Strict()

// Header is the protected header of a token (RFC 7515). The responses of the server have a KeySetURL (jku) and a KeyID.
// A request must not have a jku.
type Header struct {
	Algorithm string `json:"alg"`
	Type      string `json:"typ,omitempty"`
	KeySetURL string `json:"jku,omitempty"`
	KeyID     string `json:"kid,omitempty"`
}

// Sign returns a token with the claims, signed with PS512. It sets the Algorithm of the header, and the Type to "JWT"
// if it is empty.
func Sign(key *rsa.PrivateKey, header Header, claims any) (string, error) {
	header.Algorithm = Algorithm
	if header.Type == "" {
		header.Type = "JWT"
	}
	head, err := json.Marshal(header)
	if err != nil {
		return "", fmt.Errorf("encode token header: %w", err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode token claims: %w", err)
	}
	signed := strict.EncodeToString(head) + "." + strict.EncodeToString(body)
	digest := sha512.Sum512([]byte(signed))
	signature, err := rsa.SignPSS(rand.Reader, key, crypto.SHA512, digest[:], pssOptions)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return signed + "." + strict.EncodeToString(signature), nil
}

// Token is a token that has been parsed and not verified. Peek reads the claims, to find the key that must verify the
// token. Trust nothing else before Verify.
type Token struct {
	Header      Header
	signed      string
	payload     []byte
	signature   []byte
	keySetNamed bool // the header has a jku
}

// forbidden are the members of a header that would let a token choose how it is verified. The responses of the server
// have a "jku"; [ParseRequestToken] refuses it as well.
var forbidden = []string{"crit", "b64", "jwk", "x5u", "x5c", "x5t", "x5t#S256"}

// ParseToken parses a token and checks its length, form, strict base64url, algorithm and header. It returns
// [ErrTokenMalformed], [ErrTokenAlgorithm] or [ErrTokenHeader].
func ParseToken(text string) (*Token, error) {
	// The decoder skips line breaks even if it is strict.
	if len(text) > MaxToken || strings.ContainsAny(text, "\r\n") {
		return nil, ErrTokenMalformed
	}
	head, rest, ok := strings.Cut(text, ".")
	body, tail, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 {
		return nil, ErrTokenMalformed
	}
	headJSON, err1 := strict.DecodeString(head)
	payload, err2 := strict.DecodeString(body)
	signature, err3 := strict.DecodeString(tail)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, ErrTokenMalformed
	}
	t := &Token{signed: text[:len(head)+1+len(body)], payload: payload, signature: signature}
	if err := json.Unmarshal(headJSON, &t.Header); err != nil {
		return nil, ErrTokenMalformed
	}
	if t.Header.Algorithm != Algorithm {
		return nil, ErrTokenAlgorithm
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(headJSON, &fields); err != nil {
		return nil, ErrTokenMalformed
	}
	for _, name := range forbidden {
		if _, ok := fields[name]; ok {
			return nil, ErrTokenHeader
		}
	}
	_, t.keySetNamed = fields["jku"]
	return t, nil
}

// ParseRequestToken is [ParseToken] for the token of a request. It also refuses a jku, even an empty one, with
// [ErrTokenHeader], because a request must not choose the keys that verify it.
func ParseRequestToken(text string) (*Token, error) {
	t, err := ParseToken(text)
	if err != nil {
		return nil, err
	}
	if t.keySetNamed {
		return nil, ErrTokenHeader
	}
	return t, nil
}

// Peek decodes the claims without verifying them.
func (t *Token) Peek(claims any) error {
	if err := json.Unmarshal(t.payload, claims); err != nil {
		return fmt.Errorf("%w: %w", ErrTokenMalformed, err)
	}
	return nil
}

// Text returns the text of the token, without its signature.
func (t *Token) Text() string { return t.signed }

// HasUnicodeClaims reports whether the claims are Unicode: see [IsUnicode].
func (t *Token) HasUnicodeClaims() bool { return IsUnicode(t.payload) }

// Verify checks the signature. It returns [ErrTokenSignature] if the token was not signed by key.
func (t *Token) Verify(key *rsa.PublicKey) error {
	digest := sha512.Sum512([]byte(t.signed))
	if err := rsa.VerifyPSS(key, crypto.SHA512, digest[:], t.signature, pssOptions); err != nil {
		return ErrTokenSignature
	}
	return nil
}
