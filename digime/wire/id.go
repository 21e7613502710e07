package wire

import (
	"errors"
	"strings"
)

// The ids of the protocol. They have different types, so that the compiler notices when one is passed in place of
// another. All of them are opaque.
type (
	// ApplicationID identifies a registered application. It has letters and digits only.
	ApplicationID string
	// ContractID identifies a contract of an application. It has letters and digits only.
	ContractID string
	// AccountID identifies one account of a person: "<serviceTypeId>_<opaque>".
	AccountID string
	// FileName identifies one file of a session. It is part of a URL and consists of [A-Za-z0-9._-].
	FileName string
)

// ErrBadClientID reports a client_id that is not "<applicationId>_<contractId>".
var ErrBadClientID = errors.New("client_id is not an application id and a contract id joined by one underscore")

// maxID is the longest application or contract id. Those of digi.me have 32 characters.
const maxID = 64

// ClientID is the client_id claim of a signed request.
type ClientID struct {
	Application ApplicationID
	Contract    ContractID
}

// String returns the text of the claim, "<applicationId>_<contractId>".
func (c ClientID) String() string { return string(c.Application) + "_" + string(c.Contract) }

// ParseClientID reads a client_id claim. It returns [ErrBadClientID] if the text is not two ids of letters and digits,
// joined by an underscore.
func ParseClientID(s string) (ClientID, error) {
	application, contract, ok := strings.Cut(s, "_")
	if !ok || !ValidID(application) || !ValidID(contract) {
		return ClientID{}, ErrBadClientID
	}
	return ClientID{ApplicationID(application), ContractID(contract)}, nil
}

// ValidID reports whether s can be an application or contract id: 1 to 64 letters and digits. An underscore would make
// client_id ambiguous.
func ValidID(s string) bool {
	return len(s) > 0 && len(s) <= maxID && isAlphanumeric(s)
}

// ValidNonce reports whether s has the form of a nonce: exactly 32 letters and digits.
func ValidNonce(s string) bool { return len(s) == nonceLength && isAlphanumeric(s) }

const nonceLength = 32

// ValidName reports whether s can be a session key or file name, which are part of a URL: 1 to 128 characters of
// [A-Za-z0-9._-], and not "." or "..".
func ValidName(s string) bool {
	if len(s) == 0 || len(s) > 128 || s == "." || s == ".." {
		return false
	}
	for i := range len(s) {
		if !alphanumeric(s[i]) && s[i] != '.' && s[i] != '_' && s[i] != '-' {
			return false
		}
	}
	return true
}

func isAlphanumeric(s string) bool {
	for i := range len(s) {
		if !alphanumeric(s[i]) {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
