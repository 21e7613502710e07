package seal_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"testing"

	"github.com/carrelhq/carrel/internal/seal"
)

// macByTheBook computes a MAC from docs/file-format.md alone.
func macByTheBook(t *testing.T, secret []byte, label string, parts ...string) []byte {
	t.Helper()
	key := must[[]byte](t)(hkdf.Key(sha256.New, secret, nil, label, 32))
	mac := hmac.New(sha256.New, key)
	for _, part := range parts {
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		mac.Write([]byte(part))
	}
	return mac.Sum(nil)
}

func TestMACOfASecret(t *testing.T) {
	t.Parallel()
	secret, other := seal.NewSecret(), seal.NewSecret()
	mac := secret.MAC("purpose", []byte("ab"), []byte("c"))
	want := macByTheBook(t, []byte(secret.Reveal()), "carrel secret mac", "purpose", "ab", "c")
	if !bytes.Equal(mac, want) {
		t.Errorf("MAC %x, want %x", mac, want)
	}
	if !secret.VerifyMAC(mac, "purpose", []byte("ab"), []byte("c")) {
		t.Error("it does not verify")
	}
	for what, ok := range map[string]bool{
		"other secret":  other.VerifyMAC(mac, "purpose", []byte("ab"), []byte("c")),
		"other purpose": secret.VerifyMAC(mac, "purpos", []byte("ab"), []byte("c")),
		"other parts":   secret.VerifyMAC(mac, "purpose", []byte("a"), []byte("bc")),
		"one part":      secret.VerifyMAC(mac, "purpose", []byte("abc")),
		"no parts":      secret.VerifyMAC(mac, "purpose"),
		"no MAC":        secret.VerifyMAC(nil, "purpose", []byte("ab"), []byte("c")),
		"half a MAC":    secret.VerifyMAC(mac[:16], "purpose", []byte("ab"), []byte("c")),
	} {
		if ok {
			t.Errorf("%s: verifies", what)
		}
	}
}

func TestMACOfAKeyring(t *testing.T) {
	t.Parallel()
	older, newer := masterKey(1), masterKey(2)
	before, both := parseKeyring(t, older), parseKeyring(t, older+"\n"+newer)
	mac, fresh := before.MAC("p", []byte("x")), both.MAC("p", []byte("x"))
	key := must[[]byte](t)(base64.StdEncoding.DecodeString(older))
	id := sha256.Sum256(append([]byte("carrel master key\x00"), key...))
	want := append(append([]byte{1}, id[:4]...), macByTheBook(t, key, "carrel master mac", "p", "x")...)
	if !bytes.Equal(mac, want) {
		t.Errorf("MAC %x, want %x", mac, want)
	}
	if !both.VerifyMAC(mac, "p", []byte("x")) || !both.VerifyMAC(fresh, "p", []byte("x")) {
		t.Error("a key of the keyring does not verify")
	}
	if before.VerifyMAC(fresh, "p", []byte("x")) || both.VerifyMAC(mac, "q", []byte("x")) ||
		both.VerifyMAC(mac, "p", []byte("y")) || both.VerifyMAC(nil, "p", []byte("x")) {
		t.Error("what is not so verifies")
	}
	altered(mac, func(what string, bytes []byte) {
		if both.VerifyMAC(bytes, "p", []byte("x")) {
			t.Errorf("%s: verifies", what)
		}
	})
	if !bytes.Equal(both.NewestID(), fresh[1:5]) || bytes.Equal(both.NewestID(), mac[1:5]) {
		t.Error("the newest key has another id than what it made")
	}
}

// TestVersionOfASecret: the text alone says whether a secret has always had a MAC.
func TestVersionOfASecret(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		seal.NewSecret().Reveal():                                                    true,
		seal.SecretFrom([32]byte{1}).Reveal():                                        true,
		base64.RawURLEncoding.EncodeToString(make([]byte, 32)):                       false, // of before
		base64.RawURLEncoding.EncodeToString(append([]byte{3}, make([]byte, 32)...)): false,
		"": false, "a text": false,
	} {
		if got := seal.SecretOf(text).IsVersioned(); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

// TestBoundToMetadata: a key and a content that are bound to metadata open with that, and with nothing else.
func TestBoundToMetadata(t *testing.T) {
	t.Parallel()
	library, key := newKey(t), seal.NewFileKey()
	hash := sha256.Sum256([]byte("metadata"))
	own := seal.BoundToMetadata("file", hash)
	sealedKey := must[seal.Sealed](t)(key.SealTo(library.PublicKey(), own))
	content := must[[]byte](t)(key.SealContent(own, []byte("content")))
	opened := must[seal.FileKey](t)(library.OpenFileKey(own, sealedKey))
	if got, err := opened.OpenContent(own, content); err != nil || string(got) != "content" {
		t.Errorf("%q, %v", got, err)
	}
	hash[31]++
	for what, other := range map[string]seal.FileBinding{
		"other metadata":  seal.BoundToMetadata("file", hash),
		"another file":    seal.BoundToMetadata("file2", sha256.Sum256([]byte("metadata"))),
		"an older format": seal.BoundToID("file"),
		"a long id":       seal.BoundToID("file " + sumOf([]byte("metadata"))),
	} {
		if _, err := library.OpenFileKey(other, sealedKey); err == nil {
			t.Errorf("%s: the key opens", what)
		}
		if what == "another file" {
			continue // the content is bound to the metadata, which has the id in it
		}
		if _, err := key.OpenContent(other, content); err == nil {
			t.Errorf("%s: the content opens", what)
		}
	}
}
