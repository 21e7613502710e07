package seal

import (
	"crypto/rand"
	"errors"
	"strings"
)

// crockfordUpper is Crockford's base 32, without I, L, O and U.
const crockfordUpper = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

const recoveryCodeLength = 24 // 120 bits

// ErrInvalidRecoveryCode is returned for a text that cannot be a recovery code.
var ErrInvalidRecoveryCode = errors.New("not a recovery code: want 24 letters and digits")

// NewRecoveryCode returns 120 random bits as six groups of four characters.
func NewRecoveryCode() string {
	var b [recoveryCodeLength]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	var out strings.Builder
	for i, x := range b {
		if i > 0 && i%4 == 0 {
			out.WriteByte('-')
		}
		out.WriteByte(crockfordUpper[x%32])
	}
	return out.String()
}

// NormalizeRecoveryCode brings a typed code into the form of [NewRecoveryCode]. Spaces,
// dashes and case are ignored; O is read as 0, I and L as 1. It returns
// [ErrInvalidRecoveryCode] if the text cannot be a code.
func NormalizeRecoveryCode(typed string) (string, error) {
	var out strings.Builder
	n := 0
	for _, r := range strings.ToUpper(typed) {
		switch r {
		case ' ', '-', '\t', '\n', '\r', '\u00a0', '\u2010', '\u2011', '\u2012', '\u2013', '\u2014':
			continue
		case 'O':
			r = '0'
		case 'I', 'L':
			r = '1'
		}
		if !strings.ContainsRune(crockfordUpper, r) || n == recoveryCodeLength {
			return "", ErrInvalidRecoveryCode
		}
		if n > 0 && n%4 == 0 {
			out.WriteByte('-')
		}
		out.WriteRune(r)
		n++
	}
	if n != recoveryCodeLength {
		return "", ErrInvalidRecoveryCode
	}
	return out.String(), nil
}
