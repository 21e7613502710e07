package wire

import (
	"encoding/json"
	"errors"
	"testing"
)

// What is wrong with a body is named by its member, as far down as there is one.
func TestJSONProblem(t *testing.T) {
	for text, want := range map[string]string{
		`[]`:                        "want an object, got array",
		`{"sourceFetch":-1}`:        "sourceFetch: want true or false, got number",
		`{"scope":"all"}`:           "scope: want an object, got string",
		`{"scope":{"criteria":{}}}`: "scope.criteria: want an array, got object",
		`{"scope":{"criteria":[{"from":"today"}]}}`:  "scope.criteria.from: want a number, got string",
		`{"scope":{"timeRanges":[{"to":null}]}}`:     "scope.timeRanges.to: want a number, got null",
		`{"scope":{"timeRanges":[{"to":1e300}]}}`:    "scope.timeRanges.to: want a number, got one out of range",
		`{"scope":{"timeRanges":[{"last":3}]}}`:      "scope.timeRanges.last: want a string, got number",
		`{"scope":{"timeRanges":[{"from":1},null]}}`: "scope.timeRanges: want an object, got null",
		`{"scope":{"serviceGroups":[null]}}`:         "scope.serviceGroups: want an object, got null",
		`{"scope":{"criteria":[null]}}`:              "scope.criteria: want an object, got null",
		`{"scope":{"serviceGroups":[{"id":"3"}]}}`:   "scope.serviceGroups.id: want a whole number, got string",
		`{"limits":{"duration":{"sourceFetch":1.5}}}`: "limits.duration.sourceFetch: want a whole number, got number " +
			"1.5",
		`{"agent":{"sdk":"node"}}`: "agent.sdk: want an object, got string",
		`{"scope":`:                "byte 9: unexpected end of JSON input",
		`{'scope'}`:                `byte 2: invalid character '\'' looking for beginning of object key string`,
	} {
		var request TriggerRequest
		if got := JSONProblem(json.Unmarshal([]byte(text), &request)); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	if got := JSONProblem(errors.New("other")); got != "" {
		t.Errorf("another error: %q", got)
	}
}
