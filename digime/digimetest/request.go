package digimetest

import (
	"bytes"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
)

// Request is a request that the library has received.
type Request struct {
	// Endpoint is the endpoint of the API; empty for the pages.
	Endpoint Endpoint
	// Method is the HTTP method.
	Method string
	// Path is the path of the URL, in its encoded form.
	Path string
	// Query is the query of the URL, in its encoded form.
	Query string
	// Header is the header. It has a Transfer-Encoding if the request had one.
	Header http.Header
	// Claims are the claims of the signed token; zero for a request that is not signed.
	Claims wire.RequestClaims
	// Body is the body, if it is JSON. [Library.Files] returns the content of a push.
	Body []byte
}

// Requests returns the requests to the endpoint, in this order. An empty endpoint stands for all requests.
func (l *Library) Requests(endpoint Endpoint) []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Request
	for _, r := range l.requests {
		if endpoint == "" || r.Endpoint == endpoint {
			out = append(out, r)
		}
	}
	return out
}

// ServeHTTP answers a request. A test that needs another server, such as a proxy, can use the library as a handler.
func (l *Library) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, pattern := l.mux.Handler(r)
	_, path, _ := strings.Cut(pattern, " ")
	endpoint, ok := strings.CutPrefix(path, "/v1.7/")
	switch {
	case isCloud(r) && strings.HasSuffix(r.URL.Path, "/"):
		endpoint = string(EndpointStorageFolder)
	case isCloud(r):
		endpoint = string(EndpointStorageFile)
	case !ok:
		endpoint = ""
	}
	l.record(Endpoint(endpoint), r)
	var next http.Handler = l.mux
	if failure := l.nextFailure(Endpoint(endpoint)); endpoint != "" && failure != nil {
		next = failure(l.mux)
	}
	next.ServeHTTP(w, r)
}

// record remembers the request. It reads a JSON body and puts it back.
func (l *Library) record(endpoint Endpoint, r *http.Request) {
	seen := Request{
		Endpoint: endpoint, Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery,
		Header: r.Header.Clone(),
	}
	if len(r.TransferEncoding) > 0 {
		seen.Header.Set("Transfer-Encoding", strings.Join(r.TransferEncoding, ","))
	}
	if token, err := wire.ParseRequestToken(bearer(r)); err == nil {
		_ = token.Peek(&seen.Claims)
	}
	if r.Header.Get("Content-Type") == "application/json" {
		seen.Body, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(seen.Body))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests = append(l.requests, seen)
}

func bearer(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

// A caller is the sender of a verified request.
type caller struct {
	contract Contract
	key      *rsa.PublicKey
	claims   wire.RequestClaims
	consent  *consent // nil for a request without an access token
}

// A handler answers a verified request, or returns the error to answer with.
type handler func(w http.ResponseWriter, r *http.Request, c caller) error

// signed returns a handler of requests that are signed by a contract.
func (l *Library) signed(handle handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := l.verify(r)
		if err == nil {
			err = handle(w, r, c)
		}
		if err != nil {
			_, _ = io.Copy(io.Discard, r.Body) // otherwise the client may not see the answer
			writeError(w, err)
		}
	}
}

// authorized returns a handler of signed requests with a valid access token.
func (l *Library) authorized(handle handler) http.HandlerFunc {
	return l.signed(func(w http.ResponseWriter, r *http.Request, c caller) error {
		l.mu.Lock()
		g, ok := l.access[c.claims.AccessToken]
		var expired bool
		if ok {
			ok, expired = g.contract == c.contract.ID, g.expired
			c.consent = g.consent
		}
		l.mu.Unlock()
		switch {
		case !ok:
			return invalidToken("access_token")
		case expired:
			return expiredToken("access_token")
		}
		return handle(w, r, c)
	})
}

// writeErrorOf writes an error in the form that the request's part of the protocol has.
func writeErrorOf(w http.ResponseWriter, r *http.Request, err error) {
	if isCloud(r) {
		writeCloudError(w, err)
		return
	}
	writeError(w, err)
}

// verify checks the signature, the time and the nonce of a request.
func (l *Library) verify(r *http.Request) (caller, error) {
	var c caller
	token, err := wire.ParseRequestToken(bearer(r))
	if err != nil {
		return c, badBearer(err.Error())
	}
	if err := token.Peek(&c.claims); err != nil {
		return c, badBearer(err.Error())
	}
	switch c.claims.ClientID {
	case l.ApplicationID + "_" + l.WriteContract.ID:
		c.contract = l.WriteContract
	case l.ApplicationID + "_" + l.ReadContract.ID:
		c.contract = l.ReadContract
	default:
		return c, &digime.Error{Code: digime.CodeInvalidClient, Status: http.StatusUnauthorized,
			Message: "The client_id (" + c.claims.ClientID + ") is invalid"}
	}
	key, err := wire.ParsePrivateKey(c.contract.PrivateKey)
	if err != nil {
		return c, err
	}
	c.key = &key.PublicKey
	if err := token.Verify(c.key); err != nil {
		return c, badBearer(err.Error())
	}
	if age := time.Since(c.claims.Timestamp.Time()); age.Abs() > 5*time.Minute || !wire.ValidNonce(c.claims.Nonce) {
		return c, badBearer("nonce or timestamp")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.nonces[c.claims.Nonce] {
		return c, &digime.Error{Code: digime.CodeInvalidRequest, Status: http.StatusNotAcceptable,
			Message: "The nonce provided in JWT payload (" + c.claims.Nonce + ") has already been used"}
	}
	l.nonces[c.claims.Nonce] = true
	return c, nil
}

func badBearer(what string) error {
	return &digime.Error{Code: digime.CodeValidationErrors, Status: http.StatusNotAcceptable,
		Message: "Parameter validation errors: " + what}
}

func validation(what string) error {
	return &digime.Error{Code: digime.CodeValidationErrors, Status: http.StatusBadRequest,
		Message: "Parameter validation errors: " + what}
}

func invalidToken(kind string) error {
	return &digime.Error{Code: digime.CodeInvalidToken, Status: http.StatusUnauthorized,
		Message: "The token (" + kind + ") is invalid"}
}

func expiredToken(kind string) error {
	return &digime.Error{Code: digime.CodeInvalidToken, Status: http.StatusUnauthorized,
		Message: "The token (" + kind + ") is expired"}
}

func insufficientScope() error {
	return &digime.Error{Code: digime.CodeInsufficientScope, Status: http.StatusForbidden,
		Message: "The request requires higher privileges than provided by the access token"}
}

func notFound(what string) error {
	return &digime.Error{Code: digime.CodeNotFound, Status: http.StatusNotFound, Message: what + " not found"}
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has gone
	return nil
}

func writeError(w http.ResponseWriter, err error) {
	var e *digime.Error
	if !errors.As(err, &e) {
		e = &digime.Error{Code: digime.CodeInternal, Status: http.StatusInternalServerError, Message: err.Error()}
	}
	answer := *e
	if answer.Reference == "" {
		answer.Reference = wire.NewReference()
	}
	w.Header().Set("X-Error-Code", string(answer.Code))
	w.Header().Set("X-Error-Message", answer.Message)
	w.Header().Set("X-Error-Reference", answer.Reference)
	_ = writeJSON(w, answer.Status, map[string]any{"error": answer}) // such an answer always encodes
}
