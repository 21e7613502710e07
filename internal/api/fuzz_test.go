package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/server"
)

// fuzzCalls are the calls that a fuzzed request may be; {} is a name of its own. Where an
// account is named in a header, that is the second name, and the first is where to come
// back to. Their number is odd, so that each is made by who reads and by who writes.
var fuzzCalls = []string{
	"POST /v1.7/permission-access/import",
	"POST /v1.7/oauth/authorize",
	"POST /v1.7/oauth/token",
	"POST /v1.7/oauth/token/reference",
	"POST /v1.7/reference",
	"POST /v1.7/permission-access/trigger",
	"GET /v1.7/permission-access/query/{}",
	"GET /v1.7/permission-access/query/{}/{}",
	"HEAD /v1.7/permission-access/query/{}/{}",
	"GET /v1.7/permission-access/accounts",
	"GET /v1.7/permission-access/contract",
	"GET /v1.7/jwks/oauth",
	"GET /v1.7/{}",
	"POST /v1.7/permission-access/import/h:accountId/fhir/{}",
	"GET /v1.7/permission-access/deliveries",
	"GET /v1.7/permission-access/deliveries/{}",
	"GET /v1.7/permission-access/revoke/h:accountId",
	"DELETE /v1.7/permission-access/service/h:accountId",
	"POST /v1.7/discovery/sources",
	"POST /v1.7/discovery/categories",
	"POST /v1.7/discovery/countries",
	"POST /v1.7/discovery/platforms",
	"POST /v1.7/discovery/sourceTypes",
	"GET /v1.7/permission-access/sample/datasets/{}",
	"POST /v1.7/permission-access/import/h:accountId/fhir/stu3",
}

// fuzzWorld is a world with something to find for each of the calls.
type fuzzWorld struct {
	*world
	writer, reader *carreltest.Grant
	session, file  string
	account        string // at a provider
}

func newFuzzWorld(f *testing.F) *fuzzWorld {
	f.Helper()
	w := &fuzzWorld{world: newWorld(f, withCatalogue(f), func(c *server.Config) {
		c.Log = slog.New(slog.DiscardHandler)
		c.Deliveries.FirstRetry = time.Hour // what is kept is not what is tested
	})}
	anna := w.Person()
	w.writer, w.reader = anna.Allows(w.write), anna.Allows(w.read)
	w.mustSend(f, w.push(w.writer, w.as(w.writer, nil), strings.NewReader("content")), nil)
	w.session = w.world.session(f, w.reader)
	w.file = w.names(f, w.reader, w.session)[0]
	w.account = w.connectNowhere(f, w.writer)
	return w
}

// FuzzRequest checks that whatever a stranger sends is answered in the wire's shape, and never with a fault of the
// server's own. Claims and metadata that are JSON are signed, so that what lies behind the signature is reached too.
func FuzzRequest(f *testing.F) {
	w := newFuzzWorld(f)
	w.seedAllCalls(f)
	w.seedSomeCalls(f)
	f.Fuzz(func(t *testing.T, call byte, one, two, said, descriptor string, body []byte) {
		r := w.fuzzRequest(call, one, two, said, descriptor, body)
		answer := httptest.NewRecorder()
		w.Server.Handler.ServeHTTP(answer, r.WithContext(t.Context()))
		checkShape(t, r, answer.Result(), answer.Body.Bytes())
		if r.Method == "DELETE" && two == w.account {
			w.connectNowhere(t, w.writer)
		}
	})
}

// seedAllCalls adds an honest request and a strange one for each call.
func (w *fuzzWorld) seedAllCalls(f *testing.F) {
	letter := string(must(json.Marshal(letter)))
	refresh := `{"redirect_uri":"` + callback + `","grant_type":"refresh_token","refresh_token":"` +
		w.reader.Refresh() + `"}`
	for i := range fuzzCalls {
		f.Add(byte(i), w.session, w.file, refresh, letter, []byte(`{"type":"accountId","value":"1_x"}`))
		f.Add(byte(i), "..", "a%2Fb", `{"timestamp":1}`, `{"mimeType":1,"accounts":[{}]}`, []byte(`[[[[`))
	}
	f.Add(byte(1), "", "", string(must(json.Marshal(authorizing(nil)))), "null",
		[]byte(`{"actions":{"pull":{"scope":{"criteria":[{"last":"3d"}]}}}}`))
	f.Add(byte(0), "", "", "a.b.c", "eyJhbGciOiJub25lIn0..", []byte("\x00"))
}

// seedSomeCalls adds requests that only one of the calls understands.
func (w *fuzzWorld) seedSomeCalls(f *testing.F) {
	const patient = `{"resourceType":"Patient",` +
		`"identifier":[{"system":"urn:oid:2.16.840.1.113883.2.4.6.3","value":"999911120"}]}`
	const search = `{"limit":5,"offset":1,"sort":{"name":"desc"},"query":{"queryString":"elan",` +
		`"search":{"name":["x"]},"include":["id","service.name"],"filter":{"id":[1],` +
		`"type":{"id":[2]},"publishedStatus":["approved"],"service":{"id":[900002]}}}}`
	for i, call := range fuzzCalls {
		switch {
		case strings.Contains(call, "/fhir/"):
			for _, call := range []byte{byte(i), byte(i + len(fuzzCalls))} {
				f.Add(call, "stu3", w.account, `{}`, "", []byte(weight("x")))
				f.Add(call, "3.0.2", w.account, `{}`, "", []byte(batch("x", "y")))
				f.Add(call, "r4", w.account, `{}`, "", []byte(patient))
				f.Add(call, "stu3", w.account, `{}`, "", []byte(`{"a":[[[[],{"a":1,"a":2}]],"\ud83d"]}<`))
			}
		case strings.Contains(call, "/revoke/"):
			f.Add(byte(i), callback+"?a=b", w.account, `{}`, "", []byte(nil))
			f.Add(byte(i), "javascript:☂\xff", "", `{}`, "", []byte(nil))
		case strings.Contains(call, "/deliveries") || strings.Contains(call, "DELETE"):
			f.Add(byte(i), "01x", "1_x", `{}`, "", []byte(nil))
		case strings.Contains(call, "/discovery/") || strings.Contains(call, "/datasets/"):
			f.Add(byte(i), "900206", "", `{"access_token":null}`, "", []byte(search))
			f.Add(byte(i), "-1", "", `{}`, "", []byte(`{"query":{"filter":{"id":["1"]},"include":{}}}`))
		}
	}
}

// fuzzRequest makes a request of what the fuzzer has chosen.
func (w *fuzzWorld) fuzzRequest(call byte, one, two, said, descriptor string, body []byte) *http.Request {
	method, path, _ := strings.Cut(fuzzCalls[int(call)%len(fuzzCalls)], " ")
	path = strings.Replace(strings.Replace(path, "{}", one, 1), "{}", two, 1)
	by := w.reader
	if call%2 == 0 {
		by = w.writer
	}
	r := &http.Request{Method: method, URL: &url.URL{Path: path}, Host: "127.0.0.1", Proto: "HTTP/1.1",
		ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Authorization": {"Bearer " + w.fuzzToken(by, said)}}, Body: http.NoBody}
	if descriptor != "" {
		r.Header.Set("FileDescriptor", w.fuzzDescriptor(by, descriptor))
	}
	if strings.Contains(path, "h:accountId") {
		r.Header.Set("accountId", two)
		r.Header.Set("redirectUri", one)
	}
	if len(body) > 0 && method == "POST" {
		r.Body, r.ContentLength = readCloser{bytes.NewReader(body)}, -1
	}
	return r
}

// nowhere is the account of connectNowhere.
const nowhere = "900001_nowhere"

// connectNowhere connects an account at a provider that nobody reaches: what is pushed
// there is kept, and waits.
func (w *world) connectNowhere(t testing.TB, k *carreltest.Grant) string {
	t.Helper()
	db := w.OpensStore()
	ring := carreltest.Must(seal.OpenKeyring(filepath.Join(w.Folder, "master.key")))(t)
	boxes := delivery.NewBoxes(ring)
	db.UseBoxes(boxes)
	grant, err := db.GetGrant(t.Context(), k.ID())
	if err != nil {
		t.Fatal(err)
	}
	now := w.Clock.Now()
	pending := library.AuthRequest{
		Hash:      seal.NewSecret().Hash(),
		Kind:      library.OnboardRequest,
		ClientID:  k.Contract.ID(),
		CreatedAt: now,
		ExpiresAt: now.Add(time.Hour),
	}
	if err := db.AddAuthRequest(t.Context(), pending, library.Session{}); err != nil {
		t.Fatal(err)
	}
	a := delivery.Connection{ID: nowhere, Reference: "nowhere", Library: grant.Library,
		Application: grant.Application, Pending: true,
		Source: delivery.Source{
			ID: 900201, Name: "Nowhere", Push: true, Version: fhir.STU3, Provider: "fhir:nowhere",
		},
		CreatedAt: now, UpdatedAt: now}
	a.Access = ring.Seal(fmt.Sprintf("carrel provider access %s %s 900201", a.Library, a.Application),
		[]byte(`{"refresh":"accepted by nobody"}`))
	a.Access = carreltest.Must(boxes.AdoptAccess(a, grant.Contract))(t)
	_, err = db.Connect(t.Context(), pending.Hash, "", a,
		library.Event{Library: grant.Library, At: now, Kind: library.EventConnected})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.CloseAuthRequest(t.Context(), pending.Hash, now, library.Answer{}, grant.ID, nil); err != nil {
		t.Fatal(err)
	}
	return nowhere
}

// fuzzToken signs claims that are an object, made good where they say nothing else;
// what is none is a token as it stands.
func (w *world) fuzzToken(by *carreltest.Grant, said string) string {
	var over claims
	if json.Unmarshal([]byte(said), &over) != nil || over == nil {
		return said
	}
	all := claims{
		"client_id":    by.Contract.ID().String(),
		"nonce":        wire.NewNonce(),
		"timestamp":    w.Clock.Now().UnixMilli(),
		"access_token": by.Token(),
	}
	maps.Copy(all, over)
	return must(wire.Sign(by.Contract.Key, wire.Header{}, all))
}

func (w *world) fuzzDescriptor(by *carreltest.Grant, said string) string {
	if !json.Valid([]byte(said)) {
		return said
	}
	return w.descriptor(by.Contract, json.RawMessage(said))
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// checkShape wants an answer that any client can read.
func checkShape(t *testing.T, r *http.Request, resp *http.Response, body []byte) {
	t.Helper()
	resp.Request = r
	switch {
	case resp.StatusCode >= 500 || resp.StatusCode >= 300 && resp.StatusCode < 400:
		t.Fatalf("status %d: %s", resp.StatusCode, body)
	case resp.StatusCode >= 400:
		if _, err := errorOf(answer{resp, body}); err != nil {
			t.Fatal(err)
		}
	case resp.Header.Get("Content-Type") == "application/json":
		var v any
		if err := json.Unmarshal(body, &v); err != nil || v == nil {
			t.Fatalf("body %s: %v", body, err)
		}
	//nolint:staticcheck // in lower case, as the handler writes it
	case resp.StatusCode != 200 || resp.Header["x-metadata"] == nil:
		t.Fatalf("status %d, headers %v", resp.StatusCode, resp.Header)
	}
	for name, values := range resp.Header {
		for _, v := range values {
			if strings.ContainsFunc(v, func(c rune) bool { return c < ' ' || c > '~' }) {
				t.Fatalf("header %s: %q", name, v)
			}
		}
	}
	if n := headSize(resp.Header); n > 16<<10 {
		t.Fatalf("%d bytes of headers", n)
	}
}
