package digime_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
)

// A fakeLibrary behaves towards the SDK as the protocol says a server does, with
// everything in memory and one person who agrees to everything. It checks each
// request's signature, time and nonce.
type fakeLibrary struct {
	URL           string
	ApplicationID string
	Callback      string
	Write, Read   fakeContract

	server *httptest.Server
	key    *rsa.PrivateKey // signs the answers
	mux    *http.ServeMux

	mu       sync.Mutex
	nonces   map[string]bool
	codes    map[string]fakeGrant // preauthorisation, authorisation and reference codes
	access   map[string]fakeGrant
	refresh  map[string]fakeGrant
	expired  map[string]bool // access tokens that are past their time
	files    []fakeFile
	lists    []wire.FileList  // answers to queries, the last one for ever; empty lists all files
	provider http.HandlerFunc // what a push to a provider is answered; nil files it
	// deliveries are the answers to questions about one, the last one for ever.
	deliveries map[string][]wire.Delivery
	requests   []request

	// before may answer a request instead of the library, and says if it has.
	before func(w http.ResponseWriter, r *http.Request) bool
}

type fakeContract struct {
	ID         string
	PrivateKey []byte
	key        *rsa.PrivateKey
}

type fakeGrant struct{ contract, challenge, redirect, state string }

type fakeFile struct {
	name        wire.FileName
	metadata    wire.RawMetadata
	compression string
	content     []byte // as it is encrypted, perhaps compressed
}

// request is what the library remembers of one.
type request struct {
	method, path, query string
	header              http.Header
	claims              wire.RequestClaims
	body                []byte
}

// fakeKeys are made once: that takes long.
var fakeKeys = sync.OnceValue(func() [3]*rsa.PrivateKey {
	var keys [3]*rsa.PrivateKey
	for i := range keys {
		key, err := rsa.GenerateKey(rand.Reader, wire.KeyBits)
		if err != nil {
			panic(err)
		}
		keys[i] = key
	}
	return keys
})

// startLibrary starts a library; examples use it, tests call start.
func startLibrary() *fakeLibrary {
	keys := fakeKeys()
	contract := func(id string, key *rsa.PrivateKey) fakeContract {
		return fakeContract{ID: id, PrivateKey: wire.MarshalPrivateKey(key), key: key}
	}
	l := &fakeLibrary{
		ApplicationID: "clinicApp", Callback: "https://clinic.example/callback",
		Write: contract("writeContract", keys[0]), Read: contract("readContract", keys[1]), key: keys[2],
		nonces: map[string]bool{}, codes: map[string]fakeGrant{}, access: map[string]fakeGrant{}, refresh: map[string]fakeGrant{},
		expired: map[string]bool{},
	}
	l.routes()
	l.server = httptest.NewServer(http.HandlerFunc(l.serve))
	l.URL = l.server.URL
	return l
}

func start(t testing.TB) *fakeLibrary {
	t.Helper()
	l := startLibrary()
	t.Cleanup(l.Close)
	return l
}

func (l *fakeLibrary) Close() { l.server.Close() }

// client is a client of the library whose pauses take no time.
func (l *fakeLibrary) client(t testing.TB, options ...digime.Option) *digime.Client {
	t.Helper()
	client, err := digime.New(l.ApplicationID, append([]digime.Option{digime.At(l.URL), digime.Hasty()}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (c fakeContract) parse(t testing.TB) *digime.Contract {
	t.Helper()
	contract, err := digime.ParseContract(c.ID, c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return contract
}

// user is a person who has agreed to the contract.
func (l *fakeLibrary) user(t testing.TB, c fakeContract, options ...digime.UserOption) *digime.User {
	t.Helper()
	return l.client(t).User(c.parse(t), l.token(c), options...)
}

// token is a token for the contract, as though the person had agreed.
func (l *fakeLibrary) token(c fakeContract) digime.UserAccessToken {
	l.mu.Lock()
	defer l.mu.Unlock()
	claims := l.grant(fakeGrant{contract: c.ID}, wire.RandomAlphanumeric(43))
	return digime.UserAccessToken{
		AccessToken:  digime.Token{Value: digime.NewSecret(claims.AccessToken.Value), Expiry: claims.AccessToken.ExpiresOn.Time()},
		RefreshToken: digime.Token{Value: digime.NewSecret(claims.RefreshToken.Value), Expiry: claims.RefreshToken.ExpiresOn.Time()},
		UserID:       claims.Subject, ConsentID: claims.ConsentID,
	}
}

// expire makes an access token one that has expired.
func (l *fakeLibrary) expire(token digime.UserAccessToken) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expired[token.AccessToken.Value.Reveal()] = true
}

// agree is the person: they open the page, agree, and are sent back to the
// callback, whose query is returned.
func (l *fakeLibrary) agree(pageURL string) (url.Values, error) {
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.Get(pageURL)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	location, err := resp.Location()
	if err != nil {
		return nil, fmt.Errorf("the page answered %s: %w", resp.Status, err)
	}
	return location.Query(), nil
}

// seen are the requests so far whose path ends so.
func (l *fakeLibrary) seen(suffix string) []request {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []request
	for _, r := range l.requests {
		if strings.HasSuffix(r.path, suffix) {
			out = append(out, r)
		}
	}
	return out
}

// answerOnce answers the first request whose path ends so with a status and an
// error, and leaves the others alone.
func (l *fakeLibrary) answerOnce(suffix string, answers ...func(http.ResponseWriter)) {
	l.before = func(w http.ResponseWriter, r *http.Request) bool {
		if len(answers) == 0 || !strings.HasSuffix(r.URL.Path, suffix) {
			return false
		}
		answers[0](w)
		answers = answers[1:]
		return true
	}
}

func status(code int, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

func hangUp(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		err = conn.Close()
	}
	if err != nil {
		panic(err)
	}
}

// serve is every request's way in.
func (l *fakeLibrary) serve(w http.ResponseWriter, r *http.Request) {
	seen := request{method: r.Method, path: r.URL.EscapedPath(), query: r.URL.RawQuery, header: r.Header.Clone()}
	seen.header.Set("Transfer-Encoding", strings.Join(r.TransferEncoding, ","))
	bearer := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if token, err := wire.ParseRequestToken(bearer); err == nil {
		_ = token.Peek(&seen.claims)
	}
	if r.Header.Get("Content-Type") == "application/json" {
		seen.body, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(seen.body))
	}
	l.mu.Lock()
	l.requests = append(l.requests, seen)
	taken := l.before != nil && l.before(w, r)
	l.mu.Unlock()
	if !taken {
		l.mux.ServeHTTP(w, r)
	}
}

// signed is a handler of requests that a contract has signed; user says that they
// also need a good access token.
func (l *fakeLibrary) signed(user bool, handle func(w http.ResponseWriter, r *http.Request, claims wire.RequestClaims) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		claims, err := l.verify(r, user)
		if err == nil {
			err = func() error {
				l.mu.Lock()
				defer l.mu.Unlock()
				return handle(w, r, claims)
			}()
		}
		if err != nil {
			_, _ = io.Copy(io.Discard, r.Body)
			writeError(w, err)
		}
	}
}

func (l *fakeLibrary) verify(r *http.Request, user bool) (wire.RequestClaims, error) {
	var claims wire.RequestClaims
	token, err := wire.ParseRequestToken(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	if err != nil {
		return claims, wire.BadBearer(err.Error())
	}
	if err := token.Peek(&claims); err != nil {
		return claims, wire.BadBearer(err.Error())
	}
	contract, ok := l.contract(claims.ClientID)
	if !ok {
		return claims, wire.InvalidClient(claims.ClientID)
	}
	if err := token.Verify(&contract.key.PublicKey); err != nil {
		return claims, wire.BadBearer(err.Error())
	}
	if age := time.Since(claims.Timestamp.Time()); age.Abs() > 5*time.Minute || !wire.ValidNonce(claims.Nonce) {
		return claims, wire.BadBearer("nonce or timestamp")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.nonces[claims.Nonce] {
		return claims, wire.ReplayedNonce(claims.Nonce)
	}
	l.nonces[claims.Nonce] = true
	if !user {
		return claims, nil
	}
	grant, ok := l.access[claims.AccessToken]
	if !ok || grant.contract != contract.ID {
		return claims, wire.InvalidToken(wire.KindAccessToken)
	}
	if l.expired[claims.AccessToken] {
		return claims, wire.ExpiredToken(wire.KindAccessToken)
	}
	return claims, nil
}

func (l *fakeLibrary) contract(clientID string) (fakeContract, bool) {
	for _, c := range []fakeContract{l.Write, l.Read} {
		if clientID == l.ApplicationID+"_"+c.ID {
			return c, true
		}
	}
	return fakeContract{}, false
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

func writeError(w http.ResponseWriter, err error) {
	var e *wire.Error
	if !errors.As(err, &e) {
		e = wire.Internal(err)
	}
	answer := *e
	answer.Reference = wire.NewReference()
	w.Header().Set("X-Error-Code", string(answer.Code))
	w.Header().Set("X-Error-Message", answer.Message)
	w.Header().Set("X-Error-Reference", answer.Reference)
	w.WriteHeader(answer.Status)
	writeJSON(w, wire.ErrorBody{Error: &answer})
}
