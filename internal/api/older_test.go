package api_test

import (
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
)

// Older clients fetch the key set below the base path that they call. Every base has the same keys, and no other call.
func TestKeySetUnderOlderBases(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	newest := w.mustSend(t, get("/v1.7/jwks/oauth", ""), nil)
	for _, base := range []string{"/v1.4/", "/v1.5/", "/v1.6/"} {
		t.Run(base, func(t *testing.T) {
			var set wire.KeySet
			older := w.mustSend(t, get(base+"jwks/oauth", ""), &set)
			if len(set.Keys) == 0 || string(older.body) != string(newest.body) {
				t.Errorf("keys %s, want those of %s", older.body, newest.body)
			}
			w.refuses(t, get(base+"permission-access/contract", w.bearer(w.read, nil)), notFound("Call"))
		})
	}
	w.refuses(t, get("/v1.3/jwks/oauth", ""), notFound("Call"))
}

// The iOS SDK reports its events, which the server accepts from a known client and discards.
func TestTracking(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	events := `{"agent":{"sdk":{"name":"ios","version":"5.1.0"}},"events":[{"event":"sync"}]}`
	if a := w.mustSend(t, post("tracking/sdk", w.bearer(w.read, nil), events), nil); string(a.body) != "{}" {
		t.Errorf("answer %q, want {}", a.body)
	}
	w.refuses(t, post("tracking/sdk", "", events), badBearer("bearer token"))
	w.refuses(t, post("tracking/sdk", w.bearer(w.read, nil), "{"),
		bad("the body is not the JSON that this call takes"))
}
