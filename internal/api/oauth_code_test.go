package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
)

// A code that its own application repeats is refused each time and shown once; the tokens go on.
func TestCodeRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.Person()
	k := anna.Allows(w.read)
	for range 60 {
		w.refused(t, w.send(t, post("oauth/token", w.bearer(w.read, exchanging(k)), "")),
			invalid(wire.KindAuthorizationCode))
	}
	if got := anna.Activity(); strings.Count(got, "app.code_reused") != 1 {
		t.Errorf("activity %s", got)
	}
	w.mustSend(t, get("permission-access/accounts", w.as(k, nil)), nil)
}

// A code that comes from other hands ends the tokens of the first use, and is shown once.
func TestCodeStolen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tt := range []struct {
		name     string
		by       *carreltest.Contract
		verifier any
		wait     time.Duration
		want     refusal
	}{
		{"another contract", w.second, carreltest.Verifier, 0, invalid(wire.KindAuthorizationCode)},
		{"another application", w.foreign, carreltest.Verifier, 0, invalid(wire.KindAuthorizationCode)},
		{"another verifier", w.write, wire.RandomAlphanumeric(43), 0, invalid(wire.KindCodeVerifier)},
		{"no verifier", w.write, nil, 0, invalid(wire.KindCodeVerifier)},
		{"after its life", w.write, carreltest.Verifier, 11 * time.Minute, invalid(wire.KindAuthorizationCode)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			anna := w.Person()
			k, later := anna.Allows(w.write), anna.Allows(w.write)
			w.mustSend(t, w.push(k, w.as(k, nil), strings.NewReader("one")), nil) // the server knows the token now
			refreshed, err := w.tokens(w.send(t, post("oauth/token", w.bearer(w.write, refreshing(k)), "")))
			if err != nil {
				t.Fatal(err)
			}
			w.Clock.Moves(tt.wait)
			for range 5 {
				w.refused(t, w.send(t, post("oauth/token", w.bearer(tt.by, claims{"grant_type": "authorization_code",
					"code": k.Code, "code_verifier": tt.verifier}), "")), tt.want)
			}
			for _, token := range []string{k.Token(), refreshed.AccessToken.Value} {
				own := w.write.GrantOfToken(token)
				w.refused(
					t,
					w.send(t, get("permission-access/accounts", w.as(own, nil))),
					invalid(wire.KindAccessToken),
				)
				w.refused(t, w.send(t, w.push(own, w.as(own, nil), strings.NewReader("two"))),
					invalid(wire.KindAccessToken))
			}
			w.refused(t, w.send(t, post("oauth/token", w.bearer(w.write, refreshing(k)), "")),
				invalid(wire.KindRefreshToken))
			w.mustSend(t, get("permission-access/accounts", w.as(later, nil)), nil)
			if got := anna.Activity(); strings.Count(got, "app.code_") != 1 {
				t.Errorf("activity %s", got)
			}
		})
	}
}

// A verifier has 43 to 128 characters of the alphabet of RFC 7636, whatever challenge was made of it.
func TestVerifierForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.Person()
	of := func(verifier string) *carreltest.Grant {
		return anna.Consents(w.write, func(q *wire.RequestClaims) { q.CodeChallenge = wire.Challenge(verifier) })
	}
	exchange := func(verifier string) answer {
		k := of(verifier)
		return w.send(t, post("oauth/token", w.bearer(w.write, claims{"grant_type": "authorization_code",
			"code": k.Code, "code_verifier": verifier}), ""))
	}
	for _, good := range []string{
		strings.Repeat("a", 43), strings.Repeat("0", 128), strings.Repeat("-._~", 11), carreltest.Verifier,
	} {
		if a := exchange(good); a.StatusCode != 200 {
			t.Errorf("%d characters: %d %s", len(good), a.StatusCode, a.body)
		}
	}
	for _, wrong := range []string{
		"a", strings.Repeat("a", 42), strings.Repeat("a", 129), strings.Repeat("a", 42) + "+",
		strings.Repeat("a", 42) + " ", strings.Repeat("é", 30), strings.Repeat("a", 43) + "=",
	} {
		w.refused(t, exchange(wrong), invalid(wire.KindCodeVerifier))
	}
	challenge := wire.Challenge(carreltest.Verifier)
	for _, wrong := range []string{challenge[:42], challenge + "A", challenge[:42] + "=", challenge[:42] + "+",
		challenge[:42] + "B"} {
		w.refused(t, w.send(t, post("oauth/authorize", w.bearer(w.write,
			authorizing(claims{"code_challenge": wrong})), "")), badChallenge)
	}
}

// A text that is not Unicode would be stored as another: it is refused, wherever it stands.
func TestTextsAreUnicode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.Person()
	reader, writer := anna.Allows(w.read), anna.Allows(w.write)
	for _, half := range []string{`\ud800`, `\udc00 and more`, `\ud83d\ud83d\ude00`, "\xff", "\xed\xa0\x80"} {
		for _, body := range []string{
			`{"scope":{"criteria":[{"metadata":{"reference":["%s"]}}]}}`, `{"agent":{"sdk":{"name":"%s"}}}`, `{"%s":1}`,
		} {
			w.refuses(t, post("permission-access/trigger", w.as(reader, nil), fmt.Sprintf(body, half)),
				bad("the body has a text that is not Unicode"))
		}
		w.refuses(t, post("discovery/sources", w.bearer(w.read, nil),
			fmt.Sprintf(`{"query":{"search":{"name":["%s"]}}}`, half)), bad("the body has a text that is not Unicode"))
		if strings.HasPrefix(half, `\`) { // Go would replace the others before they are sent
			for _, member := range []string{`"reference":["%s"]`, `"objectTypes":[{"name":"%s"}]`, `"fileName":"%s"`} {
				metadata := `{"mimeType":"text/plain","accounts":[{"accountId":"1"}],` + member + `}`
				w.refuses(t, w.pushing(writer, w.descriptor(w.write, raw(fmt.Sprintf(metadata, half)))),
					bad("FileDescriptor metadata has a text that is not Unicode"))
			}
			w.refuses(
				t,
				post("oauth/authorize", w.bearer(w.read, authorizing(claims{"state": raw(`"` + half + `"`)})), ""),
				badBearer("bearer token claims are not Unicode"),
			)
		}
	}
	for _, good := range []string{`\ud83d\ude00`, "😀", `\\ud800`, `\u00e9`} {
		w.mustSend(t, post("permission-access/trigger", w.as(reader, nil),
			fmt.Sprintf(`{"scope":{"criteria":[{"metadata":{"reference":["%s"]}}]}}`, good)), nil)
	}
	w.refuses(t, post("reference", w.bearer(w.read, nil), `{"type":"accountId","value":"a\u0000"}`), badValue)
}

// The options of a session are stored with it, and are bounded.
func TestSessionOptionsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader := w.Person().Allows(w.read)
	options := func(size int) string {
		return `{"scope":{"criteria":[{"metadata":{"tags":["` + strings.Repeat("x", size) + `"]}}]}}`
	}
	w.mustSend(t, post("permission-access/trigger", w.as(reader, nil), options(32_000)), nil)
	w.mustSend(t, post("oauth/authorize", w.bearer(w.read, authorizing(nil)),
		`{"actions":{"pull":`+options(32_000)+`}}`), nil)
	want := bad("the session options are larger than 32768 bytes")
	w.refuses(t, post("permission-access/trigger", w.as(reader, nil), options(33_000)), want)
	w.refuses(t, post("oauth/authorize", w.bearer(w.read, authorizing(nil)),
		`{"actions":{"pull":`+options(33_000)+`}}`), want)
	w.refuses(t, post("oauth/token/reference", w.as(reader, claims{"redirect_uri": callback}),
		`{"actions":{"pull":`+options(33_000)+`}}`), want)
}
