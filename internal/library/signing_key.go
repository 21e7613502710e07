package library

import (
	"context"
	"time"
)

// SigningKey is a key that signs the server's answers. Its private key is sealed by the master
// keyring.
type SigningKey struct {
	ID        string
	PublicKey string
	Private   []byte
	CreatedAt time.Time
}

// SigningKeyStore stores the keys that sign the server's answers.
type SigningKeyStore interface {
	// AddFirstSigningKey adds k if there is no key, and returns the keys that there are then: of
	// many servers that start at once, one adds its key.
	AddFirstSigningKey(ctx context.Context, k SigningKey) ([]SigningKey, error)
	// ListSigningKeys lists the keys, newest first.
	ListSigningKeys(ctx context.Context) ([]SigningKey, error)
}
