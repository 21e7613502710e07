package wire

import (
	"crypto/rand"
)

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// RandomAlphanumeric returns n random letters and digits, with 5.95 bits each: the form of nonces, error references and
// opaque ids.
func RandomAlphanumeric(n int) string {
	out := make([]byte, 0, n)
	var buf [64]byte
	for len(out) < n {
		_, _ = rand.Read(buf[:]) // never fails, by its documentation
		for _, b := range buf {
			// 248 is the largest multiple of 62 in a byte, so that all characters are equally likely.
			if b < 248 && len(out) < n {
				out = append(out, alphabet[b%62])
			}
		}
	}
	return string(out)
}

// NewNonce returns a new nonce, for one attempt to send a request.
func NewNonce() string { return RandomAlphanumeric(nonceLength) }
