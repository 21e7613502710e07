package seal_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/carrelhq/carrel/internal/seal"
)

func newKey(t testing.TB) seal.PrivateKey {
	t.Helper()
	key, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// must returns v, and fails the test on an error.
func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestSealOpens(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	rapid.Check(t, func(r *rapid.T) {
		plaintext := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(r, "plaintext")
		purpose := rapid.String().Draw(r, "purpose")
		sealed, err := key.PublicKey().Seal(purpose, plaintext)
		if err != nil {
			r.Fatal(err)
		}
		got, err := key.Open(purpose, sealed)
		if err != nil || !bytes.Equal(got, plaintext) {
			r.Fatalf("got %x, %v; want %x", got, err, plaintext)
		}
		other := rapid.String().Filter(func(s string) bool { return s != purpose }).Draw(r, "other purpose")
		if _, err := key.Open(other, sealed); !errors.Is(err, seal.ErrCannotOpen) {
			r.Fatalf("opens for purpose %q, sealed for %q: %v", other, purpose, err)
		}
	})
}

func TestSealIsForOneKey(t *testing.T) {
	t.Parallel()
	owner, other := newKey(t), newKey(t)
	sealed := must[seal.Sealed](t)(owner.PublicKey().Seal("p", []byte("text")))
	if _, err := other.Open("p", sealed); !errors.Is(err, seal.ErrCannotOpen) {
		t.Errorf("another key: %v, want ErrShut", err)
	}
}

func TestSealsOfTheSameDiffer(t *testing.T) {
	t.Parallel()
	to := newKey(t).PublicKey()
	a := must[seal.Sealed](t)(to.Seal("p", []byte("text")))
	b := must[seal.Sealed](t)(to.Seal("p", []byte("text")))
	if bytes.Equal(a, b) || bytes.Equal(a[len(a)-20:], b[len(b)-20:]) {
		t.Error("two seals of the same text are alike")
	}
}

// TestAlteredSeal flips a bit of every byte, cuts and lengthens.
func TestAlteredSeal(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	sealed := must[seal.Sealed](t)(key.PublicKey().Seal("p", []byte("text")))
	altered(sealed, func(what string, bytes []byte) {
		if _, err := key.Open("p", bytes); !errors.Is(err, seal.ErrCannotOpen) {
			t.Errorf("%s: %v, want ErrShut", what, err)
		}
	})
}

func TestNoPublicKeySealsNothing(t *testing.T) {
	t.Parallel()
	var none seal.PublicKey
	if _, err := none.Seal("p", []byte("text")); err == nil {
		t.Error("the zero key seals")
	}
	if !none.IsZero() || none.Bytes() != nil {
		t.Error("the zero key is not zero")
	}
}

func TestPublicKeyRoundTrip(t *testing.T) {
	t.Parallel()
	key := newKey(t).PublicKey()
	back, err := seal.ParsePublicKey(key.Bytes())
	if err != nil || !back.Equal(key) || back.IsZero() {
		t.Errorf("read back: equal %t, %v", back.Equal(key), err)
	}
	if back.Equal(newKey(t).PublicKey()) {
		t.Error("two libraries have the same key")
	}
	for _, n := range []int{0, 1, 32, len(key.Bytes()) - 1} {
		if _, err := seal.ParsePublicKey(key.Bytes()[:n]); err == nil {
			t.Errorf("%d bytes of a key are accepted as a key", n)
		}
	}
	if _, err := seal.ParsePublicKey(append(key.Bytes(), 0)); err == nil {
		t.Error("a key with a byte too many is accepted")
	}
}

// TestWeakPublicKey: a point of low order would make the classical half of a seal
// public, so sealing to it fails.
func TestWeakPublicKey(t *testing.T) {
	t.Parallel()
	weak := newKey(t).PublicKey().Bytes()
	clear(weak[1184:])
	key, err := seal.ParsePublicKey(weak)
	if err != nil {
		return // parsing may refuse it already
	}
	if _, err := key.Seal("p", []byte("text")); err == nil {
		t.Error("something is sealed to a weak key")
	}
}

// TestSealingDoesNotWearOut seals one private key again and again, in every way: each
// copy opens the library, and so does the original.
func TestSealingDoesNotWearOut(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	library := newKey(t)
	file := seal.NewFileKey()
	sealedKey := must[seal.Sealed](t)(file.SealTo(library.PublicKey(), seal.BoundToID("file")))
	opens := func(how string, key seal.PrivateKey) {
		t.Helper()
		if !key.PublicKey().Equal(library.PublicKey()) {
			t.Errorf("%s: another key came out", how)
		}
		if _, err := key.OpenFileKey(seal.BoundToID("file"), sealedKey); err != nil {
			t.Errorf("%s: %v", how, err)
		}
	}
	for _, how := range []string{"first secret", "second secret", "third secret"} {
		secret := seal.NewSecret()
		sealedKey := must[seal.Sealed](t)(library.SealToSecret(secret))
		opens(how, must[seal.PrivateKey](t)(secret.OpenKey(sealedKey)))
	}
	for _, word := range []string{"a password", "a recovery code"} {
		box := must[seal.PasswordBox](t)(library.SealWithPassword(ctx, word, cheap))
		opens(word, must[seal.PrivateKey](t)(box.Open(ctx, word)))
	}
	opened := library
	for range 3 { // an opened key is sealed in turn
		secret := seal.NewSecret()
		sealedKey := must[seal.Sealed](t)(opened.SealToSecret(secret))
		opened = must[seal.PrivateKey](t)(secret.OpenKey(sealedKey))
		opens("sealed again", opened)
	}
	opens("the key itself", library)
}

func TestSealedKeyIsForItsSecret(t *testing.T) {
	t.Parallel()
	library, secret := newKey(t), seal.NewSecret()
	for how, sealedKey := range map[string]seal.Sealed{
		"to the secret":     must[seal.Sealed](t)(library.SealToSecret(secret)),
		"to its public key": must[seal.Sealed](t)(library.SealTo(must[seal.PublicKey](t)(secret.PublicKey()))),
	} {
		t.Run(how, func(t *testing.T) { opensByItsSecret(t, secret, sealedKey) })
	}
}

func opensByItsSecret(t *testing.T, secret seal.Secret, sealedKey seal.Sealed) {
	t.Helper()
	if _, err := secret.OpenKey(sealedKey); err != nil {
		t.Error(err)
	}
	for name, other := range map[string]seal.Secret{
		"another secret": seal.NewSecret(),
		"no secret":      {},
		"empty text":     seal.SecretOf(""),
		"a prefix":       seal.SecretOf(secret.Reveal()[:42]),
		"one more":       seal.SecretOf(secret.Reveal() + "A"),
		"its hash":       seal.SecretOf(secret.Hash().String()),
	} {
		if _, err := other.OpenKey(sealedKey); !errors.Is(err, seal.ErrCannotOpen) {
			t.Errorf("%s: %v, want ErrShut", name, err)
		}
	}
	altered(sealedKey, func(what string, bytes []byte) {
		if _, err := secret.OpenKey(bytes); !errors.Is(err, seal.ErrCannotOpen) {
			t.Errorf("%s: %v, want ErrShut", what, err)
		}
	})
}

// TestSealsAreForOneUse tries every kind of seal in place of every other. All are
// sealed to the same key, and none passes for another, but for the two of a private key.
func TestSealsAreForOneUse(t *testing.T) {
	t.Parallel()
	secret, library := seal.NewSecret(), newKey(t)
	own := must[seal.PublicKey](t)(secret.PublicKey())
	file := seal.NewFileKey()
	seals := map[string]seal.Sealed{
		"private key":       must[seal.Sealed](t)(library.SealToSecret(secret)),
		"older private key": must[seal.Sealed](t)(library.SealTo(own)),
		"text":              must[seal.Sealed](t)(secret.SealText("a purpose", "a text of 32 bytes, like a key..")),
		"file key":          must[seal.Sealed](t)(file.SealTo(own, seal.BoundToID("file"))),
		"another file key":  must[seal.Sealed](t)(file.SealTo(own, seal.BoundToID("other"))),
		"text of no length": must[seal.Sealed](t)(secret.SealText("", "")),
	}
	for kind, s := range seals {
		if _, err := secret.OpenKey(s); (err == nil) != strings.HasSuffix(kind, "private key") {
			t.Errorf("%s opens as a private key: %v", kind, err)
		}
		if _, err := secret.OpenText("a purpose", s); (err == nil) != (kind == "text") {
			t.Errorf("%s opens as a text: %v", kind, err)
		}
	}
	for _, id := range []string{"file", "other"} { // for the library's own key
		sealed := must[seal.Sealed](t)(file.SealTo(library.PublicKey(), seal.BoundToID(id)))
		for _, as := range []string{"file", "other", "", "fil", "file "} {
			if _, err := library.OpenFileKey(seal.BoundToID(as), sealed); (err == nil) != (as == id) {
				t.Errorf("key of file %q opened as that of %q: %v", id, as, err)
			}
		}
	}
}

func TestFileKeyOfAnotherLengthIsNone(t *testing.T) {
	t.Parallel()
	library := newKey(t)
	for _, n := range []int{0, 16, 31, 33} {
		sealed := must[seal.Sealed](t)(library.PublicKey().Seal("carrel file key f", make([]byte, n)))
		if _, err := library.OpenFileKey(seal.BoundToID("f"), sealed); !errors.Is(err, seal.ErrCannotOpen) {
			t.Errorf("%d bytes: %v, want ErrShut", n, err)
		}
	}
}

func TestTextIsForItsSecretAndPurpose(t *testing.T) {
	t.Parallel()
	secret := seal.NewSecret()
	sealed := must[seal.Sealed](t)(secret.SealText("purpose", "text"))
	if got, err := secret.OpenText("purpose", sealed); err != nil || got != "text" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := secret.OpenText("other", sealed); !errors.Is(err, seal.ErrCannotOpen) {
		t.Errorf("another purpose: %v, want ErrShut", err)
	}
	if _, err := seal.NewSecret().OpenText("purpose", sealed); !errors.Is(err, seal.ErrCannotOpen) {
		t.Errorf("another secret: %v, want ErrShut", err)
	}
}
