package seal

import (
	"bytes"
	"crypto/hpke"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
)

// The HPKE suite (RFC 9180) is the post-quantum hybrid MLKEM768-X25519 with HKDF-SHA256
// and AES-256-GCM. Ciphertexts that are recorded today stay secret if X25519 is broken
// later.
var (
	hpkeKEM  = hpke.MLKEM768X25519()
	hpkeKDF  = hpke.HKDFSHA256()
	hpkeAEAD = hpke.AES256GCM()
)

// ErrCannotOpen is returned when something does not open: the secret, password or key
// is wrong, or the bytes were altered. The two cannot be told apart.
var ErrCannotOpen = errors.New("does not open with this key")

// Sealed is bytes that only the holder of one private key can open.
type Sealed []byte

// PublicKey seals. It is not secret.
type PublicKey struct{ key hpke.PublicKey }

// ParsePublicKey parses the result of Bytes.
func ParsePublicKey(b []byte) (PublicKey, error) {
	k, err := hpkeKEM.NewPublicKey(b)
	if err != nil {
		return PublicKey{}, fmt.Errorf("parse public key: %w", err)
	}
	return PublicKey{k}, nil
}

// Bytes returns the key as RFC 9180 serializes it, or nil for the zero key.
func (p PublicKey) Bytes() []byte {
	if p.key == nil {
		return nil
	}
	return p.key.Bytes()
}

// IsZero reports whether there is no key.
func (p PublicKey) IsZero() bool { return p.key == nil }

// Equal reports whether two public keys are the same.
func (p PublicKey) Equal(q PublicKey) bool { return bytes.Equal(p.Bytes(), q.Bytes()) }

// Seal encrypts plaintext for the holder of the private key. Open needs the same
// purpose, so that nothing sealed for one purpose passes for another.
func (p PublicKey) Seal(purpose string, plaintext []byte) (Sealed, error) {
	if p.key == nil {
		return nil, errors.New("seal: no public key")
	}
	s, err := hpke.Seal(p.key, hpkeKDF, hpkeAEAD, []byte(purpose), plaintext)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return s, nil
}

// PrivateKey opens what was sealed to its public key. A library's private key is in
// memory only while a request with a live secret needs it. It prints masked.
type PrivateKey struct{ key masked[hpke.PrivateKey] }

// GenerateKey makes the key pair of a new library.
func GenerateKey() (PrivateKey, error) {
	k, err := hpkeKEM.GenerateKey()
	if err != nil {
		return PrivateKey{}, fmt.Errorf("generate key pair: %w", err)
	}
	return PrivateKey{maskedOf(k)}, nil
}

// PublicKey returns the public half of the key pair.
func (p PrivateKey) PublicKey() PublicKey { return PublicKey{p.key.value().PublicKey()} }

// Open decrypts what was sealed for the purpose. It returns [ErrCannotOpen] for
// anything else.
func (p PrivateKey) Open(purpose string, s Sealed) ([]byte, error) {
	plain, err := hpke.Open(p.key.value(), hpkeKDF, hpkeAEAD, []byte(purpose), s)
	if err != nil {
		return nil, ErrCannotOpen
	}
	return plain, nil
}

// Format prints the mask for every fmt verb.
func (p PrivateKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(maskText)) }

// LogValue returns the mask.
func (p PrivateKey) LogValue() slog.Value { return slog.StringValue(maskText) }

// libraryKeyPurpose is the purpose of sealed private keys.
const libraryKeyPurpose = "carrel library key"

// bytes returns the key as RFC 9180 serializes it. The caller clears it. It is a copy,
// since crypto/hpke may return the key's own memory.
func (p PrivateKey) bytes() ([]byte, error) {
	b, err := p.key.value().Bytes()
	if err != nil {
		return nil, fmt.Errorf("encode private key: %w", err)
	}
	return bytes.Clone(b), nil
}

// SealTo seals a copy of the private key to another key.
func (p PrivateKey) SealTo(to PublicKey) (Sealed, error) {
	b, err := p.bytes()
	if err != nil {
		return nil, err
	}
	defer clear(b)
	return to.Seal(libraryKeyPurpose, b)
}

// SealToSecret seals a copy of the private key to a secret: see [Secret.sealKey].
func (p PrivateKey) SealToSecret(s Secret) (Sealed, error) {
	b, err := p.bytes()
	if err != nil {
		return nil, err
	}
	defer clear(b)
	return s.sealKey(b)
}

func parsePrivateKey(b []byte) (PrivateKey, error) {
	defer clear(b)
	k, err := hpkeKEM.NewPrivateKey(b)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("parse private key: %w", err)
	}
	return PrivateKey{maskedOf(k)}, nil
}

func randomKey() (key [32]byte) {
	_, _ = rand.Read(key[:]) // never fails, by its documentation
	return key
}
