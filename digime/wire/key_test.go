package wire

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// The keys in testdata were made for these tests with OpenSSL and guard nothing.

var loadTestKey = sync.OnceValues(func() (*rsa.PrivateKey, error) {
	text, err := os.ReadFile("testdata/key.pem")
	if err != nil {
		return nil, err
	}
	return ParsePrivateKey(text)
})

func testKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := loadTestKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestParsePrivateKey(t *testing.T) {
	want := testKey(t)
	windows := bytes.ReplaceAll(testdata(t, "key.pem"), []byte("\n"), []byte("\r\n"))
	for name, text := range map[string][]byte{
		"PKCS#1":              testdata(t, "key.pem"),
		"PKCS#8":              testdata(t, "key-pkcs8.pem"),
		"Windows line ends":   windows,
		"text around the PEM": append([]byte("the key:\n"), testdata(t, "key.pem")...),
	} {
		got, err := ParsePrivateKey(text)
		if err != nil || !got.Equal(want) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// What is wrong is said, and nothing of the key's text with it.
func TestParsePrivateKeyRefuses(t *testing.T) {
	pem := testdata(t, "key.pem")
	lines := bytes.Split(pem, []byte("\n"))
	for _, test := range []struct {
		name string
		text []byte
		want string
	}{
		{"nothing", nil, "not PEM"},
		{"no PEM", []byte("secret-but-no-pem"), "not PEM"},
		{"escaped line ends", bytes.ReplaceAll(pem, []byte("\n"), []byte(`\n`)), `has \n where`},
		{"public PKCS#1", testdata(t, "public-pkcs1.pem"), "RSA PUBLIC KEY, not a private key"},
		{"public SPKI", testdata(t, "public-spki.pem"), "PUBLIC KEY, not a private key"},
		{"locked PKCS#8", testdata(t, "key-locked.pem"), "passphrase"},
		{"locked PKCS#1", testdata(t, "key-locked-traditional.pem"), "passphrase"},
		{"elliptic curve", testdata(t, "key-ec.pem"), "not an RSA key"},
		{"3072 bits", testdata(t, "key-3072.pem"), "3072 bits"},
		{"1024 bits", testdata(t, "key-1024.pem"), "1024 bits"},
		{"a line lost", bytes.Join(append(lines[:5:5], lines[6:]...), []byte("\n")), "cut or changed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParsePrivateKey(test.text)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want one with %q", err, test.want)
			}
			for _, line := range bytes.Split(test.text, []byte("\n")) {
				if len(line) > 0 && !bytes.HasPrefix(line, []byte("-----")) && strings.Contains(err.Error(), string(line)) {
					t.Errorf("error %q repeats the key's text", err)
				}
			}
		})
	}
}

func TestParsePublicKey(t *testing.T) {
	want := &testKey(t).PublicKey
	for _, name := range []string{"public-pkcs1.pem", "public-spki.pem"} {
		got, err := ParsePublicKey(testdata(t, name))
		if err != nil || !got.Equal(want) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	for _, name := range []string{"key.pem", "key-3072.pem", "envelope.txt"} {
		if _, err := ParsePublicKey(testdata(t, name)); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestMarshalKeys(t *testing.T) {
	key := testKey(t)
	if got := MarshalPrivateKey(key); !bytes.Equal(got, testdata(t, "key.pem")) {
		t.Errorf("private key is written as\n%s", got)
	}
	if got := MarshalPublicKey(&key.PublicKey); !bytes.Equal(got, testdata(t, "public-pkcs1.pem")) {
		t.Errorf("public key is written as\n%s", got)
	}
}

func TestJSONWebKey(t *testing.T) {
	key := testKey(t)
	text, err := json.Marshal(KeySet{Keys: []JSONWebKey{NewJSONWebKey("one", &key.PublicKey)}})
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	k := set.Keys[0]
	if k["e"] != "AQAB" || k["kty"] != "RSA" || k["kid"] != "one" || k["alg"] != "PS512" || k["use"] != "sig" {
		t.Errorf("key set %s", text)
	}
	if got, err := ParsePublicKey([]byte(k["pem"])); err != nil || !got.Equal(&key.PublicKey) {
		t.Errorf("pem member: error %v", err)
	}
}

func FuzzParsePrivateKey(f *testing.F) {
	for _, name := range []string{"key.pem", "key-pkcs8.pem", "key-locked.pem", "key-ec.pem", "key-1024.pem", "public-spki.pem"} {
		f.Add(testdata(f, name))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		key, err := ParsePrivateKey(text)
		if err != nil {
			return
		}
		if key.N.BitLen() != KeyBits {
			t.Fatalf("accepted a key of %d bits", key.N.BitLen())
		}
		if again, err := ParsePrivateKey(MarshalPrivateKey(key)); err != nil || !again.Equal(key) {
			t.Fatalf("written and read again: error %v", err)
		}
	})
}

func FuzzParsePublicKey(f *testing.F) {
	for _, name := range []string{"public-pkcs1.pem", "public-spki.pem", "key.pem"} {
		f.Add(testdata(f, name))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		key, err := ParsePublicKey(text)
		if err != nil {
			return
		}
		// An accepted key can be written and, whatever it is, does not make
		// verification panic.
		if _, err := x509.ParsePKCS1PublicKey(x509.MarshalPKCS1PublicKey(key)); err != nil {
			t.Fatalf("written and read again: %v", err)
		}
		token, err := ParseToken(sampleToken(t))
		if err != nil {
			t.Fatal(err)
		}
		_ = token.Verify(key)
	})
}
