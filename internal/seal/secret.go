package seal

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
)

// Secret is a bearer secret, such as a token or a login cookie. The server hands out
// its text and stores only its [Hash] and, if something may be sealed to it later, its
// [PublicKey]. It prints masked, also inside other values, and does not marshal; only
// [Secret.Reveal] returns the text.
type Secret struct{ text masked[string] }

// NewSecret returns 256 random bits, in the form of [SecretFrom].
func NewSecret() Secret {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	return SecretFrom(b)
}

// SecretOf returns the secret with a text that somebody presents. It accepts any
// text: no hash is stored of a text that the server has not given out, so it is not found.
func SecretOf(text string) Secret { return Secret{maskedOf(text)} }

// Reveal returns the secret's text.
func (s Secret) Reveal() string { return s.text.value() }

// IsZero reports whether the text is empty.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// Format prints the mask for every fmt verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(maskText)) }

// LogValue returns the mask.
func (s Secret) LogValue() slog.Value { return slog.StringValue(maskText) }

// MarshalText returns an error, so that no encoder writes the secret, or stores a mask in
// its place. A secret is stored by its Hash.
func (s Secret) MarshalText() ([]byte, error) {
	return nil, errors.New("a seal.Secret does not marshal")
}

// Hash returns the hash that the server stores and looks up.
func (s Secret) Hash() Hash { return sha256.Sum256([]byte("carrel hash\x00" + s.Reveal())) }

// Derive returns another secret of 256 bits, which only a holder of s can compute, and from which s
// cannot be computed. Each purpose has a secret of its own.
func (s Secret) Derive(purpose string) Secret {
	mac := hmac.New(sha256.New, []byte(s.Reveal()))
	_, _ = mac.Write([]byte("carrel derived secret\x00" + purpose))
	return SecretFrom([32]byte(mac.Sum(nil)))
}

// PublicKey returns the public key of the secret's key pair, which is derived from its
// text.
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

// A private key that is sealed to a secret is a salt of 32 random bytes and one AES-256-GCM message, whose key derives
// from the secret and the salt. Older ones, and those that are sealed to the secret's public key, are HPKE messages,
// which are longer, and take a thousand times as long.
const (
	saltSize      = 32
	sealedKeySize = saltSize + 32 + 16
)

// sealKey seals the bytes of a library's private key to the secret.
func (s Secret) sealKey(key []byte) (Sealed, error) {
	var salt [saltSize]byte
	_, _ = rand.Read(salt[:]) // never fails, by its documentation
	gcm, err := s.keyCipher(salt[:])
	if err != nil {
		return nil, err
	}
	return gcm.Seal(salt[:], make([]byte, gcm.NonceSize()), key, nil), nil
}

// keyCipher returns the cipher of one message. Its nonce is zero, since the salt makes the key its own.
func (s Secret) keyCipher(salt []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(s.Reveal()), salt, libraryKeyPurpose, 32)
	if err != nil {
		return nil, fmt.Errorf("derive key of a secret: %w", err)
	}
	return newGCM(key)
}

// OpenKey opens a private key that was sealed to the secret. It returns [ErrCannotOpen]
// if it was sealed to another.
func (s Secret) OpenKey(sealed Sealed) (PrivateKey, error) {
	if len(sealed) == sealedKeySize {
		gcm, err := s.keyCipher(sealed[:saltSize])
		if err != nil {
			return PrivateKey{}, err
		}
		b, err := gcm.Open(nil, make([]byte, gcm.NonceSize()), sealed[saltSize:], nil)
		if err != nil {
			return PrivateKey{}, ErrCannotOpen
		}
		return parsePrivateKey(b)
	}
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

// SealText seals a short text to the secret itself.
func (s Secret) SealText(purpose, text string) (Sealed, error) {
	to, err := s.PublicKey()
	if err != nil {
		return nil, err
	}
	return to.Seal(purpose, []byte(text))
}

// OpenText opens the result of SealText.
func (s Secret) OpenText(purpose string, sealed Sealed) (string, error) {
	own, err := s.privateKey()
	if err != nil {
		return "", err
	}
	b, err := PrivateKey{maskedOf(own)}.Open(purpose, sealed)
	return string(b), err
}
