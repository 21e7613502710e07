package digime

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
)

// mask is printed in place of a secret.
const mask = "[secret]"

// A Secret is a text that must not appear in a log: a token, a code, a verifier or the key of a session. It prints as
// a mask, even as an unexported field of another value. Only Reveal returns the text: a Secret does not marshal. The
// types that are meant to be stored do, with their secrets: [UserAccessToken], [Token], [Authorization] and
// [SessionKey]. The zero value is the empty text. Compare with Equal.
type Secret struct {
	_ [0]func() // forbids ==
	// A pointer, because package fmt prints an unexported field of type string without calling its methods.
	text *string
}

// NewSecret returns the text as a [Secret].
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: &text}
}

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.text == nil }

// Equal reports whether both secrets have the same text. It takes the same time for all texts of a length.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// String returns a mask; for an empty secret, the empty text.
func (s Secret) String() string {
	if s.text == nil {
		return ""
	}
	return mask
}

// Format prints String for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, s.String()) }

// LogValue returns the mask.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns an error, so that no encoder writes the secret, or stores a mask in its place.
func (s Secret) MarshalText() ([]byte, error) {
	return nil, errors.New("a digime.Secret does not marshal: store the text that Reveal returns")
}
