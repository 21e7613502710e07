package api_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// authorizing are the claims of an honest oauth/authorize, and more.
func authorizing(more claims) claims {
	all := claims{"redirect_uri": callback, "response_type": "code", "response_mode": "query", "state": "a state",
		"code_challenge": wire.Challenge(wire.RandomAlphanumeric(43)), "code_challenge_method": "S256"}
	maps.Copy(all, more)
	return all
}

// Both calls that send a browser somewhere take a registered address alone, as it is
// written; the query is free.
func TestRedirectURI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader := w.Person().Allows(w.read)
	calls := map[string]func(uri any) request{
		"authorize": func(uri any) request {
			return post("oauth/authorize", w.bearer(w.read, authorizing(claims{"redirect_uri": uri})), "")
		},
		"reference": func(uri any) request {
			return post("oauth/token/reference", w.as(reader, claims{"redirect_uri": uri}), "")
		},
	}
	for call, build := range calls {
		for _, uri := range []string{callback, callback + "?", callback + "?shop=7&name=a%20b",
			callback + "?a=%E2%98%82"} {
			t.Run(call+"/good "+uri, func(t *testing.T) { w.mustSend(t, build(uri), nil) })
		}
		for _, uri := range []string{
			"", "/back", "//clinic.example.org/back", "back", "https:", "https://",
			callback + "/", callback + "/elsewhere", callback + "x", callback + "/../back", callback + "%2F",
			"https://clinic.example.org/%62ack",
			"https://clinic.example.org", "https://clinic.example.org//back", "https://clinic.example.org/BACK",
			"https://clinic.example.org/./back",
			"https://CLINIC.example.org/back", "HTTPS://clinic.example.org/back", "http://clinic.example.org/back",
			"ftp://clinic.example.org/back",
			"https://clinic.example.org:443/back", "https://clinic.example.org:1/back",
			"https://clinic.example.org.evil.example/back",
			"https://evil.example/?" + callback, "https://clinic.example.org@evil.example/back",
			"https://u@clinic.example.org/back", "https://u:p@clinic.example.org/back",
			"https://clinic.example.org\\@evil.example/back", "https://evil.example\\.clinic.example.org/back",
			callback + "#a", callback + "?b#a", callback + "#", "javascript:alert(1)", "data:text/html,x",
			callback + "/☂\r\nx: y", callback + "?a\r\nx: y", callback + "?a b", " " + callback, callback + " ",
			callback + "\x00", callback + "?a\x7f",
			callback + "?a;b=%zz",
		} {
			t.Run(call+"/"+uri, func(t *testing.T) {
				w.refuses(t, build(uri),
					refusal{400, wire.CodeInvalidRedirectURI, "The redirect_uri (" + uri + ") is invalid"})
			})
		}
		t.Run(call+"/none", func(t *testing.T) {
			w.refuses(t, build(nil), refusal{400, wire.CodeInvalidRedirectURI, "The redirect_uri () is invalid"})
		})
		t.Run(call+"/long", func(t *testing.T) {
			a := w.refuses(t, build(callback+"?"+strings.Repeat("☂", 2500)),
				refusal{400, wire.CodeInvalidRedirectURI, "The redirect_uri (" + callback + "?☂☂…"})
			if n := headSize(a.Header); n > 16<<10 {
				t.Errorf("%d bytes of headers, more than a client takes", n)
			}
		})
	}
}

func headSize(h http.Header) (n int) {
	for name, values := range h {
		for _, v := range values {
			n += len(name) + len(v) + len(": \r\n")
		}
	}
	return n
}

// What else an oauth/authorize can get wrong.
func TestAuthorizeRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tt := range []struct {
		name string
		with claims
		want refusal
	}{
		{"state too long", claims{"state": strings.Repeat("s", 4097)}, bad("state is too long")},
		{"no challenge", claims{"code_challenge": nil, "code_challenge_method": nil},
			bad("code_challenge_method must be S256")},
		{"no challenge but its method", claims{"code_challenge": nil}, badChallenge},
		{"no method", claims{"code_challenge_method": nil}, bad("code_challenge_method must be S256")},
		{"plain", claims{"code_challenge_method": "plain"}, bad("code_challenge_method must be S256")},
		{"method in lower case", claims{"code_challenge_method": "s256"}, bad("code_challenge_method must be S256")},
		{"short challenge", claims{"code_challenge": "abc"}, badChallenge},
		{"long challenge", claims{"code_challenge": strings.Repeat("a", 44)}, badChallenge},
		{"response type", claims{"response_type": "token"}, bad("response_type: want code")},
		{"response mode", claims{"response_mode": "fragment"}, bad("response_mode: want query")},
		{"state a number", claims{"state": 1}, badBearer(badClaims + "state: want a string, got number")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.refuses(t, post("oauth/authorize", w.bearer(w.read, authorizing(tt.with)), ""), tt.want)
		})
	}
	var opened wire.SignedAnswer
	w.mustSend(t,
		post("oauth/authorize", w.bearer(w.read, authorizing(claims{"state": strings.Repeat("s", 4096)})), ""), &opened)
	if opened.Session == nil || opened.Session.Key == "" || opened.Session.Expiry.Time().Before(w.Clock.Now()) {
		t.Errorf("session %+v", opened.Session)
	}
	// response_type and response_mode say nothing that is not so anyway.
	w.mustSend(t, post("oauth/authorize",
		w.bearer(w.read, authorizing(claims{"response_type": nil, "response_mode": nil, "state": nil})), ""), nil)
}

// authorizationCode makes a call of oauth/authorize and returns the code for the browser's address.
func (w *world) authorizationCode(t testing.TB, r request) string {
	t.Helper()
	var signed wire.SignedAnswer
	w.mustSend(t, r, &signed)
	var link struct {
		Code string `json:"preauthorization_code"`
	}
	if err := must(wire.ParseToken(signed.Token)).Peek(&link); err != nil {
		t.Fatal(err)
	}
	return link.Code
}

// An access token joins the new grant to its library: that of any contract of the
// same application, even one that has expired, but none that was taken back.
func TestAuthorizeJoins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, bram := w.Person(), w.Person()
	old := anna.Allows(w.second)
	w.Clock.Moves(25 * time.Hour)
	good, ended, foreign := anna.Allows(w.write), bram.Allows(w.write), anna.Allows(w.foreign)
	bram.Stops(ended)
	for _, tt := range []struct {
		name, token string
		taken       bool
	}{
		{"another contract's", good.Token(), true},
		{"expired", old.Token(), true},
		{"revoked", ended.Token(), false},
		{"another application's", foreign.Token(), false},
		{"unknown", wire.RandomAlphanumeric(43), false},
		{"a refresh token", good.Refresh(), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := post("oauth/authorize", w.bearer(w.read, authorizing(claims{"access_token": tt.token})), "")
			if !tt.taken {
				w.refuses(t, r, invalid(wire.KindAccessToken))
				return
			}
			found, err := w.Consents.FindRequest(t.Context(), library.AuthorizeRequest, w.authorizationCode(t, r))
			if err != nil || found.Library != anna.Library {
				t.Errorf("a request for %q, error %v", found.Library, err)
			}
		})
	}
}

// oauth/token/reference speaks for a person whose token is the contract's own. An
// expired one is good for renewing the consent alone.
func TestTokenReference(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.Person()
	reader, writer := anna.Allows(w.read), anna.Allows(w.write)
	renewing := claims{
		"code_challenge":        wire.Challenge(wire.RandomAlphanumeric(43)),
		"code_challenge_method": "S256",
		"redirect_uri":          callback,
	}
	onboard := claims{"redirect_uri": callback, "state": "more"}
	call := func(k *carreltest.Grant, with claims) request {
		return post("oauth/token/reference", w.as(k, with), "")
	}

	w.mustSend(t, call(reader, onboard), nil)
	w.mustSend(t, call(reader, renewing), nil)
	w.refuses(t, call(reader, claims{"redirect_uri": callback, "code_challenge": "x", "code_challenge_method": "S256"}),
		badChallenge)
	w.refuses(t, call(reader, claims{"redirect_uri": callback, "state": strings.Repeat("s", 4097)}),
		bad("state is too long"))
	for _, with := range []claims{onboard, renewing} {
		all := claims{"access_token": writer.Token()}
		maps.Copy(all, with)
		w.refuses(t, post("oauth/token/reference", w.bearer(w.read, all), ""), invalid(wire.KindAccessToken))
	}
	w.Clock.Moves(25 * time.Hour)
	w.refuses(t, call(reader, onboard), expired(wire.KindAccessToken))
	w.mustSend(t, call(reader, renewing), nil)
}
