package wire

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
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

// damaged are the forms in which a PEM text arrives from environment variables, configuration files and editors. All of
// them are read.
func damaged(text string) map[string]string {
	lines := strings.TrimSuffix(text, "\n")
	utf16le := "\xff\xfe"
	utf16be := "\xfe\xff"
	for _, c := range []byte(text) {
		utf16le += string([]byte{c, 0})
		utf16be += string([]byte{0, c})
	}
	return map[string]string{
		"as it is":                       text,
		"no line break at the end":       lines,
		"a byte order mark":              "\ufeff" + text,
		"UTF-16, as PowerShell writes":   utf16le,
		"UTF-16, the other way round":    utf16be,
		"Windows line ends":              strings.ReplaceAll(text, "\n", "\r\n"),
		"old Macintosh line ends":        strings.ReplaceAll(text, "\n", "\r"),
		"indentation":                    "    " + strings.ReplaceAll(lines, "\n", "\n    "),
		"tabs":                           "\t" + strings.ReplaceAll(lines, "\n", "\t\n\t"),
		"empty lines":                    strings.ReplaceAll(text, "\n", "\n\n"),
		"double quotes":                  `"` + lines + `"`,
		"single quotes":                  "'" + lines + "'\n",
		"each line in quotes":            `"` + strings.ReplaceAll(lines, "\n", "\"\n\"") + `"`,
		"escaped line breaks":            strings.ReplaceAll(text, "\n", `\n`),
		"escaped line breaks of Windows": strings.ReplaceAll(text, "\n", `\r\n`),
		"escaped twice":                  strings.ReplaceAll(text, "\n", `\\n`),
		"escaped, in quotes":             `"` + strings.ReplaceAll(text, "\n", `\n`) + `"`,
		"spaces for line breaks":         strings.ReplaceAll(lines, "\n", " "),
		"no line breaks":                 strings.ReplaceAll(lines, "\n", ""),
		"line breaks of a shell":         strings.ReplaceAll(lines, "\n", "\\\n"),
		"text around it":                 "Bag Attributes\n    localKeyID: 01\n" + text + "\nthe end\n",
		"a name before it":               "PRIVATE_KEY=" + strings.ReplaceAll(lines, "\n", `\n`),
	}
}

func TestParsePrivateKey(t *testing.T) {
	want := testKey(t)
	certificate := string(testdata(t, "certificate.pem"))
	for _, file := range []string{"key.pem", "key-pkcs8.pem"} {
		text := string(testdata(t, file))
		texts := damaged(text)
		texts["a certificate before it"] = certificate + text
		texts["a certificate before it, in one line"] = strings.ReplaceAll(certificate+text, "\n", " ")
		texts["a certificate after it"] = text + certificate
		texts["its public key before it"] = string(testdata(t, "public-spki.pem")) + text
		for name, damagedText := range texts {
			got, err := ParsePrivateKey([]byte(damagedText))
			if err != nil || !got.Equal(want) {
				t.Errorf("%s, %s: error %v", file, name, err)
			}
		}
	}
}

// The error names the cause, and contains nothing of the key.
func TestParsePrivateKeyRefuses(t *testing.T) {
	text := string(testdata(t, "key.pem"))
	lines := strings.Split(text, "\n")
	der, err := base64.StdEncoding.DecodeString(strings.Join(lines[1:len(lines)-2], ""))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, text, want string
	}{
		{"nothing", "", "it is empty"},
		{"spaces and quotes", " \"\"\n", "it is empty"},
		{"no PEM", "secret-but-no-pem", "is not PEM"},
		{"a path", "/run/secrets/contract.pem", "path of a file"},
		{"a path of Windows", `C:\keys\contract`, "path of a file"},
		{"a file name", "contract.key\n", "path of a file"},
		{"JSON", `{"kty":"RSA"}`, "it is JSON"},
		{"DER", string(der), "it is DER"},
		{"base64 of PEM", base64.StdEncoding.EncodeToString([]byte(text)), "decode it first"},
		{"no BEGIN and END", strings.Join(lines[1:len(lines)-2], "\n"), "BEGIN and END lines are missing"},
		{"no END", strings.Join(lines[:len(lines)-2], "\n"), "the END line is missing"},
		{"another END", strings.Replace(text, "-----END RSA ", "-----END ", 1), "does not fit"},
		{"a cut BEGIN", "-----BEGIN RSA PRIVATE", "BEGIN line is cut"},
		{"dashes of a word processor", strings.ReplaceAll(text, "-----", "—"), "five hyphens"},
		{"public PKCS#1", string(testdata(t, "public-pkcs1.pem")), "holds a public key, not a private key"},
		{"public SPKI", string(testdata(t, "public-spki.pem")), "holds a public key, not a private key"},
		{"a certificate", string(testdata(t, "certificate.pem")), "holds a certificate, not a private key"},
		{"a request for a certificate", strings.ReplaceAll(text, "RSA PRIVATE KEY", "CERTIFICATE REQUEST"),
			`"CERTIFICATE REQUEST"`},
		{"encrypted PKCS#8", string(testdata(t, "key-locked.pem")), "encrypted with a passphrase"},
		{"encrypted PKCS#1", string(testdata(t, "key-locked-traditional.pem")), "encrypted with a passphrase"},
		{"elliptic curve", string(testdata(t, "key-ec.pem")), "not an RSA key"},
		{"OpenSSH", strings.ReplaceAll(text, "RSA PRIVATE KEY", "OPENSSH PRIVATE KEY"), "ssh-keygen"},
		{"a public key of OpenSSH", "ssh-rsa AAAA someone@example.org", "public key of OpenSSH"},
		{"3072 bits", string(testdata(t, "key-3072.pem")), "3072 bits"},
		{"1024 bits", string(testdata(t, "key-1024.pem")), "1024 bits"},
		{"a lost line", strings.Join(append(lines[:5:5], lines[6:]...), "\n"), "cut or changed"},
		{"a lost character", strings.Replace(text, lines[5], lines[5][1:], 1), "cut or changed"},
		{"a changed character", strings.Replace(text, lines[5], "*"+lines[5][1:], 1), "cut or changed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParsePrivateKey([]byte(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want one with %q", err, test.want)
			}
			for _, line := range strings.Split(test.text, "\n") {
				if len(line) > 20 && !strings.HasPrefix(line, "-----") && strings.Contains(err.Error(), line) {
					t.Errorf("error %q repeats the text", err)
				}
			}
		})
	}
}

func TestParsePublicKey(t *testing.T) {
	want := &testKey(t).PublicKey
	for _, file := range []string{"public-pkcs1.pem", "public-spki.pem"} {
		texts := damaged(string(testdata(t, file)))
		texts["a certificate before it"] = string(testdata(t, "certificate.pem")) + string(testdata(t, file))
		for name, text := range texts {
			got, err := ParsePublicKey([]byte(text))
			if err != nil || !got.Equal(want) {
				t.Errorf("%s, %s: error %v", file, name, err)
			}
		}
	}
	for want, text := range map[string]string{
		"holds a private key":       string(testdata(t, "key.pem")),
		"keep the private key":      string(testdata(t, "public-spki.pem")) + string(testdata(t, "key-pkcs8.pem")),
		"give its public key":       string(testdata(t, "key-locked.pem")),
		"openssl x509 -pubkey":      string(testdata(t, "certificate.pem")),
		"is not PEM":                string(testdata(t, "envelope.txt")),
		"path of a file":            "keys/contract.pub",
		"it is empty":               "",
		"public key of OpenSSH":     "ssh-rsa AAAA someone@example.org",
		"cut or changed":            strings.Replace(string(testdata(t, "public-spki.pem")), "A", "", 1),
		"2048":                      publicPEM(t, "key-3072.pem"),
		"not an RSA key":            publicPEM(t, "key-ec.pem"),
		`"PARAMETERS"`:              "-----BEGIN PARAMETERS-----\nAAAA\n-----END PARAMETERS-----",
		"the END line is missing":   "-----BEGIN PUBLIC KEY-----\nAAAA",
		"END line is missing or do": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PRIVATE KEY-----",
	} {
		if _, err := ParsePublicKey([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// publicPEM returns the public key of a private key that the protocol does not accept.
func publicPEM(t *testing.T, file string) string {
	t.Helper()
	block, _ := pem.Decode(testdata(t, file))
	var key any
	var err error
	if block.Type == "EC PRIVATE KEY" {
		key, err = x509.ParseECPrivateKey(block.Bytes)
	} else if key, err = x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.(crypto.Signer).Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
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
	for _, name := range []string{
		"key.pem", "key-pkcs8.pem", "key-locked.pem", "key-ec.pem", "key-1024.pem", "public-spki.pem",
	} {
		f.Add(testdata(f, name))
	}
	for _, text := range damaged(string(testdata(f, "key.pem"))) {
		f.Add([]byte(text))
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
	for _, text := range damaged(string(testdata(f, "public-spki.pem"))) {
		f.Add([]byte(text))
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
