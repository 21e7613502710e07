package seal

import (
	"crypto/rand"
	"strings"
)

// RandomID returns n random characters of lower-case base 32, with 5 random bits each.
func RandomID(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	var out strings.Builder
	for _, x := range b {
		out.WriteByte(crockfordLower[x%32])
	}
	return out.String()
}

const crockfordLower = "0123456789abcdefghjkmnpqrstvwxyz"
