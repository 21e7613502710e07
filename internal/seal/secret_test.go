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
		if b, err := base64.RawURLEncoding.Strict().DecodeString(text); err != nil || len(b) != 32 {
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

// TestSecretIsItsText: the same text has the same hash and the same key pair, another
// text others.
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

func TestHashInADatabase(t *testing.T) {
	t.Parallel()
	hash := seal.NewSecret().Hash()
	value, err := hash.Value()
	if err != nil {
		t.Fatal(err)
	}
	var back seal.Hash
	if err := back.Scan(value); err != nil || back != hash {
		t.Errorf("read back %s, %v; want %s", back, err, hash)
	}
	for _, bad := range []any{nil, "text", 7, []byte{}, make([]byte, 31), make([]byte, 33), []byte(nil),
		hash.String()} {
		if err := new(seal.Hash).Scan(bad); err == nil {
			t.Errorf("%v is taken for a hash", bad)
		}
	}
	if len(hash.String()) != 64 || strings.Trim(hash.String(), "0123456789abcdef") != "" {
		t.Errorf("in words: %s", hash)
	}
}

func TestRandomID(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		id := seal.RandomID(20)
		if len(id) != 20 || strings.Trim(id, "0123456789abcdefghjkmnpqrstvwxyz") != "" {
			t.Fatalf("id %q", id)
		}
		if seen[id] {
			t.Fatalf("id %q twice", id)
		}
		seen[id] = true
	}
}
