package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/openapi/openapitest"
)

// claims of a signed request; nil takes out one that would be there.
type claims map[string]any

// bearer signs a request's token, with a fresh nonce and the time of the clock.
func (w *world) bearer(c *carreltest.Contract, more claims) string {
	all := claims{"client_id": c.ID().String(), "nonce": wire.NewNonce(), "timestamp": w.Clock.Now().UnixMilli()}
	maps.Copy(all, more)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	token, err := wire.Sign(c.Key, wire.Header{}, all)
	if err != nil {
		panic(err)
	}
	w.Secrets.Plant(token)
	return token
}

// as signs a request for a person.
func (w *world) as(k *carreltest.Grant, more claims) string {
	all := claims{"access_token": k.Token()}
	maps.Copy(all, more)
	return w.bearer(k.Contract, all)
}

// descriptor signs what a push says of its file.
func (w *world) descriptor(c *carreltest.Contract, metadata any) string {
	token, err := wire.Sign(c.Key, wire.Header{}, claims{"metadata": metadata})
	if err != nil {
		panic(err)
	}
	return token
}

// letter is an honest descriptor's metadata.
var letter = map[string]any{"mimeType": "text/plain", "accounts": []any{map[string]any{"accountId": "patient-1"}}}

// request is a call to be made.
type request struct {
	method, path string
	bearer       string
	header       http.Header
	body         io.Reader
}

func get(path, bearer string) request { return request{method: "GET", path: path, bearer: bearer} }

func post(path, bearer, body string) request {
	return request{method: "POST", path: path, bearer: bearer, body: strings.NewReader(body)}
}

// push is a push of a person's file; the body's length is not told.
func (w *world) push(k *carreltest.Grant, bearer string, content io.Reader) request {
	return request{method: "POST", path: "permission-access/import", bearer: bearer,
		header: http.Header{"Filedescriptor": {w.descriptor(k.Contract, letter)}}, body: io.MultiReader(content)}
}

// client counts the connections that it had to make. It holds every answer to the description of the protocol.
type client struct {
	t     testing.TB
	w     *world
	http  *http.Client
	dials atomic.Int64
}

func newClient(t testing.TB, w *world) *client {
	c := &client{t: t, w: w}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		c.dials.Add(1)
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	c.http = &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 100,
		DisableCompression: true}, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c
}

func (c *client) hangUp() { c.http.CloseIdleConnections() }

// answer is what came of a request.
type answer struct {
	*http.Response
	body []byte
}

// send makes a call. A path that begins with a slash is taken as it is.
func (w *world) send(t testing.TB, r request) answer {
	t.Helper()
	a, err := w.try(t.Context(), r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	return a
}

// try is send for goroutines of their own.
func (w *world) try(ctx context.Context, r request) (answer, error) {
	if !strings.HasPrefix(r.path, "/") {
		r.path = "/v1.7/" + r.path
	}
	q, err := http.NewRequestWithContext(ctx, r.method, "http://"+w.address+r.path, r.body)
	if err != nil {
		return answer{}, err
	}
	maps.Copy(q.Header, r.header)
	if r.bearer != "" {
		q.Header.Add("Authorization", "Bearer "+r.bearer)
	}
	resp, err := w.client.http.Do(q)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil {
		w.client.compare(openapitest.Answer{Method: r.method, Path: q.URL.EscapedPath(), Status: resp.StatusCode,
			Header: resp.Header, Body: body})
	}
	return answer{resp, body}, err
}

// compare compares an answer with the description of the protocol.
func (c *client) compare(a openapitest.Answer) {
	if err := openapitest.Check(a); err != nil {
		c.t.Errorf("docs/openapi.json: %v", err)
	}
}

// mustSend makes a call that is to succeed, and reads its JSON answer.
func (w *world) mustSend(t testing.TB, r request, into any) answer {
	t.Helper()
	a := w.send(t, r)
	if a.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %d %s", r.method, r.path, a.StatusCode, a.body)
	}
	if into != nil {
		if err := json.Unmarshal(a.body, into); err != nil {
			t.Fatalf("%s %s: %v", r.method, r.path, err)
		}
	}
	return a
}

func unmarshal(text []byte, into any) error { return json.Unmarshal(text, into) }

// works makes an honest call.
func (w *world) works(t testing.TB) {
	t.Helper()
	w.mustSend(t, get("permission-access/contract", w.bearer(w.write, nil)), nil)
}

// refusal is how a call is to fail. A message that ends in "…" is a beginning.
type refusal struct {
	status  int
	code    wire.ErrorCode
	message string
}

// Refusals that stand in many tables.
func invalid(kind wire.TokenKind) refusal {
	return refusal{401, wire.CodeInvalidToken, "The token (" + string(kind) + ") is invalid"}
}

func expired(kind wire.TokenKind) refusal {
	return refusal{401, wire.CodeInvalidToken, "The token (" + string(kind) + ") is expired"}
}

func badBearer(what string) refusal {
	return refusal{406, wire.CodeValidationErrors, "Parameter validation errors: " + what}
}

func bad(what string) refusal {
	return refusal{400, wire.CodeValidationErrors, "Parameter validation errors: " + what}
}

func noClient(id string) refusal {
	return refusal{401, wire.CodeInvalidClient, "The client_id (" + id + ") is invalid"}
}

func notFound(what string) refusal { return refusal{404, wire.CodeNotFound, what + " not found"} }

func replayed(nonce string) refusal {
	return refusal{406, wire.CodeInvalidRequest,
		"The nonce provided in JWT payload (" + nonce + ") has already been used"}
}

// The refusals of members that are malformed.
var (
	badChallenge = bad("code_challenge: want 32 bytes in base64url, which are 43 characters")
	badValue     = bad("value: want an id of 1 to 256 bytes")
	noCode       = bad("code: want the one that the browser has brought")
	badVersion   = bad("FHIR version: want stu3, 3.0.2, r4 or 4.0.1")
)

var noScope = refusal{403, wire.CodeInsufficientScope,
	"The request requires higher privileges than provided by the access token"}

// refuses makes a call that is to fail, and leave nothing behind. Afterwards the
// server works as before, on the same connection.
func (w *world) refuses(t *testing.T, r request, want refusal) answer {
	t.Helper()
	var a answer
	revocations := w.Rows("token_revocations")
	w.Unchanged("a refused call", func() {
		a = w.send(t, r)
		w.refused(t, a, want)
		w.works(t)
	}, "token_revocations")
	if n := w.Rows("token_revocations"); n > revocations { // the server works them off meanwhile
		t.Errorf("a refused call added %d revocations of tokens", n-revocations)
	}
	if a.Close {
		t.Error("a refused call ended its connection")
	}
	return a
}

// refused holds an answer against a refusal: in status, body, headers and log.
func (w *world) refused(t *testing.T, a answer, want refusal) {
	t.Helper()
	e, err := errorOf(a)
	if err != nil {
		t.Fatal(err)
	}
	message, open := strings.CutSuffix(want.message, "…")
	if a.StatusCode != want.status || e.Code != want.code || e.Message != want.message &&
		!(open && strings.HasPrefix(e.Message, message)) {
		t.Errorf("%d %s %q, want %d %s %q", a.StatusCode, e.Code, e.Message, want.status, want.code, want.message)
	}
	lines := w.Log.Lines(e.Reference)
	if len(lines) != 1 || !strings.Contains(lines[0], string(e.Code)) {
		t.Errorf("the log says of reference %s: %q", e.Reference, lines)
	}
	if s := w.Secrets.In(string(a.body) + fmt.Sprint(a.Header)); s != "" {
		t.Errorf("the answer holds the secret %s", s)
	}
}

// errorOf reads an error, which is the same in the body and in the headers. An answer
// to a HEAD has only the headers.
func errorOf(a answer) (*wire.Error, error) {
	h := a.Header
	if h.Get("Location") != "" || a.StatusCode < 400 {
		return nil, fmt.Errorf("status %d, location %q: %.200s", a.StatusCode, h.Get("Location"), a.body)
	}
	e := &wire.Error{Code: wire.ErrorCode(h.Get("X-Error-Code")), Message: h.Get("X-Error-Message"),
		Reference: h.Get("X-Error-Reference")}
	if a.Request.Method != http.MethodHead {
		var body struct {
			Error map[string]json.RawMessage `json:"error"`
		}
		in := json.NewDecoder(bytes.NewReader(a.body))
		in.DisallowUnknownFields()
		if err := in.Decode(&body); err != nil {
			return nil, fmt.Errorf("status %d, body %.200q: %w", a.StatusCode, a.body, err)
		}
		said := map[string]string{}
		for name, value := range body.Error {
			var text string
			if name == "outcome" {
				e.Outcome = value
			} else if err := json.Unmarshal(value, &text); err != nil {
				return nil, fmt.Errorf("member %s of the error: %w", name, err)
			}
			said[name] = text
		}
		if said["code"] != string(e.Code) || said["reference"] != e.Reference || encoded(said["message"]) != e.Message {
			return nil, fmt.Errorf("body %s, headers %v", a.body, h)
		}
		e.Message = said["message"]
	}
	switch {
	case !wire.ValidNonce(e.Reference): // the same form
		return nil, fmt.Errorf("reference %q", e.Reference)
	case h.Get("Content-Type") != "application/json":
		return nil, errors.New("an error of type " + h.Get("Content-Type"))
	}
	return e, nil
}

// encoded is a text as a header has it.
func encoded(s string) string {
	var out strings.Builder
	for _, c := range []byte(s) {
		if c >= ' ' && c <= '~' {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}
