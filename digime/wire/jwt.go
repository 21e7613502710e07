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

// Algorithm is the one signature algorithm of the protocol: RSASSA-PSS with
// SHA-512 (RFC 7518, section 3.5). Nothing else is ever accepted.
const Algorithm = "PS512"

// KeyBits is the size of every key of the protocol. Clients cut a wrapped file
// key at 256 bytes, so a longer key could sign but not read.
const KeyBits = 2048

// TypeCloud is the typ of the tokens of file-storage calls.
const TypeCloud = "at+jwt"

// MaxToken bounds the text of a signed token, in bytes: a descriptor's 8 KiB of
// metadata, encoded, with its header and signature.
const MaxToken = 12 << 10

// What can be wrong with a signed token. The texts say which check failed and
// repeat nothing of the token.
var (
	ErrTokenMalformed = errors.New("not a signed token")
	ErrTokenAlgorithm = errors.New("token is not signed with PS512")
	ErrTokenHeader    = errors.New("token header has a member that is not allowed")
	ErrTokenSignature = errors.New("token signature does not verify")
)

// pssOptions fixes the salt at 64 bytes both ways: Node refuses a longer one,
// and Go's own default for signing is the longest that fits.
var pssOptions = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA512}

// strict refuses padding and stray bits, so that one token has one spelling.
var strict = base64.RawURLEncoding.Strict()

// Header is the protected header of a token (RFC 7515). KeySetURL (jku) and
// KeyID are set in the server's answers; a request may not carry a jku.
type Header struct {
	Algorithm string `json:"alg"`
	Type      string `json:"typ,omitempty"`
	KeySetURL string `json:"jku,omitempty"`
	KeyID     string `json:"kid,omitempty"`
}

// Sign makes a token of claims, signed with PS512. The header's Algorithm is set;
// its Type is "JWT" unless given.
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

// Token is a token that has been taken apart but not verified. Peek reads its
// claims to find out whose key must verify it; trust nothing else before Verify.
type Token struct {
	Header      Header
	signed      string
	payload     []byte
	signature   []byte
	keySetNamed bool // the header has a jku
}

// forbidden are header members that would let a token choose how it is verified.
// "jku" belongs to the server's answers; [ParseRequestToken] refuses it as well.
var forbidden = []string{"crit", "b64", "jwk", "x5u", "x5c", "x5t", "x5t#S256"}

// ParseToken takes a token apart and makes the cheap checks: length, form,
// strict base64url, PS512 and no forbidden header member. It returns
// [ErrTokenMalformed], [ErrTokenAlgorithm] or [ErrTokenHeader].
func ParseToken(text string) (*Token, error) {
	// The decoder skips line ends even when it is strict.
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
	var members map[string]json.RawMessage
	if err := json.Unmarshal(headJSON, &members); err != nil {
		return nil, ErrTokenMalformed
	}
	for _, name := range forbidden {
		if _, ok := members[name]; ok {
			return nil, ErrTokenHeader
		}
	}
	_, t.keySetNamed = members["jku"]
	return t, nil
}

// ParseRequestToken is [ParseToken] for what a client sends: a jku, even an empty
// one, is refused with [ErrTokenHeader], since a request must not choose the keys
// that verify it.
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
		return ErrTokenMalformed
	}
	return nil
}

// Verify checks the signature. It returns [ErrTokenSignature] when the token was
// not signed by key.
func (t *Token) Verify(key *rsa.PublicKey) error {
	digest := sha512.Sum512([]byte(t.signed))
	if err := rsa.VerifyPSS(key, crypto.SHA512, digest[:], t.signature, pssOptions); err != nil {
		return ErrTokenSignature
	}
	return nil
}
