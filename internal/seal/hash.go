package seal

import (
	"crypto/sha256"
	"database/sql/driver"
	"encoding/hex"
	"fmt"
)

// Hash is the SHA-256 of a secret with a prefix. It is the key by which a secret's row
// is found. The lookup does not have to take constant time, since a part of the hash
// tells nothing about the secret.
type Hash [sha256.Size]byte

// String returns the hash in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Value implements [driver.Valuer]: a database stores the hash as bytes.
func (h Hash) Value() (driver.Value, error) { return h[:], nil }

// Scan implements sql.Scanner.
func (h *Hash) Scan(v any) error {
	b, ok := v.([]byte)
	if !ok || len(b) != len(h) {
		return fmt.Errorf("scan hash: want %d bytes", len(h))
	}
	copy(h[:], b)
	return nil
}
