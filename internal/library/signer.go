package library

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// Signer signs the server's answers with the newest of its keys. Older keys stay in the key set,
// so that what they signed can still be verified.
type Signer struct {
	id   string
	key  *rsa.PrivateKey
	keys wire.KeySet
	now  func() time.Time

	certificates ttlCache[[sha256.Size]byte, []byte]
}

// OpenSigner opens the signing keys in store with the master keyring. If there are none, it adds the key that draw
// returns, which is [DrawSigningKey] or a function that has begun with it earlier.
func OpenSigner(
	ctx context.Context, store SigningKeyStore, ring *seal.Keyring, now func() time.Time,
	draw func() (*rsa.PrivateKey, error),
) (*Signer, error) {
	keys, err := store.ListSigningKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("list signing keys: %w", err)
	}
	if len(keys) == 0 {
		key, err := draw()
		if err != nil {
			return nil, err
		}
		first := newSigningKey(key, ring, now())
		if keys, err = store.AddFirstSigningKey(ctx, first); err != nil {
			return nil, fmt.Errorf("add signing key: %w", err)
		}
	}
	signer := &Signer{id: keys[0].ID, now: now,
		certificates: ttlCache[[sha256.Size]byte, []byte]{ttl: certificateTTL, limit: maxCertificates}}
	for _, k := range keys {
		private, err := OpenSigningKey(ring, k)
		if err != nil {
			return nil, err
		}
		if k.ID == signer.id {
			signer.key = private
		}
		signer.keys.Keys = append(signer.keys.Keys, wire.NewJSONWebKey(k.ID, &private.PublicKey))
	}
	return signer, nil
}

// OpenSigningKey opens a private key with the master keyring, and compares it with the public key beside it.
func OpenSigningKey(ring *seal.Keyring, k SigningKey) (*rsa.PrivateKey, error) {
	text, err := ring.Open(SigningKeyPurpose(k.ID), k.Private)
	if err != nil {
		return nil, fmt.Errorf(
			"open signing key %s: the master keyring is not the one that this database was made with: %w", k.ID, err)
	}
	private, err := wire.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("parse signing key %s: %w", k.ID, err)
	}
	if k.PublicKey != string(wire.MarshalPublicKey(&private.PublicKey)) {
		return nil, fmt.Errorf("signing key %s: the public key in the database is not the private key's: "+
			"somebody has changed the row", k.ID)
	}
	return private, nil
}

// DrawSigningKey draws a key at random, which takes a processor some 50 to 250 ms.
func DrawSigningKey() (*rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, wire.KeyBits)
	if err != nil {
		return nil, fmt.Errorf("generate signing key: %w", err)
	}
	return key, nil
}

func newSigningKey(key *rsa.PrivateKey, ring *seal.Keyring, now time.Time) SigningKey {
	id := seal.RandomID(16)
	return SigningKey{ID: id, PublicKey: string(wire.MarshalPublicKey(&key.PublicKey)),
		Private: ring.Seal(SigningKeyPurpose(id), wire.MarshalPrivateKey(key)), CreatedAt: now}
}

// SigningKeyPurpose is the purpose with which the master keyring seals the private key of a signing key.
func SigningKeyPurpose(id string) string { return "carrel signing key " + id }

// KeySet returns the keys that clients verify the answers with.
func (s *Signer) KeySet() wire.KeySet { return s.keys }

// Sign signs an answer. keySetURL is where a client finds the key set.
func (s *Signer) Sign(keySetURL string, claims any) (string, error) {
	return wire.Sign(s.key, wire.Header{KeySetURL: keySetURL, KeyID: s.id}, claims)
}
