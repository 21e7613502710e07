package seal_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/carrelhq/carrel/internal/seal"
)

func TestSecretIs256RandomBits(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		text := seal.NewSecret().Reveal()
		if b, err := base64.RawURLEncoding.Strict().DecodeString(text); err != nil || len(b) != 33 || b[0] != 2 {
			t.Fatalf("%q: %d bytes, %v", text, len(b), err)
		}
		if strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Fatalf("%q cannot stand in a URL", text)
		}
		if seen[text] {
			t.Fatal("the same secret twice")
		}
		seen[text] = true
	}
}

// TestSecretIsItsText: the same text has the same hash and the same key pair; another
// text has others.
func TestSecretIsItsText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		a, b := rapid.String().Draw(r, "a"), rapid.String().Draw(r, "b")
		secret, again, other := seal.SecretOf(a), seal.SecretOf(a), seal.SecretOf(b)
		keyOf := func(s seal.Secret) seal.PublicKey { return must[seal.PublicKey](t)(s.PublicKey()) }
		if secret.Reveal() != a || secret.IsZero() != (a == "") {
			r.Fatalf("reveals %q, zero %t", secret.Reveal(), secret.IsZero())
		}
		if secret.Hash() != again.Hash() || !keyOf(secret).Equal(keyOf(again)) {
			r.Fatal("the same text gave another hash or key pair")
		}
		if a != b && (secret.Hash() == other.Hash() || keyOf(secret).Equal(keyOf(other))) {
			r.Fatal("another text gave the same hash or key pair")
		}
	})
}

func TestNoSecret(t *testing.T) {
	t.Parallel()
	var none seal.Secret
	if !none.IsZero() || none.Reveal() != "" {
		t.Errorf("the zero secret reveals %q", none.Reveal())
	}
	if none.Hash() != seal.SecretOf("").Hash() {
		t.Error("the zero secret is not the empty one")
	}
	if seal.NewSecret().IsZero() {
		t.Error("a fresh secret is zero")
	}
}
