package wire

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// sampleToken is the vector of testdata: a token with the claim {"hello":"wörld"}
// that OpenSSL signed with key.pem (PSS, SHA-512, salt 64).
func sampleToken(t testing.TB) string {
	t.Helper()
	return strings.TrimSpace(string(testdata(t, "token.txt")))
}

func TestVerifyVector(t *testing.T) {
	token, err := ParseToken(sampleToken(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := token.Verify(&testKey(t).PublicKey); err != nil {
		t.Fatal(err)
	}
	var claims struct{ Hello string }
	if err := token.Peek(&claims); err != nil || claims.Hello != "wörld" {
		t.Errorf("claims %+v, error %v", claims, err)
	}
}

func TestSign(t *testing.T) {
	key := testKey(t)
	want := RequestClaims{ClientID: "app_contract", Nonce: NewNonce(), Timestamp: 1795499803425, State: "a <b> & ü"}
	for _, header := range []Header{
		{}, {Type: TypeCloud, KeyID: "c_a_0"}, {KeySetURL: "https://example.org/jwks", KeyID: "1"},
	} {
		text, err := Sign(key, header, want)
		if err != nil {
			t.Fatal(err)
		}
		token, err := ParseToken(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := token.Verify(&key.PublicKey); err != nil {
			t.Fatal(err)
		}
		var got RequestClaims
		if err := token.Peek(&got); err != nil || got != want {
			t.Errorf("claims %+v, error %v, want %+v", got, err, want)
		}
		header.Algorithm = Algorithm
		if header.Type == "" {
			header.Type = "JWT"
		}
		if token.Header != header {
			t.Errorf("header %+v, want %+v", token.Header, header)
		}
	}
}

// Node takes a salt of 64 bytes and no other, so that is what we make.
func TestSignSaltLength(t *testing.T) {
	key := testKey(t)
	text, err := Sign(key, Header{}, struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	signed, signature := cutSignature(t, text)
	digest := sha512.Sum512([]byte(signed))
	exact := &rsa.PSSOptions{SaltLength: 64, Hash: crypto.SHA512}
	if err := rsa.VerifyPSS(&key.PublicKey, crypto.SHA512, digest[:], signature, exact); err != nil {
		t.Errorf("salt is not 64 bytes: %v", err)
	}
}

func TestVerifyRefusesOtherSalts(t *testing.T) {
	key := testKey(t)
	for name, length := range map[string]int{"1": 1, "32": 32, "63": 63, "65": 65, "longest": rsa.PSSSaltLengthAuto} {
		text := forge(t, `{"alg":"PS512","typ":"JWT"}`, `{}`, func(signed string) []byte {
			digest := sha512.Sum512([]byte(signed))
			options := &rsa.PSSOptions{SaltLength: length, Hash: crypto.SHA512}
			signature, err := rsa.SignPSS(rand.Reader, key, crypto.SHA512, digest[:], options)
			if err != nil {
				t.Fatal(err)
			}
			return signature
		})
		token, err := ParseToken(text)
		if err != nil {
			t.Fatalf("salt %s: %v", name, err)
		}
		if err := token.Verify(&key.PublicKey); !errors.Is(err, ErrTokenSignature) {
			t.Errorf("salt %s: error %v, want %v", name, err, ErrTokenSignature)
		}
	}
}

func TestParseTokenAlgorithm(t *testing.T) {
	key := testKey(t)
	public := MarshalPublicKey(&key.PublicKey)
	sign := map[string]func(string) []byte{
		"none": func(string) []byte { return nil },
		"HS512": func(signed string) []byte { // keyed with the public key's text, the classic confusion
			mac := hmac.New(sha512.New, public)
			mac.Write([]byte(signed))
			return mac.Sum(nil)
		},
		"RS512": func(signed string) []byte {
			digest := sha512.Sum512([]byte(signed))
			signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA512, digest[:])
			if err != nil {
				t.Fatal(err)
			}
			return signature
		},
		"PS256": func(signed string) []byte {
			digest := sha256.Sum256([]byte(signed))
			signature, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: 32})
			if err != nil {
				t.Fatal(err)
			}
			return signature
		},
	}
	for alg, signature := range sign {
		honest := forge(t, fmt.Sprintf(`{"alg":%q,"typ":"JWT"}`, alg), `{}`, signature)
		if _, err := ParseToken(honest); !errors.Is(err, ErrTokenAlgorithm) {
			t.Errorf("%s: error %v, want %v", alg, err, ErrTokenAlgorithm)
		}
		// And the same signature under our algorithm's name.
		token, err := ParseToken(forge(t, `{"alg":"PS512","typ":"JWT"}`, `{}`, signature))
		if err != nil {
			t.Fatal(err)
		}
		if err := token.Verify(&key.PublicKey); !errors.Is(err, ErrTokenSignature) {
			t.Errorf("%s labelled PS512: error %v, want %v", alg, err, ErrTokenSignature)
		}
	}
	for _, header := range []string{`{}`, `{"alg":null}`, `{"alg":"ps512"}`, `{"alg":""}`, `null`} {
		if _, err := ParseToken(forge(t, header, `{}`, sign["none"])); !errors.Is(err, ErrTokenAlgorithm) {
			t.Errorf("header %s: error %v, want %v", header, err, ErrTokenAlgorithm)
		}
	}
}

func TestParseTokenHeader(t *testing.T) {
	for _, member := range []string{
		`"crit":["exp"]`, `"b64":false`, `"jwk":{"kty":"RSA"}`, `"x5u":"https://evil.example"`,
		`"x5c":[]`, `"x5t":""`, `"x5t#S256":null`,
	} {
		text := forge(t, `{"alg":"PS512",`+member+`}`, `{}`, noSignature)
		if _, err := ParseToken(text); !errors.Is(err, ErrTokenHeader) {
			t.Errorf("%s: error %v, want %v", member, err, ErrTokenHeader)
		}
	}
	for _, member := range []string{`"jku":"https://evil.example/keys"`, `"jku":""`, `"jku":null`} {
		text := forge(t, `{"alg":"PS512",`+member+`}`, `{}`, noSignature)
		if _, err := ParseRequestToken(text); !errors.Is(err, ErrTokenHeader) {
			t.Errorf("request with %s: error %v, want %v", member, err, ErrTokenHeader)
		}
		if _, err := ParseToken(text); err != nil {
			t.Errorf("answer with %s: error %v", member, err)
		}
	}
}

func TestParseTokenMalformed(t *testing.T) {
	good := sampleToken(t)
	head, rest, _ := strings.Cut(good, ".")
	body, signature, _ := strings.Cut(rest, ".")
	// The last character of 342 carries four bits that mean nothing.
	stray := signature[:len(signature)-1] + string(nextCharacter(signature[len(signature)-1]))
	for name, text := range map[string]string{
		"empty":           "",
		"two parts":       head + "." + body,
		"four parts":      good + ".AAAA",
		"padded":          head + "." + body + "." + signature + "==",
		"standard base64": head + "." + body + "." + strings.Repeat("+/", 171),
		"stray bits":      head + "." + body + "." + stray,
		"a line end":      head + "." + body + ".\n" + signature,
		"a space":         head + "." + body + ". " + signature,
		"header no JSON":  forge(t, `alg`, `{}`, noSignature),
		"header a list":   forge(t, `["PS512"]`, `{}`, noSignature),
		"two headers":     forge(t, `{"alg":"PS512"}{}`, `{}`, noSignature),
		"too long":        forge(t, `{"alg":"PS512"}`, `"`+strings.Repeat("x", MaxToken)+`"`, noSignature),
	} {
		if _, err := ParseToken(text); !errors.Is(err, ErrTokenMalformed) {
			t.Errorf("%s: error %v, want %v", name, err, ErrTokenMalformed)
		}
	}
	token, err := ParseToken(forge(t, `{"alg":"PS512"}`, `not JSON`, noSignature))
	if err != nil {
		t.Fatal(err)
	}
	if err := token.Peek(&RequestClaims{}); !errors.Is(err, ErrTokenMalformed) {
		t.Errorf("claims no JSON: error %v, want %v", err, ErrTokenMalformed)
	}
}

func TestVerifyRefuses(t *testing.T) {
	key := testKey(t)
	good := sampleToken(t)
	head, rest, _ := strings.Cut(good, ".")
	_, signature, _ := strings.Cut(rest, ".")
	stranger, err := rsa.GenerateKey(rand.Reader, KeyBits)
	if err != nil {
		t.Fatal(err)
	}
	other := base64.RawURLEncoding.EncodeToString([]byte(`{"hello":"nobody"}`))
	for name, test := range map[string]struct {
		text string
		key  *rsa.PublicKey
	}{
		"another key":     {good, &stranger.PublicKey},
		"other claims":    {head + "." + other + "." + signature, &key.PublicKey},
		"a cut signature": {good[:len(good)-2], &key.PublicKey},
		"no signature":    {head + "." + other + ".", &key.PublicKey},
	} {
		token, err := ParseToken(test.text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := token.Verify(test.key); !errors.Is(err, ErrTokenSignature) {
			t.Errorf("%s: error %v, want %v", name, err, ErrTokenSignature)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	good := sampleToken(f)
	f.Add(good)
	f.Add(strings.Replace(good, ".", "..", 1))
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add(forge(f, `{"alg":"PS512","jku":"x","crit":[]}`, `{"client_id":"a_b","timestamp":1e400}`, noSignature))
	key := &testKey(f).PublicKey
	f.Fuzz(func(t *testing.T, text string) {
		token, err := ParseToken(text)
		if err != nil {
			for _, known := range []error{ErrTokenMalformed, ErrTokenAlgorithm, ErrTokenHeader} {
				if errors.Is(err, known) {
					return
				}
			}
			t.Fatalf("error %v is none of the documented", err)
		}
		_ = token.Peek(&RequestClaims{})
		_ = token.Peek(&DescriptorClaims{})
		_ = token.Peek(&TokenClaims{})
		// Only what was signed may verify, in its one spelling.
		if token.Verify(key) == nil && text != good {
			t.Fatalf("a second spelling verifies: %q", text)
		}
	})
}

func FuzzRequestClaims(f *testing.F) {
	f.Add([]byte(`{"client_id":"a_b","nonce":"n","timestamp":1730000000123.456,"access_token":"t"}`))
	f.Add([]byte(`{"timestamp":"1730000000123"}`))
	f.Add([]byte(`{"grant_type":"refresh_token","refresh_token":"r"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var claims RequestClaims
		if json.Unmarshal(text, &claims) != nil {
			return
		}
		written, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		var again RequestClaims
		if err := json.Unmarshal(written, &again); err != nil || again != claims {
			t.Fatalf("%s is read as %+v, error %v", written, again, err)
		}
		_, _ = ParseClientID(claims.ClientID)
	})
}

func BenchmarkSign(b *testing.B) {
	key := testKey(b)
	claims := RequestClaims{
		ClientID: "app_contract", Nonce: NewNonce(), Timestamp: 1795499803425, AccessToken: RandomAlphanumeric(43),
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Sign(key, Header{}, claims); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	key := testKey(b)
	text, err := Sign(key, Header{}, RequestClaims{
		ClientID: "app_contract", Nonce: NewNonce(), Timestamp: 1795499803425,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		token, err := ParseRequestToken(text)
		if err != nil {
			b.Fatal(err)
		}
		var claims RequestClaims
		if err := token.Peek(&claims); err != nil {
			b.Fatal(err)
		}
		if err := token.Verify(&key.PublicKey); err != nil {
			b.Fatal(err)
		}
	}
}

func noSignature(string) []byte { return nil }

// forge makes a token of header and claims as they are written here.
func forge(t testing.TB, header, claims string, sign func(signed string) []byte) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(header)) + "." + encode([]byte(claims))
	return signed + "." + encode(sign(signed))
}

func cutSignature(t testing.TB, text string) (signed string, signature []byte) {
	t.Helper()
	i := strings.LastIndexByte(text, '.')
	signature, err := base64.RawURLEncoding.DecodeString(text[i+1:])
	if err != nil {
		t.Fatal(err)
	}
	return text[:i], signature
}

// nextCharacter is another character that decodes to the same bits where only the
// upper two count.
func nextCharacter(c byte) byte {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return digits[strings.IndexByte(digits, c)|1]
}
