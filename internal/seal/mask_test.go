package seal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/seal"
)

// holder has secrets in unexported fields, where fmt finds them by reflection but calls
// no method.
type holder struct {
	name   string
	inside any
	secret seal.Secret
	file   seal.FileKey
	key    seal.PrivateKey
	ring   *seal.Keyring
}

// TestNothingSecretIsPrinted prints secrets and keys in every way that a log or an
// error might, alone and inside other values, and looks for any part of them.
func TestNothingSecretIsPrinted(t *testing.T) {
	t.Parallel()
	const text = "tHe-TeXt-Of-ThE-sEcReT"
	ringKey := bytes.Repeat([]byte{0xa7}, 32)
	secret, library, file := seal.SecretOf(text), newKey(t), seal.NewFileKey()
	ring := must[*seal.Keyring](t)(seal.ParseKeyring([]byte(base64.StdEncoding.EncodeToString(ringKey))))
	parts := tellTales([]byte(text), ringKey, fileKeyBytes(t, file), privateKeyBytes(t, library))

	all := holder{"all", &holder{secret: secret, file: file, key: library, ring: ring}, secret, file, library, ring}
	values := map[string]any{
		"Secret": secret, "*Secret": &secret, "[]Secret": []seal.Secret{secret},
		"map of Secret": map[string]seal.Secret{"a": secret},
		"PrivateKey":    library, "*PrivateKey": &library, "[]PrivateKey": []seal.PrivateKey{library},
		"FileKey": file, "*FileKey": &file, "[]FileKey": []seal.FileKey{file},
		"*Keyring": ring, "[]*Keyring": []*seal.Keyring{ring}, "Keyring": *ring,
		"holder": all, "*holder": &all, "error": fmt.Errorf("with %v: %w", secret, errors.New("x")),
	}
	for name, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%c", "%p", "%b", "%T",
			"%U", "%10.3v"} {
			parts.notIn(t, name+" with "+verb, fmt.Sprintf(verb, v))
		}
		parts.notIn(t, name+" with Sprint", fmt.Sprint(v))
		var out bytes.Buffer
		slog.New(slog.NewTextHandler(&out, nil)).Info("message", "value", v, "group",
			slog.GroupValue(slog.Any("in", v)))
		slog.New(slog.NewJSONHandler(&out, nil)).Info("message", "value", v, "group",
			slog.GroupValue(slog.Any("in", v)))
		parts.notIn(t, name+" in a log", out.String())
		if b, err := json.Marshal(map[string]any{"value": v}); err == nil {
			parts.notIn(t, name+" in JSON", string(b))
		}
		if b, err := xml.Marshal(v); err == nil {
			parts.notIn(t, name+" in XML", string(b))
		}
	}
}

// TestMaskIsSeen: the mask shows in a log that there was a secret.
func TestMaskIsSeen(t *testing.T) {
	t.Parallel()
	for _, v := range []any{seal.NewSecret(), newKey(t), seal.NewFileKey()} {
		for _, verb := range []string{"%v", "%s", "%q", "%x", "%#v"} {
			if got := fmt.Sprintf(verb, v); got != "[secret]" {
				t.Errorf("%T with %s: %q", v, verb, got)
			}
		}
	}
	b, err := json.Marshal(struct{ S seal.Secret }{seal.NewSecret()})
	if err == nil || b != nil {
		t.Errorf("in JSON: %s, without an error", b)
	}
}

// tales are texts that would reveal a part of a secret.
type tales []string

// tellTales returns the first bytes of each secret in all usual notations.
func tellTales(secrets ...[]byte) (parts tales) {
	for _, s := range secrets {
		b := s[:8]
		parts = append(parts, string(b), hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)),
			base64.StdEncoding.EncodeToString(s)[:9], base64.RawURLEncoding.EncodeToString(s)[:9],
			strings.Trim(fmt.Sprint(b), "[]"), strings.Trim(fmt.Sprintf("%#v", b), "[]byte{}"))
	}
	return parts
}

func (parts tales) notIn(t *testing.T, where, text string) {
	t.Helper()
	for _, p := range parts {
		if strings.Contains(text, p) {
			t.Errorf("%s shows a secret: %s", where, text)
		}
	}
}

// privateKeyBytes returns the bytes of a private key, by sealing it to a secret and
// opening it as a text.
func privateKeyBytes(t *testing.T, key seal.PrivateKey) []byte {
	t.Helper()
	to := newKey(t)
	return must[[]byte](t)(to.Open("carrel library key", must[seal.Sealed](t)(key.SealTo(to.PublicKey()))))
}

func fileKeyBytes(t *testing.T, key seal.FileKey) []byte {
	t.Helper()
	to := newKey(t)
	sealed := must[seal.Sealed](t)(key.SealTo(to.PublicKey(), seal.BoundToID("f")))
	return must[[]byte](t)(to.Open("carrel file key f", sealed))
}
