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

var noJSON = bad("the body is not the JSON that this call takes: …")

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
	const isNot = "the body is not the JSON that this call takes: "
	for body, problem := range map[string]string{
		`{"agent":"node"}`:                                   "agent: want an object, got string",
		`{"agent":{"sdk":"node"}}`:                           "agent.sdk: want an object, got string",
		`{"scope":"all"}`:                                    "scope: want an object, got string",
		`{"scope":{"criteria":{}}}`:                          "scope.criteria: want an array, got object",
		`{"scope":{"criteria":[{"from":"today"}]}}`:          "scope.criteria.from: want a number, got string",
		`{"scope":{"criteria":[{"metadata":{"tags":"x"}}]}}`: "scope.criteria.metadata.tags: want an array, got string",
		`{"scope":{"timeRanges":[{"to":1e400}]}}`:            "scope.timeRanges.to: want a number, got number 1e400",
		`{"scope":{"timeRanges":[null]}}`:                    "scope.timeRanges: want an object, got null",
		`{"scope":{"serviceGroups":[null]}}`:                 "scope.serviceGroups: want an object, got null",
		`{"scope":{"criteria":[null]}}`:                      "scope.criteria: want an object, got null",
		`{"scope":{"serviceGroups":[{"id":"3"}]}}`:           "scope.serviceGroups.id: want a whole number, got string",
		`{"sourceFetch":"no"}`:                               "sourceFetch: want true or false, got string",
		`{"sourceFetch":-1}`:                                 "sourceFetch: want true or false, got number",
		`{"limits":{"duration":{"sourceFetch":1.5}}}`: "limits.duration.sourceFetch: want a whole number, got " +
			"number 1.5",
		`{"sourceFetchFilter":{"account":{"id":"x"}}}`: "sourceFetchFilter.account.id: want an array, got string",
	} {
		t.Run(body, func(t *testing.T) { w.refuses(t, w.calls["trigger"](body), bad(isNot+problem)) })
		if !strings.Contains(body, "agent") {
			want := bad(isNot + "actions.pull." + problem)
			t.Run("pull "+body, func(t *testing.T) { w.refuses(t, w.calls["authorize"](pulling(body)), want) })
		}
	}
}

// TestBodyOfWrongTime sends times that are none.
func TestBodyOfWrongTime(t *testing.T) {
	t.Parallel()
	w := newBodyWorld(t)
	const noSpan = ": want a number from 1 to 10000 and a unit: 12h, 3d, 2w, 6m or 1y"
	for body, want := range map[string]string{
		`{"scope":{"criteria":[{"last":"soon"}]}}`:                    "scope.criteria.last" + noSpan,
		`{"scope":{"criteria":[{"last":"d"}]}}`:                       "scope.criteria.last" + noSpan,
		`{"scope":{"criteria":[{"last":"-1d"}]}}`:                     "scope.criteria.last" + noSpan,
		`{"scope":{"timeRanges":[{"last":"1 c"}]}}`:                   "scope.timeRanges.last" + noSpan,
		`{"scope":{"timeRanges":[{"last":"99999999999999999999d"}]}}`: "scope.timeRanges.last" + noSpan,
		`{"scope":{"timeRanges":[{"last":"0d"}]}}`:                    "scope.timeRanges.last" + noSpan,
		`{"scope":{"criteria":[{"last":"0h"}]}}`:                      "scope.criteria.last" + noSpan,
	} {
		t.Run(body, func(t *testing.T) { w.refuses(t, w.calls["trigger"](body), bad(want)) })
		t.Run("pull "+body, func(t *testing.T) { w.refuses(t, w.calls["authorize"](pulling(body)), bad(want)) })
	}
}

// TestBodyWithoutMeaning sends what would select nothing, or everything.
func TestBodyWithoutMeaning(t *testing.T) {
	t.Parallel()
	w := newBodyWorld(t)
	const groups, noID = "scope.serviceGroups", ".id: want a positive number"
	group := func(text string) string { return `{"scope":{"serviceGroups":[` + text + `]}}` }
	for _, tt := range []struct{ body, want string }{
		{`{"scope":{"timeRanges":[{"from":1730000001,"to":1730000000}]}}`, "scope.timeRanges: from is after to"},
		{`{"limits":{"duration":{"sourceFetch":-1}}}`, "limits.duration.sourceFetch: want seconds, or 0 for no limit"},
		{group(`{}`), groups + noID},
		{group(`{"id":1},{"id":-5}`), groups + noID},
		{group(`{"id":1,"serviceTypes":[{"id":2},{}]}`), groups + ".serviceTypes" + noID},
		{group(`{"id":1,"serviceTypes":[{"id":2,"serviceObjectTypes":[{}]}]}`),
			groups + ".serviceTypes.serviceObjectTypes" + noID},
	} {
		t.Run(tt.body, func(t *testing.T) { w.refuses(t, w.calls["trigger"](tt.body), bad(tt.want)) })
		t.Run("pull "+tt.body, func(t *testing.T) {
			w.refuses(t, w.calls["authorize"](pulling(tt.body)), bad(tt.want))
		})
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
