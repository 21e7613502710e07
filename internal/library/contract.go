package library

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// Access is the access type of a contract: it reads or it writes.
type Access string

// The access types of the wire.
const (
	Read  Access = wire.AccessRead
	Write Access = wire.AccessWrite
)

// Contract is what an application asks people for.
type Contract struct {
	ID          wire.ContractID
	Application wire.ApplicationID
	Access      Access
	// PublicKey is the PEM text of the key that verifies the contract's requests. A file that the contract
	// reads is encrypted for the key that verified the request.
	PublicKey string
	// OldPublicKey is the key before PublicKey. It verifies requests too until OldKeyExpiresAt. Both are empty if the
	// contract has had one key only.
	OldPublicKey    string
	OldKeyExpiresAt time.Time
	RedirectURIs    []string
	Scope           Scope
	// Purpose is a sentence of the application's, which the person is shown as its words.
	Purpose string
	// Terms and Privacy are plain texts, or https URLs of the application's.
	Terms   string
	Privacy string
	// DeletesLibrary says that the operator lets the application delete a person's whole library.
	// Any other application can only end its own access.
	DeletesLibrary bool
	// Sandbox says that the contract is for trying things out: a request under it may make a library of its own, with
	// sample data, that nobody signs in to. See [People.UseSandbox]. It is no part of what a person allows.
	Sandbox bool
	// GrantFor is how long a grant lasts; zero for the server's default.
	GrantFor  time.Duration
	CreatedAt time.Time
	ExpiresAt time.Time
	// DisabledAt is when the operator disabled it; zero if it is enabled.
	DisabledAt time.Time
	// Quota bounds what is stored with it in all libraries.
	Quota QuotaOverride
}

// Allowed returns a hash of what the contract allows its application: the access type, the scope, and
// whether it may delete the library. It stays the same as long as these do, also when a later version
// adds members to the scope.
func (c Contract) Allowed() string {
	text, err := json.Marshal([]any{c.Access, c.Scope, c.DeletesLibrary})
	if err != nil {
		panic("library: what a contract allows does not encode: " + err.Error()) // texts and lists of them only
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
