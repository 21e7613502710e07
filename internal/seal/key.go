package seal

import (
	"bytes"
	"crypto/hpke"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
)

// The one HPKE suite (RFC 9180) in use: the post-quantum hybrid MLKEM768-X25519,
// so that what is harvested today stays shut, with HKDF-SHA256 and AES-256-GCM.
var (
	hpkeKEM  = hpke.MLKEM768X25519()
	hpkeKDF  = hpke.HKDFSHA256()
	hpkeAEAD = hpke.AES256GCM()
)

// ErrCannotOpen says that something does not open with what was presented: the wrong
// secret, password or key, or altered bytes. They cannot be told apart.
var ErrCannotOpen = errors.New("does not open with this key")

// Sealed is bytes that only one private key opens.
type Sealed []byte

// PublicKey seals. It is safe to keep and to show.
type PublicKey struct{ key hpke.PublicKey }

// ParsePublicKey reads what Bytes wrote.
func ParsePublicKey(b []byte) (PublicKey, error) {
	k, err := hpkeKEM.NewPublicKey(b)
	if err != nil {
		return PublicKey{}, fmt.Errorf("parse public key: %w", err)
	}
	return PublicKey{k}, nil
}

// Bytes is the key as RFC 9180 writes it; nil for the zero key.
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

// Seal shuts plaintext for the holder of the private key. The purpose is bound to
// it: Open needs the same one, so that one seal cannot stand in for another.
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

// PrivateKey opens what was sealed to its public key. A library's exists in memory
// only while somebody with a live secret reads. It prints masked.
type PrivateKey struct{ key masked[hpke.PrivateKey] }

// GenerateKey makes the key pair of a new library.
func GenerateKey() (PrivateKey, error) {
	k, err := hpkeKEM.GenerateKey()
	if err != nil {
		return PrivateKey{}, fmt.Errorf("generate key pair: %w", err)
	}
	return PrivateKey{maskedOf(k)}, nil
}

// PublicKey is the half that seals.
func (p PrivateKey) PublicKey() PublicKey { return PublicKey{p.key.value().PublicKey()} }

// Open opens what was sealed for the purpose. It returns [ErrCannotOpen] for anything else.
func (p PrivateKey) Open(purpose string, s Sealed) ([]byte, error) {
	plain, err := hpke.Open(p.key.value(), hpkeKDF, hpkeAEAD, []byte(purpose), s)
	if err != nil {
		return nil, ErrCannotOpen
	}
	return plain, nil
}

// Format keeps every fmt verb from printing the key.
func (p PrivateKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(maskText)) }

// LogValue keeps slog from printing the key.
func (p PrivateKey) LogValue() slog.Value { return slog.StringValue(maskText) }

// libraryKeyPurpose is the purpose under which private keys themselves are handed on.
const libraryKeyPurpose = "carrel library key"

// bytes is the key as RFC 9180 writes it, for the caller to clear. It is a copy:
// what crypto/hpke gives may be the key's own memory.
func (p PrivateKey) bytes() ([]byte, error) {
	b, err := p.key.value().Bytes()
	if err != nil {
		return nil, fmt.Errorf("encode private key: %w", err)
	}
	return bytes.Clone(b), nil
}

// SealTo shuts a copy of the private key for the holder of another key.
func (p PrivateKey) SealTo(to PublicKey) (Sealed, error) {
	b, err := p.bytes()
	if err != nil {
		return nil, err
	}
	defer clear(b)
	return to.Seal(libraryKeyPurpose, b)
}

// SealToSecret shuts a copy of the private key for the holder of a secret.
func (p PrivateKey) SealToSecret(s Secret) (Sealed, error) {
	to, err := s.PublicKey()
	if err != nil {
		return nil, err
	}
	return p.SealTo(to)
}

// OpenKey opens a private key that was handed to the secret. It returns [ErrCannotOpen]
// if it was handed to another.
func (s Secret) OpenKey(sealed Sealed) (PrivateKey, error) {
	own, err := s.privateKey()
	if err != nil {
		return PrivateKey{}, err
	}
	b, err := PrivateKey{maskedOf(own)}.Open(libraryKeyPurpose, sealed)
	if err != nil {
		return PrivateKey{}, err
	}
	return parsePrivateKey(b)
}

// SealText shuts a short text for the secret itself.
func (s Secret) SealText(purpose, text string) (Sealed, error) {
	to, err := s.PublicKey()
	if err != nil {
		return nil, err
	}
	return to.Seal(purpose, []byte(text))
}

// OpenText opens what SealText shut.
func (s Secret) OpenText(purpose string, sealed Sealed) (string, error) {
	own, err := s.privateKey()
	if err != nil {
		return "", err
	}
	b, err := PrivateKey{maskedOf(own)}.Open(purpose, sealed)
	return string(b), err
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
