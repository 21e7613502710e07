package seal_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/carrelhq/carrel/internal/seal"
)

func FuzzPasswordBox(f *testing.F) {
	v, _ := readVectors(f)
	f.Add(v.PasswordBox.Box, v.PasswordBox.Password)
	f.Add(v.RecoveryBox.Box, v.RecoveryBox.Password)
	f.Add([]byte{1}, "")
	cheap := bytes.Clone(v.PasswordBox.Box)
	binary.BigEndian.PutUint32(cheap[1:], 1)
	binary.BigEndian.PutUint32(cheap[5:], 8)
	f.Add(cheap, v.PasswordBox.Password)
	f.Fuzz(func(t *testing.T, box []byte, password string) {
		if len(box) >= 41 { // Costs within the bounds take too long here; TestForgedBox covers the bounds.
			time, memory := binary.BigEndian.Uint32(box[1:]), binary.BigEndian.Uint32(box[5:])
			if time > 1 && time <= 10 || memory > 64 && memory <= 256<<10 {
				return
			}
		}
		key, err := seal.PasswordBox(box).Open(context.Background(), password)
		if err == nil {
			t.Errorf("a forged box opens: %v", key)
		}
	})
}

func FuzzParseKeyring(f *testing.F) {
	f.Add([]byte(masterKey(1)))
	f.Add([]byte("# a comment\r\n" + masterKey(1) + "\n\n" + masterKey(2) + "\n"))
	f.Add(seal.NewKeyringText())
	f.Fuzz(func(t *testing.T, text []byte) {
		ring, err := seal.ParseKeyring(text)
		if err != nil {
			return
		}
		if got, err := ring.Open("p", ring.Seal("p", text)); err != nil || !bytes.Equal(got, text) {
			t.Errorf("does not open what it sealed: %v", err)
		}
	})
}

func FuzzKeyringOpen(f *testing.F) {
	v, _ := readVectors(f)
	ring := parseKeyring(f, v.Keyring.Text)
	f.Add(v.Keyring.Purpose, v.Keyring.Newest)
	f.Add(v.Keyring.Purpose, v.Keyring.Older)
	f.Add("", []byte{1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, purpose string, box []byte) {
		text, err := ring.Open(purpose, box)
		switch {
		case err == nil && (purpose != v.Keyring.Purpose || string(text) != v.Keyring.Plaintext):
			t.Error("a forged box opens")
		case err != nil && !errors.Is(err, seal.ErrCannotOpen):
			t.Errorf("%v, want ErrShut", err)
		}
	})
}

func FuzzNormalizeRecoveryCode(f *testing.F) {
	f.Add("0123-4567-89AB-CDEF-GHJK-MNPQ")
	f.Add("ol23 4567\t89ab\u2013cdef\u00a0ghjk mnpq")
	f.Add("\xff")
	f.Fuzz(func(t *testing.T, typed string) {
		code, err := seal.NormalizeRecoveryCode(typed)
		if err != nil {
			if code != "" || !errors.Is(err, seal.ErrInvalidRecoveryCode) {
				t.Errorf("%q, %v", code, err)
			}
			return
		}
		if again, err := seal.NormalizeRecoveryCode(code); err != nil || again != code || len(code) != 29 {
			t.Errorf("%q normalises to %q, %v", code, again, err)
		}
	})
}

// FuzzParsePublicKey patches and cuts a valid key, which the fuzzer could not find by
// itself.
func FuzzParsePublicKey(f *testing.F) {
	v, _ := readVectors(f)
	f.Add(uint16(0), []byte{}, uint16(0))
	f.Add(uint16(0), bytes.Repeat([]byte{0xff}, 1184), uint16(0))
	f.Add(uint16(1184), make([]byte, 32), uint16(0))
	f.Add(uint16(0), []byte{}, uint16(1))
	f.Fuzz(func(t *testing.T, at uint16, patch []byte, cut uint16) {
		b := bytes.Clone(v.Library.PublicKey)
		copy(b[int(at)%len(b):], patch)
		b = b[:len(b)-int(cut)%len(b)]
		key, err := seal.ParsePublicKey(b)
		if err == nil && !bytes.Equal(key.Bytes(), b) {
			t.Error("the key does not print as it was")
		}
	})
}

func FuzzOpenKey(f *testing.F) {
	v, _ := readVectors(f)
	secret := seal.SecretOf(v.Secret.Text)
	f.Add(v.Library.HandedToSecret)
	f.Add(readSecretVector(f).SealedKey)
	f.Add(v.Text.Sealed)
	f.Add(v.Small.Key)
	f.Fuzz(func(t *testing.T, sealed []byte) {
		key, err := secret.OpenKey(sealed)
		switch {
		case err == nil && !bytes.Equal(key.PublicKey().Bytes(), v.Library.PublicKey):
			t.Error("a forged seal opens")
		case err != nil && !errors.Is(err, seal.ErrCannotOpen):
			t.Errorf("%v, want ErrShut", err)
		}
	})
}

// vectorFileKeys returns the keys of the vectors' two files.
func vectorFileKeys(t testing.TB) (small, stream seal.FileKey) {
	t.Helper()
	v, _ := readVectors(t)
	library := must[seal.PrivateKey](t)(seal.SecretOf(v.Secret.Text).OpenKey(v.Library.HandedToSecret))
	return must[seal.FileKey](t)(library.OpenFileKey(seal.BoundToID(v.Small.File), v.Small.Key)),
		must[seal.FileKey](t)(library.OpenFileKey(seal.BoundToID(v.Stream.File), v.Stream.Key))
}

func FuzzOpenContent(f *testing.F) {
	v, _ := readVectors(f)
	key, _ := vectorFileKeys(f)
	f.Add(v.Small.File, v.Small.Sealed)
	f.Add("", []byte{})
	f.Fuzz(func(t *testing.T, file string, sealed []byte) {
		content, err := key.OpenContent(seal.BoundToID(file), sealed)
		switch {
		case err == nil && (file != v.Small.File || string(content) != v.Small.Content):
			t.Error("a forged content opens")
		case err != nil && !errors.Is(err, seal.ErrCannotOpen):
			t.Errorf("%v, want ErrShut", err)
		}
	})
}

func FuzzOpenContentStream(f *testing.F) {
	_, stream := readVectors(f)
	_, key := vectorFileKeys(f)
	// Short ones only; stream_test.go alters whole packages.
	const content = "a content that is shorter than a package"
	f.Add(stream[packageSize:])
	f.Add(sealStream(f, key, []byte(content)))
	f.Add([]byte{0x20, 0, 0, 0})
	f.Fuzz(func(t *testing.T, sealed []byte) {
		r, err := key.OpenContentStream(bytes.NewReader(sealed))
		if err != nil {
			t.Fatal(err)
		}
		opened, err := io.ReadAll(r)
		switch {
		case err == nil && string(opened) != content:
			t.Errorf("a forged stream opens: %d bytes", len(opened))
		case err != nil && !errors.Is(err, seal.ErrCannotOpen):
			t.Errorf("%v, want ErrShut", err)
		}
	})
}
