package api_test

import (
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
)

// bodyWorld is a world with the calls that take a body of JSON, by their names.
type bodyWorld struct {
	*world
	calls map[string]func(body string) request
}

func newBodyWorld(t *testing.T) *bodyWorld {
	t.Helper()
	w := newWorld(t)
	reader := w.Person().Allows(w.read)
	return &bodyWorld{w, map[string]func(body string) request{
		"authorize": func(body string) request {
			return post("oauth/authorize", w.bearer(w.read, authorizing(nil)), body)
		},
		"token reference": func(body string) request {
			return post("oauth/token/reference", w.as(reader, claims{"redirect_uri": callback}), body)
		},
		"trigger":   func(body string) request { return post("permission-access/trigger", w.as(reader, nil), body) },
		"reference": func(body string) request { return post("reference", w.bearer(w.read, nil), body) },
	}}
}

// pulling is a body of authorize with the options of a session.
func pulling(options string) string { return `{"actions":{"pull":` + options + `}}` }

var noJSON = bad("the body is not the JSON that this call takes")

// TestBodyNoJSON sends to each call what is not one object of JSON.
func TestBodyNoJSON(t *testing.T) {
	t.Parallel()
	w := newBodyWorld(t)
	for _, tt := range []struct {
		name, body string
		want       refusal
	}{
		{"text", "hello", noJSON},
		{"half", `{"agent":`, noJSON},
		{"two", `{} {}`, noJSON},
		{"a list", `[]`, noJSON},
		{"a string", `"{}"`, noJSON},
		{"a number", `1`, noJSON},
		{"byte order mark", "\xef\xbb\xbf{}", noJSON},
		{"NUL", "\x00", noJSON},
		{"blank", " ", noJSON},
		{"single quotes", `{'agent':{}}`, noJSON},
		{"deep lists", strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000), noJSON},
		{"deep objects", strings.Repeat(`{"agent":`, 20_000) + "1" + strings.Repeat("}", 20_000), noJSON},
		{"2 MiB", `{"agent":"` + strings.Repeat("x", 2<<20) + `"}`,
			refusal{413, wire.CodePayloadTooLarge, "The body is too long"}},
	} {
		for call, build := range w.calls {
			t.Run(tt.name+"/"+call, func(t *testing.T) { w.refuses(t, build(tt.body), tt.want) })
		}
	}
}

// TestBodyOfWrongShape sends members of the wrong types.
func TestBodyOfWrongShape(t *testing.T) {
	t.Parallel()
	w := newBodyWorld(t)
	for _, body := range []string{
		`{"agent":"node"}`, `{"agent":{"sdk":"node"}}`, `{"scope":"all"}`, `{"scope":{"criteria":{}}}`,
		`{"scope":{"criteria":[{"from":"today"}]}}`,
		`{"scope":{"criteria":[{"metadata":{"tags":"x"}}]}}`, `{"scope":{"timeRanges":[{"to":1e400}]}}`,
		`{"scope":{"serviceGroups":[{"id":"3"}]}}`,
		`{"sourceFetch":"no"}`, `{"limits":{"duration":{"sourceFetch":1.5}}}`,
		`{"sourceFetchFilter":{"account":{"id":"x"}}}`,
	} {
		t.Run(body, func(t *testing.T) { w.refuses(t, w.calls["trigger"](body), noJSON) })
		if !strings.Contains(body, "agent") {
			t.Run("pull "+body, func(t *testing.T) { w.refuses(t, w.calls["authorize"](pulling(body)), noJSON) })
		}
	}
}

// TestBodyOfWrongTime sends times that are none.
func TestBodyOfWrongTime(t *testing.T) {
	t.Parallel()
	w := newBodyWorld(t)
	for body, want := range map[string]string{
		`{"scope":{"criteria":[{"last":"soon"}]}}`:                    "scope.criteria.last",
		`{"scope":{"criteria":[{"last":"d"}]}}`:                       "scope.criteria.last",
		`{"scope":{"criteria":[{"last":"-1d"}]}}`:                     "scope.criteria.last",
		`{"scope":{"timeRanges":[{"last":"1 c"}]}}`:                   "scope.timeRanges.last",
		`{"scope":{"timeRanges":[{"last":"99999999999999999999d"}]}}`: "scope.timeRanges.last",
	} {
		t.Run(body, func(t *testing.T) { w.refuses(t, w.calls["trigger"](body), bad(want)) })
		t.Run("pull "+body, func(t *testing.T) { w.refuses(t, w.calls["authorize"](pulling(body)), bad(want)) })
	}
}

// TestBodyLenient sends bodies that leave members out, or have members that are not known.
func TestBodyLenient(t *testing.T) {
	t.Parallel()
	w := newBodyWorld(t)
	for _, body := range []string{"", "{}", "null", `{"scope":null,"limits":null,"agent":null}`,
		`{"accept":{"compression":"gzip"},"x":[1,{}]}`,
		`{"scope":{"criteria":[{"last":"3d"},{"last":"6m"},{"last":"1y"}]}}`} {
		for _, call := range []string{"trigger", "authorize"} {
			t.Run(call+" "+body, func(t *testing.T) { w.mustSend(t, w.calls[call](body), nil) })
		}
	}
}
