package api_test

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// A nonce is 32 letters and digits; anything else could not have been drawn by a
// client.
func TestNonceShape(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tt := range []struct {
		name  string
		nonce any
		want  string
	}{
		{"none", nil, "nonce"},
		{"empty", "", "nonce"},
		{"short", strings.Repeat("a", 31), "nonce"},
		{"long", strings.Repeat("a", 33), "nonce"},
		{"with a dash", strings.Repeat("a", 31) + "-", "nonce"},
		{"with a letter beyond ASCII", strings.Repeat("a", 30) + "é", "nonce"},
		{"with a line end", strings.Repeat("a", 31) + "\n", "nonce"},
		{"a number", 12345678, "bearer token claims"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.refuses(t,
				get("permission-access/contract", w.bearer(w.read, claims{"nonce": tt.nonce})), badBearer(tt.want))
		})
	}
	// Mobile clients draw hexadecimal digits.
	w.mustSend(t,
		get("permission-access/contract", w.bearer(w.read, claims{"nonce": "6ebf55d8cc2d5fce48194d7d59e4f38a"})), nil)
}

// A nonce counts once, whatever came of the call that it was used for.
func TestNonceReplayed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.Person()
	writer, reader := anna.Allows(w.write), anna.Allows(w.read)
	small, large := strings.Repeat("s", 100), strings.Repeat("l", library.InlineLimit+1)
	w.mustSend(t, w.push(writer, w.as(writer, nil), strings.NewReader(small)), nil)
	session := w.session(t, reader)
	name := w.names(t, reader, session)[0]
	contractOf := func(bearer string) request { return get("permission-access/contract", bearer) }
	file := func(method, name string) func(string) request {
		return func(bearer string) request {
			return request{method: method, path: "permission-access/query/" + session + "/" + name, bearer: bearer}
		}
	}
	pushing := func(content string) func(string) request {
		return func(bearer string) request { return w.push(writer, bearer, strings.NewReader(content)) }
	}
	for _, tt := range []struct {
		name  string
		by    *carreltest.Grant
		first func(bearer string) request
		// status is how the first call ends.
		status int
		// again is what follows with the same nonce; nil is the same call.
		again func(bearer string) request
	}{
		{"the same call", reader, contractOf, 200, nil},
		{"another call", reader, contractOf, 200,
			func(b string) request { return get("permission-access/accounts", b) }},
		{"a small push", writer, pushing(small), 200, nil},
		{"a large push", writer, pushing(large), 200, nil},
		{"a push after a call", writer, contractOf, 200, pushing(small)},
		{"a large push after a call", writer, contractOf, 200, pushing(large)},
		{"a call after a push", writer, pushing(small), 200, contractOf},
		{"a file", reader, file("GET", name), 200, nil},
		{"a file's metadata", reader, file("HEAD", name), 200, nil},
		{"a file after its metadata", reader, file("HEAD", name), 200, file("GET", name)},
		{"after a failed call", reader, file("GET", "nosuchfile"), 404, contractOf},
		{"after a failed HEAD", reader, file("HEAD", "nosuchfile"), 404, file("HEAD", name)},
		{"after a failed push", writer, func(b string) request {
			r := pushing(small)(b)
			r.header = http.Header{}
			return r
		}, 400, pushing(small)},
		{"after a body that is no JSON", reader,
			func(b string) request { return post("permission-access/trigger", b, "{") }, 400,
			func(b string) request { return post("permission-access/trigger", b, "{}") }},
		{"after another contract's token", writer,
			func(b string) request { return get("permission-access/accounts", b) }, 200, contractOf},
	} {
		t.Run(tt.name, func(t *testing.T) {
			nonce := wire.NewNonce()
			bearer := w.as(tt.by, claims{"nonce": nonce})
			if a := w.send(t, tt.first(bearer)); a.StatusCode != tt.status {
				t.Fatalf("the first call: %d %s", a.StatusCode, a.body)
			}
			if tt.again == nil {
				tt.again = tt.first
			}
			// Also in another token.
			for _, bearer := range []string{bearer, w.as(tt.by, claims{"nonce": nonce})} {
				a := w.refuses(t, tt.again(bearer), replayed(nonce))
				if a.Header.Get("X-Metadata") != "" || a.Header.Get("Last-Modified") != "" {
					t.Errorf("a replay gives the metadata away: %v", a.Header)
				}
			}
		})
	}
}

// Of many that use a nonce at once, one gets through.
func TestNonceRace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.Person()
	writer := anna.Allows(w.write)
	for _, size := range []int{10, library.InlineLimit + 1} {
		bearer := w.as(writer, nil)
		before := anna.FileCount()
		var wait sync.WaitGroup
		statuses := make([]int, 10)
		for i := range statuses {
			wait.Go(func() {
				a, err := w.try(t.Context(), w.push(writer, bearer, bytes.NewReader(make([]byte, size))))
				if err != nil {
					t.Error(err)
					return
				}
				statuses[i] = a.StatusCode
			})
		}
		wait.Wait()
		good := 0
		for _, s := range statuses {
			switch s {
			case 200:
				good++
			case 406:
			default:
				t.Errorf("status %d", s)
			}
		}
		if after := anna.FileCount(); good != 1 || after != before+1 {
			t.Errorf("of ten pushes of %d bytes with one nonce %d succeeded and left %d files",
				size, good, after-before)
		}
	}
}

// Each client has its own nonces, and a token that does not verify uses none up.
func TestNonceIsTheClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	nonce := wire.NewNonce()
	forged := w.bearer(&carreltest.Contract{Client: w.read.Client, Key: w.foreign.Key}, claims{"nonce": nonce})
	w.refuses(t, get("permission-access/contract", forged), badBearer("bearer token signature"))
	for _, c := range []*carreltest.Contract{w.read, w.write, w.foreign} {
		w.mustSend(t, get("permission-access/contract", w.bearer(c, claims{"nonce": nonce})), nil)
	}
	w.refuses(t, get("permission-access/contract", w.bearer(w.read, claims{"nonce": nonce})), replayed(nonce))
}
