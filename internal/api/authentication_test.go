package api_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
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
		return signPSS(key, crypto.SHA512, signed, rsa.PSSSaltLengthEqualsHash)
	}
}

func signPSS(key *rsa.PrivateKey, hash crypto.Hash, signed []byte, salt int) []byte {
	return must(rsa.SignPSS(rand.Reader, key, hash, sumOf(hash, signed), &rsa.PSSOptions{SaltLength: salt}))
}

func sumOf(hash crypto.Hash, signed []byte) []byte {
	h := hash.New()
	h.Write(signed)
	return h.Sum(nil)
}

// headerWith is the header of an honest token, with more members.
func headerWith(more claims) claims {
	h := claims{"alg": "PS512", "typ": "JWT"}
	maps.Copy(h, more)
	return h
}

// claimsOf are the claims of an honest token of a contract.
func (w *world) claimsOf(c *carreltest.Contract) claims {
	return claims{
		"client_id": c.ID().String(),
		"nonce":     wire.NewNonce(),
		"timestamp": w.Clock.Now().UnixMilli(),
	}
}

// A refusedBearer is a bearer token, and what a refusal says of it.
type refusedBearer struct{ name, token, want string }

// What a refusal says of a bearer token.
const (
	malformedToken = "bearer token"
	badSignature   = "bearer token signature"
	badClaims      = "bearer token claims: "
	noNonce        = "nonce: want 32 letters and digits"
	noTimestamp    = "timestamp: want milliseconds, within 5 minutes of the server's clock"
)

// checkBearersRefused checks that each token is refused before anything else is looked at. The refusal says no more
// than which check failed.
func (w *world) checkBearersRefused(t *testing.T, bearers []refusedBearer) {
	t.Helper()
	for _, tt := range bearers {
		t.Run(tt.name, func(t *testing.T) {
			w.refuses(t, get("permission-access/contract", tt.token), badBearer(tt.want))
		})
	}
	if n := w.client.dials.Load(); n != 1 {
		t.Errorf("%d connections were needed, want one that is kept", n)
	}
}

// TestBearerMalformed sends what is no token.
func TestBearerMalformed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.bearer(w.read, nil)
	parts := strings.Split(token, ".")
	head, payload, signature := parts[0], parts[1], parts[2]
	oversized := forge(headerWith(nil), claims{"x": strings.Repeat("x", wire.MaxToken)}, ps512(w.read.Key))
	w.checkBearersRefused(t, []refusedBearer{
		{"no token", "", malformedToken},
		{"no JWT", "opaque", malformedToken},
		{"two parts", head + "." + payload, malformedToken},
		{"four parts", token + ".e30", malformedToken},
		{"empty parts", "..", malformedToken},
		{"padded", token + "==", malformedToken},
		{"stray bits", token[:len(token)-1] + "B", malformedToken},
		{"standard alphabet", head + "." + payload + "." + strings.Repeat("+/", 171), malformedToken},
		{"header no JSON", base64url.EncodeToString([]byte("PS512")) + "." + payload + "." + signature, malformedToken},
		{"header a list", base64url.EncodeToString([]byte(`["PS512"]`)) + "." + payload + "." + signature,
			malformedToken},
		{"oversized", oversized, malformedToken},
	})
}

// TestBearerAlgorithm sends tokens that are signed in another way than the protocol's.
func TestBearerAlgorithm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own := w.read.Key
	none := func([]byte) []byte { return nil }
	hs512 := func(signed []byte) []byte {
		mac := hmac.New(sha512.New, wire.MarshalPublicKey(&own.PublicKey))
		mac.Write(signed)
		return mac.Sum(nil)
	}
	rs512 := func(signed []byte) []byte {
		return must(rsa.SignPKCS1v15(rand.Reader, own, crypto.SHA512, sumOf(crypto.SHA512, signed)))
	}
	ps256 := func(signed []byte) []byte { return signPSS(own, crypto.SHA256, signed, rsa.PSSSaltLengthAuto) }
	es512 := func(signed []byte) []byte {
		key := must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))
		return must(ecdsa.SignASN1(rand.Reader, key, sumOf(crypto.SHA512, signed)))
	}
	otherSalt := func(signed []byte) []byte { return signPSS(own, crypto.SHA512, signed, 32) }
	forged := func(header claims, sign func([]byte) []byte) string { return forge(header, w.claimsOf(w.read), sign) }
	w.checkBearersRefused(t, []refusedBearer{
		{"alg none", forged(claims{"alg": "none"}, none), badSignature},
		{"no alg", forged(claims{"typ": "JWT"}, ps512(own)), badSignature},
		{"alg in lower case", forged(claims{"alg": "ps512"}, ps512(own)), badSignature},
		{"HS512 with the public key", forged(claims{"alg": "HS512"}, hs512), badSignature},
		{"RS512", forged(claims{"alg": "RS512"}, rs512), badSignature},
		{"RS512 called PS512", forged(headerWith(nil), rs512), badSignature},
		{"PS256", forged(claims{"alg": "PS256"}, ps256), badSignature},
		{"ES512", forged(claims{"alg": "ES512"}, es512), badSignature},
		{"another length of salt", forged(headerWith(nil), otherSalt), badSignature},
	})
}

// TestBearerHeader sends tokens whose header names a key, or an extension that changes what the token means.
func TestBearerHeader(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own, stranger := w.read.Key, w.foreign.Key
	forged := func(more claims, key *rsa.PrivateKey) string {
		return forge(headerWith(more), w.claimsOf(w.read), ps512(key))
	}
	w.checkBearersRefused(t, []refusedBearer{
		{"jwk", forged(claims{"jwk": jwkOf(stranger)}, stranger), badSignature},
		{"jku", forged(claims{"jku": "http://127.0.0.1:1/keys"}, stranger), badSignature},
		{"x5c", forged(claims{"x5c": []string{"MIIB"}}, stranger), badSignature},
		{"x5u", forged(claims{"x5u": "http://127.0.0.1:1/chain"}, stranger), badSignature},
		{"jwk of the right key", forged(claims{"jwk": jwkOf(own)}, own), badSignature},
		{"jku, signed rightly", forged(claims{"jku": "http://127.0.0.1:1/keys"}, own), badSignature},
		{"empty jku, signed rightly", forged(claims{"jku": ""}, own), badSignature},
		{"jku null, signed rightly", forged(claims{"jku": nil}, own), badSignature},
		{"x5c, signed rightly", forged(claims{"x5c": []string{}}, own), badSignature},
		{"crit", forged(claims{"crit": []string{"exp"}}, own), badSignature},
		{"b64", forged(claims{"b64": false}, own), badSignature},
		{"a cloud token", forged(claims{"typ": "at+jwt"}, own), badSignature},
	})
}

// TestBearerSignature sends tokens that the contract's key has not signed as they stand.
func TestBearerSignature(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	parts := strings.Split(w.bearer(w.read, nil), ".")
	head, payload, signature := parts[0], parts[1], parts[2]
	changed := base64url.EncodeToString(append(must(json.Marshal(w.claimsOf(w.read))), ' '))
	w.checkBearersRefused(t, []refusedBearer{
		{"another contract's key", forge(headerWith(nil), w.claimsOf(w.read), ps512(w.write.Key)), badSignature},
		{"changed claims", head + "." + changed + "." + signature, badSignature},
		{"a cut signature", head + "." + payload + "." + signature[:340], badSignature},
		{"no signature", head + "." + payload + ".", badSignature},
	})
}

// TestBearerClaims sends tokens that are signed rightly, with claims of the wrong shape.
func TestBearerClaims(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.checkBearersRefused(t, []refusedBearer{
		{"claims a list", forge(headerWith(nil), []int{1}, ps512(w.read.Key)), badClaims + "want an object, got array"},
		{"claims null", forge(headerWith(nil), nil, ps512(w.read.Key)), noNonce},
		{"client_id a number", w.bearer(w.read, claims{"client_id": 1}),
			badClaims + "client_id: want a string, got number"},
		{"access_token a list", w.bearer(w.read, claims{"access_token": []string{"x"}}),
			badClaims + "access_token: want a string, got array"},
	})
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
		{"stale", now.Add(-5*time.Minute).UnixMilli() - 1, noTimestamp},
		{"ahead", now.Add(5*time.Minute).UnixMilli() + 1, noTimestamp},
		{"far ahead", now.AddDate(1000, 0, 0).UnixMilli(), noTimestamp},
		{"seconds", now.Unix(), noTimestamp},
		{"negative", -now.UnixMilli(), noTimestamp},
		{"none", nil, noTimestamp},
		{"zero", 0, noTimestamp},
		{"text", now.Format(time.RFC3339), badClaims + "timestamp: want a number, got string"},
		{"a number as text", json.Number("").String() + "1795499803480",
			badClaims + "timestamp: want a number, got string"},
		{"out of range", 1e300, badClaims + "timestamp: want a number, got one out of range"},
		{"null", json.RawMessage("null"), badClaims + "timestamp: want a number, got null"},
		{"a list", []int64{now.UnixMilli()}, badClaims + "timestamp: want a number, got array"},
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
