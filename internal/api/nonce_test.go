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
		{"none", nil, noNonce},
		{"empty", "", noNonce},
		{"short", strings.Repeat("a", 31), noNonce},
		{"long", strings.Repeat("a", 33), noNonce},
		{"with a dash", strings.Repeat("a", 31) + "-", noNonce},
		{"with a letter beyond ASCII", strings.Repeat("a", 30) + "é", noNonce},
		{"with a line end", strings.Repeat("a", 31) + "\n", noNonce},
		{"a number", 12345678, badClaims + "nonce: want a string, got number"},
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

// nonceWorld is a world with a file, and the calls that use a nonce in ways of their own.
type nonceWorld struct {
	*world
	writer, reader *carreltest.Grant
	session, name  string // of the file
}

func newNonceWorld(t *testing.T) *nonceWorld {
	t.Helper()
	w := &nonceWorld{world: newWorld(t)}
	anna := w.Person()
	w.writer, w.reader = anna.Allows(w.write), anna.Allows(w.read)
	w.mustSend(t, w.push(w.writer, w.as(w.writer, nil), strings.NewReader("a file")), nil)
	w.session = w.world.session(t, w.reader)
	w.name = w.names(t, w.reader, w.session)[0]
	return w
}

// A signedCall makes a request of a bearer token.
type signedCall func(bearer string) request

func contractDetails(bearer string) request { return get("permission-access/contract", bearer) }

func listAccounts(bearer string) request { return get("permission-access/accounts", bearer) }

// file reads a file of the session.
func (w *nonceWorld) file(method, name string) signedCall {
	return func(bearer string) request {
		return request{method: method, path: "permission-access/query/" + w.session + "/" + name, bearer: bearer}
	}
}

// pushOf pushes content of a size.
func (w *nonceWorld) pushOf(size int) signedCall {
	content := strings.Repeat("x", size)
	return func(bearer string) request { return w.push(w.writer, bearer, strings.NewReader(content)) }
}

// pushWithoutDescriptor is refused.
func (w *nonceWorld) pushWithoutDescriptor(bearer string) request {
	r := w.push(w.writer, bearer, strings.NewReader("x"))
	r.header = http.Header{}
	return r
}

func triggerWith(body string) signedCall {
	return func(bearer string) request { return post("permission-access/trigger", bearer, body) }
}

// A replay is a call and another with the same nonce.
type replay struct {
	name  string
	by    *carreltest.Grant
	first signedCall
	// status is how the first call ends.
	status int
	again  signedCall
}

// checkReplays checks that the second call of each is refused, also if it is signed anew.
func (w *nonceWorld) checkReplays(t *testing.T, replays []replay) {
	t.Helper()
	for _, tt := range replays {
		t.Run(tt.name, func(t *testing.T) {
			nonce := wire.NewNonce()
			bearer := w.as(tt.by, claims{"nonce": nonce})
			if a := w.send(t, tt.first(bearer)); a.StatusCode != tt.status {
				t.Fatalf("the first call: %d %s", a.StatusCode, a.body)
			}
			for _, bearer := range []string{bearer, w.as(tt.by, claims{"nonce": nonce})} {
				a := w.refuses(t, tt.again(bearer), replayed(nonce))
				if a.Header.Get("X-Metadata") != "" || a.Header.Get("Last-Modified") != "" {
					t.Errorf("a replay gives the metadata away: %v", a.Header)
				}
			}
		})
	}
}

// TestNonceReplayed repeats calls that have succeeded.
func TestNonceReplayed(t *testing.T) {
	t.Parallel()
	w := newNonceWorld(t)
	small, large := w.pushOf(100), w.pushOf(library.InlineLimit+1)
	get, head := w.file("GET", w.name), w.file("HEAD", w.name)
	w.checkReplays(t, []replay{
		{"the same call", w.reader, contractDetails, 200, contractDetails},
		{"another call", w.reader, contractDetails, 200, listAccounts},
		{"a small push", w.writer, small, 200, small},
		{"a large push", w.writer, large, 200, large},
		{"a push after a call", w.writer, contractDetails, 200, small},
		{"a large push after a call", w.writer, contractDetails, 200, large},
		{"a call after a push", w.writer, small, 200, contractDetails},
		{"a call after the accounts", w.writer, listAccounts, 200, contractDetails},
		{"a file", w.reader, get, 200, get},
		{"a file's metadata", w.reader, head, 200, head},
		{"a file after its metadata", w.reader, head, 200, get},
	})
}

// TestNonceReplayedAfterFailure uses the nonces of calls that have failed.
func TestNonceReplayedAfterFailure(t *testing.T) {
	t.Parallel()
	w := newNonceWorld(t)
	w.checkReplays(t, []replay{
		{"a call", w.reader, w.file("GET", "nosuchfile"), 404, contractDetails},
		{"a HEAD", w.reader, w.file("HEAD", "nosuchfile"), 404, w.file("HEAD", w.name)},
		{"a push", w.writer, w.pushWithoutDescriptor, 400, w.pushOf(100)},
		{"a body that is no JSON", w.reader, triggerWith("{"), 400, triggerWith("{}")},
	})
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
