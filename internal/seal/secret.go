package seal

import (
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
)

// Secret is a bearer secret: whoever holds its text may do what was allowed to
// it. The server hands it out and keeps only its [Hash] and, where it may be given
// something to open later, its [PublicKey]. It prints masked, in other values too;
// Reveal gives the text.
type Secret struct{ text masked[string] }

const maskText = "[secret]"

// NewSecret returns 256 random bits.
func NewSecret() Secret {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	return SecretOf(base64.RawURLEncoding.EncodeToString(b[:]))
}

// SecretOf takes a secret that somebody presents. Nothing is checked: an invented
// one has a hash that nobody knows.
func SecretOf(text string) Secret { return Secret{maskedOf(text)} }

// Reveal is the secret's text.
func (s Secret) Reveal() string { return s.text.value() }

// IsZero reports whether there is no secret at all.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// Format keeps every fmt verb from printing the secret.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(maskText)) }

// LogValue keeps slog from printing the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(maskText) }

// MarshalText keeps encoders from writing the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(maskText), nil }

// Hash is what the server finds the secret by.
func (s Secret) Hash() Hash { return sha256.Sum256([]byte("carrel hash\x00" + s.Reveal())) }

// PublicKey is the key that others may seal to for the secret's holder.
func (s Secret) PublicKey() (PublicKey, error) {
	k, err := s.privateKey()
	if err != nil {
		return PublicKey{}, err
	}
	return PublicKey{k.PublicKey()}, nil
}

func (s Secret) privateKey() (hpke.PrivateKey, error) {
	ikm := sha256.Sum256([]byte("carrel key pair\x00" + s.Reveal()))
	k, err := hpkeKEM.DeriveKeyPair(ikm[:])
	if err != nil {
		return nil, fmt.Errorf("derive key pair of a secret: %w", err)
	}
	return k, nil
}

// Hash is the SHA-256 of a secret, under a prefix of its own. Finding a row by it
// is as good as a constant-time comparison: to learn a prefix of the hash tells
// nothing of the secret.
type Hash [sha256.Size]byte

// String is the hash in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Value lets a database keep the hash as bytes.
func (h Hash) Value() (driver.Value, error) { return h[:], nil }

// Scan reads the hash back.
func (h *Hash) Scan(v any) error {
	b, ok := v.([]byte)
	if !ok || len(b) != len(h) {
		return fmt.Errorf("scan hash: want %d bytes", len(h))
	}
	copy(h[:], b)
	return nil
}
