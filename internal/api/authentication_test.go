package api_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

var base64url = base64.RawURLEncoding

// forge makes a token of any header and claims, signed in any way.
func forge(header, payload any, sign func(signed []byte) []byte) string {
	head, _ := json.Marshal(header)
	body, _ := json.Marshal(payload)
	signed := base64url.EncodeToString(head) + "." + base64url.EncodeToString(body)
	return signed + "." + base64url.EncodeToString(sign([]byte(signed)))
}

func ps512(key *rsa.PrivateKey) func([]byte) []byte {
	return func(signed []byte) []byte {
		sum := sha512.Sum512(signed)
		signature, err := rsa.SignPSS(rand.Reader, key, crypto.SHA512, sum[:],
			&rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		if err != nil {
			panic(err)
		}
		return signature
	}
}

// Whatever is wrong with a token is refused before anything else is looked at. The
// refusal says no more than which check failed.
func TestBearerRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := func() claims {
		return claims{
			"client_id": w.read.ID().String(),
			"nonce":     wire.NewNonce(),
			"timestamp": w.Clock.Now().UnixMilli(),
		}
	}
	own, stranger := w.read.Key, w.foreign.Key
	head := func(more claims) claims {
		h := claims{"alg": "PS512", "typ": "JWT"}
		for k, v := range more {
			h[k] = v
		}
		return h
	}
	forged := func(more claims, key *rsa.PrivateKey) string { return forge(head(more), good(), ps512(key)) }
	token := w.bearer(w.read, nil)
	parts := strings.Split(token, ".")
	const malformed, signature = "bearer token", "bearer token signature"

	for _, tt := range []struct {
		name, token string
		want        string
	}{
		{"no token", "", malformed},
		{"no JWT", "opaque", malformed},
		{"two parts", parts[0] + "." + parts[1], malformed},
		{"four parts", token + ".e30", malformed},
		{"empty parts", "..", malformed},
		{"padded", parts[0] + "." + parts[1] + "." + parts[2] + "==", malformed},
		{"stray bits", parts[0] + "." + parts[1] + "." + parts[2][:len(parts[2])-1] + "B", malformed},
		{"standard alphabet", parts[0] + "." + parts[1] + "." + strings.Repeat("+/", 171), malformed},
		{"header no JSON", base64url.EncodeToString([]byte("PS512")) + "." + parts[1] + "." + parts[2], malformed},
		{"header a list", base64url.EncodeToString([]byte(`["PS512"]`)) + "." + parts[1] + "." + parts[2], malformed},
		{"oversized", forge(head(nil), claims{"x": strings.Repeat("x", wire.MaxToken)}, ps512(own)), malformed},

		{"alg none", forge(claims{"alg": "none"}, good(), func([]byte) []byte { return nil }), signature},
		{"no alg", forge(claims{"typ": "JWT"}, good(), ps512(own)), signature},
		{"alg in lower case", forge(claims{"alg": "ps512"}, good(), ps512(own)), signature},
		{"HS512 with the public key", forge(claims{"alg": "HS512"}, good(), func(signed []byte) []byte {
			mac := hmac.New(sha512.New, wire.MarshalPublicKey(&own.PublicKey))
			mac.Write(signed)
			return mac.Sum(nil)
		}), signature},
		{"RS512", forge(claims{"alg": "RS512"}, good(), func(signed []byte) []byte {
			sum := sha512.Sum512(signed)
			s, _ := rsa.SignPKCS1v15(rand.Reader, own, crypto.SHA512, sum[:])
			return s
		}), signature},
		{"RS512 called PS512", forge(head(nil), good(), func(signed []byte) []byte {
			sum := sha512.Sum512(signed)
			s, _ := rsa.SignPKCS1v15(rand.Reader, own, crypto.SHA512, sum[:])
			return s
		}), signature},
		{"PS256", forge(claims{"alg": "PS256"}, good(), func(signed []byte) []byte {
			sum := sha256.Sum256(signed)
			s, _ := rsa.SignPSS(rand.Reader, own, crypto.SHA256, sum[:], nil)
			return s
		}), signature},
		{"ES512", forge(claims{"alg": "ES512"}, good(), func(signed []byte) []byte {
			key, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
			sum := sha512.Sum512(signed)
			s, _ := ecdsa.SignASN1(rand.Reader, key, sum[:])
			return s
		}), signature},
		{"another length of salt", forge(head(nil), good(), func(signed []byte) []byte {
			sum := sha512.Sum512(signed)
			s, _ := rsa.SignPSS(rand.Reader, own, crypto.SHA512, sum[:], &rsa.PSSOptions{SaltLength: 32})
			return s
		}), signature},

		{"jwk", forged(claims{"jwk": jwkOf(stranger)}, stranger), signature},
		{"jku", forged(claims{"jku": "http://127.0.0.1:1/keys"}, stranger), signature},
		{"x5c", forged(claims{"x5c": []string{"MIIB"}}, stranger), signature},
		{"x5u", forged(claims{"x5u": "http://127.0.0.1:1/chain"}, stranger), signature},
		{"jwk of the right key", forged(claims{"jwk": jwkOf(own)}, own), signature},
		{"jku, signed rightly", forged(claims{"jku": "http://127.0.0.1:1/keys"}, own), signature},
		{"empty jku, signed rightly", forged(claims{"jku": ""}, own), signature},
		{"jku null, signed rightly", forged(claims{"jku": nil}, own), signature},
		{"x5c, signed rightly", forged(claims{"x5c": []string{}}, own), signature},
		{"crit", forged(claims{"crit": []string{"exp"}}, own), signature},
		{"b64", forged(claims{"b64": false}, own), signature},
		{"a cloud token", forged(claims{"typ": "at+jwt"}, own), signature},

		{"another contract's key", forged(nil, w.write.Key), signature},
		{"changed claims", parts[0] + "." + base64url.EncodeToString(append(must(json.Marshal(good())),
			' ')) + "." + parts[2], signature},
		{"a cut signature", parts[0] + "." + parts[1] + "." + parts[2][:340], signature},
		{"no signature", parts[0] + "." + parts[1] + ".", signature},

		{"claims a list", forge(head(nil), []int{1}, ps512(own)), "bearer token claims"},
		{"claims null", forge(head(nil), nil, ps512(own)), "nonce"},
		{"client_id a number", w.bearer(w.read, claims{"client_id": 1}), "bearer token claims"},
		{"access_token a list", w.bearer(w.read, claims{"access_token": []string{"x"}}), "bearer token claims"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.refuses(t, get("permission-access/contract", tt.token), badBearer(tt.want))
		})
	}
	if n := w.client.dials.Load(); n != 1 {
		t.Errorf("%d connections were needed, want one that is kept", n)
	}
}

// A timestamp is Unix milliseconds, no further than five minutes from the clock.
func TestTimestamp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := w.Clock.Now().Truncate(time.Second)
	w.Clock.StopsAt(now)
	for _, tt := range []struct {
		name string
		at   any
		want string // empty: taken
	}{
		{"now", now.UnixMilli(), ""},
		{"five minutes ago", now.Add(-5 * time.Minute).UnixMilli(), ""},
		{"five minutes ahead", now.Add(5 * time.Minute).UnixMilli(), ""},
		{"with a fraction", float64(now.UnixMilli()) + 0.5, ""},
		{"stale", now.Add(-5*time.Minute).UnixMilli() - 1, "timestamp"},
		{"ahead", now.Add(5*time.Minute).UnixMilli() + 1, "timestamp"},
		{"far ahead", now.AddDate(1000, 0, 0).UnixMilli(), "timestamp"},
		{"seconds", now.Unix(), "timestamp"},
		{"negative", -now.UnixMilli(), "timestamp"},
		{"none", nil, "timestamp"},
		{"zero", 0, "timestamp"},
		{"text", now.Format(time.RFC3339), "bearer token claims"},
		{"a number as text", json.Number("").String() + "1795499803480", "bearer token claims"},
		{"out of range", 1e300, "bearer token claims"},
		{"null", json.RawMessage("null"), "bearer token claims"},
		{"a list", []int64{now.UnixMilli()}, "bearer token claims"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := get("permission-access/contract", w.bearer(w.read, claims{"timestamp": tt.at}))
			if tt.want == "" {
				w.mustSend(t, r, nil)
				return
			}
			w.refuses(t, r, badBearer(tt.want))
		})
	}
}

// The Authorization header itself.
func TestAuthorizationHeader(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tt := range []struct {
		name   string
		values []string
		want   refusal
	}{
		{"none", nil, badBearer("bearer token")},
		{"empty", []string{""}, badBearer("bearer token")},
		{"Basic", []string{"Basic " + w.bearer(w.read, nil)}, badBearer("bearer token")},
		{"the token alone", []string{w.bearer(w.read, nil)}, badBearer("bearer token")},
		{"two tokens", []string{"Bearer " + w.bearer(w.read, nil) + ", Bearer " + w.bearer(w.read, nil)},
			badBearer("bearer token")},
		{"twice", []string{"Bearer " + w.bearer(w.read, nil), "Bearer " + w.bearer(w.read, nil)},
			bad("more than one Authorization header")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := get("permission-access/contract", "")
			r.header = http.Header{"Authorization": tt.values}
			w.refuses(t, r, tt.want)
		})
	}
	r := get("permission-access/contract", "")
	r.header = http.Header{"Authorization": {"bearer " + w.bearer(w.read, nil)}}
	w.mustSend(t, r, nil)
}

func jwkOf(key *rsa.PrivateKey) map[string]string {
	return map[string]string{"kty": "RSA", "n": base64url.EncodeToString(key.N.Bytes()),
		"e": base64url.EncodeToString(big.NewInt(int64(key.E)).Bytes()), "alg": "PS512"}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
