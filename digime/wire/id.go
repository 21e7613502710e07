package wire

import (
	"errors"
	"strings"
)

// The protocol's ids. They are distinct types so that one cannot be handed over
// for another; all of them are opaque text.
type (
	// ApplicationID names a registered client program. Letters and digits only.
	ApplicationID string
	// ContractID names what an application asks for. Letters and digits only.
	ContractID string
	// AccountID names one connection of a person: "<serviceTypeId>_<opaque>".
	AccountID string
	// FileName names one file of a session's list. It goes into a URL as it is
	// and consists of [A-Za-z0-9._-].
	FileName string
)

// ErrBadClientID says that a client_id is not "<applicationId>_<contractId>".
var ErrBadClientID = errors.New("client_id is not an application id and a contract id joined by one underscore")

// maxID bounds an application or contract id; digi.me's have 32 characters.
const maxID = 64

// ClientID is the client_id claim of a signed request.
type ClientID struct {
	Application ApplicationID
	Contract    ContractID
}

// String is the claim's text, "<applicationId>_<contractId>".
func (c ClientID) String() string { return string(c.Application) + "_" + string(c.Contract) }

// ParseClientID reads a client_id claim. It returns [ErrBadClientID] when the
// text is not two ids of letters and digits joined by one underscore.
func ParseClientID(s string) (ClientID, error) {
	application, contract, ok := strings.Cut(s, "_")
	if !ok || !ValidID(application) || !ValidID(contract) {
		return ClientID{}, ErrBadClientID
	}
	return ClientID{ApplicationID(application), ContractID(contract)}, nil
}

// ValidID reports whether s can be an application or contract id: 1 to 64
// letters and digits. An underscore would make client_id ambiguous.
func ValidID(s string) bool {
	return len(s) > 0 && len(s) <= maxID && isAlphanumeric(s)
}

// ValidNonce reports whether s is a nonce as the clients make them: exactly 32
// letters and digits.
func ValidNonce(s string) bool { return len(s) == nonceLength && isAlphanumeric(s) }

const nonceLength = 32

// ValidName reports whether s can stand in a URL path as a session key or file
// name: 1 to 128 characters of [A-Za-z0-9._-], and not "." or "..".
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
