package seal

import (
	"crypto/rand"
	"errors"
	"strings"
)

// crockford is Crockford's base 32: no I, L, O or U.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

const codeLength = 24 // 120 bits

// ErrBadCode says that a text cannot be a recovery code.
var ErrBadCode = errors.New("not a recovery code: want 24 letters and digits")

// NewRecoveryCode returns 120 random bits as six groups of four characters.
func NewRecoveryCode() string {
	var b [codeLength]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	var out strings.Builder
	for i, x := range b {
		if i > 0 && i%4 == 0 {
			out.WriteByte('-')
		}
		out.WriteByte(crockford[x%32])
	}
	return out.String()
}

// NormalizeRecoveryCode brings what a person typed into the form of
// NewRecoveryCode: spaces, dashes and small letters do not matter, O is 0, I and L
// are 1. It returns [ErrBadCode] if that makes no code.
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
		if !strings.ContainsRune(crockford, r) || n == codeLength {
			return "", ErrBadCode
		}
		if n > 0 && n%4 == 0 {
			out.WriteByte('-')
		}
		out.WriteRune(r)
		n++
	}
	if n != codeLength {
		return "", ErrBadCode
	}
	return out.String(), nil
}
