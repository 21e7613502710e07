package main

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/carrelhq/carrel/digime"
)

// TestIssues checks that the issues of an OperationOutcome are printed one a line, without
// control characters.
func TestIssues(t *testing.T) {
	for name, test := range map[string]struct {
		outcome string
		want    []string
	}{
		"an outcome": {`{"resourceType":"OperationOutcome","issue":[
			{"severity":"error","code":"invalid","expression":["Bundle.entry[1].resource.status"],
				"location":["/f:Bundle"],"diagnostics":"is required"},
			{"severity":"warning","code":"informational","details":{"text":"two\nlines \u001b[31m"}}]}`,
			[]string{
				"error invalid: Bundle.entry[1].resource.status: is required",
				"warning informational: two lines [31m",
			}},
		"a batch": {`{"resourceType":"Bundle","type":"batch-response","entry":[{"response":{"status":"201 Created"}},
			{"response":{"status":"422","outcome":{"issue":[
				{"severity":"error","code":"code-invalid","location":["Observation.code"]}]}}}]}`,
			[]string{"entry 2 (422): error code-invalid: Observation.code"}},
		"something else": {`[1]`, nil},
		"nothing":        {``, nil},
	} {
		if got := issues(json.RawMessage(test.outcome)); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	refused := &digime.Error{
		Code: "ProviderRefused", Status: 422, Message: "refused",
		Outcome: json.RawMessage(`{"issue":[{"severity":"error","code":"invalid"}]}`),
	}
	err := explain(refused)
	if err.Error() != "refused (422 ProviderRefused)\n  error invalid" || !errors.Is(err, digime.ErrProviderRefused) {
		t.Errorf("explained as %q", err)
	}
	if plain := errors.New("plain"); explain(plain).Error() != "plain" || explain(nil) != nil {
		t.Error("explains what it does not know")
	}
}
