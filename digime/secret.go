package digime

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
)

// mask is what a secret prints as.
const mask = "[secret]"

// A Secret is a text that must not end up in a log: a token, a code, a verifier,
// a session key. Printing it prints a mask, also from within other values, their
// unexported fields included; Reveal gives the text. It marshals as the text
// itself, so that it can be stored. The zero value is the empty text. Compare with
// Equal.
type Secret struct {
	_ [0]func() // not comparable with ==
	// A pointer, because package fmt prints the content of an unexported string
	// field without asking its type.
	text *string
}

// NewSecret is the text as a [Secret].
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: &text}
}

// Reveal is the secret's text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.text == nil }

// Equal reports whether two secrets have the same text.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// String is a mask.
func (s Secret) String() string {
	if s.text == nil {
		return ""
	}
	return mask
}

// Format prints the mask, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, s.String()) }

// LogValue is the mask.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is the secret's text, to be stored.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.Reveal()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}
