package library

import (
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// keys returns the PEM texts of the keys that verify the contract's requests at now, the newest first.
func (c Contract) keys(now time.Time) []string {
	if c.OldPublicKey == "" || !now.Before(c.OldKeyExpiresAt) {
		return []string{c.PublicKey}
	}
	return []string{c.PublicKey, c.OldPublicKey}
}

// WithKey returns the contract with another public key, in PEM. The present key counts until oldExpires; the key before
// that is dropped.
func (c Contract) WithKey(publicKey string, oldExpires time.Time) (Contract, error) {
	next, err := wire.ParsePublicKey([]byte(publicKey))
	if err != nil {
		return Contract{}, err
	}
	if present, err := wire.ParsePublicKey([]byte(c.PublicKey)); err == nil && present.Equal(next) {
		return Contract{}, errors.New("this is the contract's key already")
	}
	c.OldPublicKey, c.OldKeyExpiresAt, c.PublicKey = c.PublicKey, oldExpires, publicKey
	return c, nil
}

// HasOldKey reports whether the key before the present one still counts at now.
func (c Contract) HasOldKey(now time.Time) bool { return len(c.keys(now)) > 1 }

// EndOldKey returns the contract with another end of the key before the present one.
func (c Contract) EndOldKey(now, expires time.Time) (Contract, error) {
	if !c.HasOldKey(now) {
		return Contract{}, fmt.Errorf("contract %s has no older key that still counts", c.ID)
	}
	c.OldKeyExpiresAt = expires
	return c, nil
}
