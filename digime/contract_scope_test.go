package digime_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
)

// The details of a contract have its scope, and write what they have read.
func TestContractScope(t *testing.T) {
	t.Parallel()
	const bound = `{"raw":true,"mapped":true,"serviceGroups":[{"id":5,"serviceTypes":[` +
		`{"id":19,"serviceObjectTypes":[{"id":406}]},{"id":20}]},{"id":3}],` +
		`"timeRanges":[{"last":"3y"},{"from":1262304000,"to":1420070399}]}`
	for text, want := range map[string]digime.ContractScope{
		bound: {
			Pushed: true, Mapped: true,
			ServiceGroups: []digime.ServiceGroupScope{
				{ID: 5, Services: []digime.ServiceScope{
					{ID: 19, ObjectTypes: []digime.ObjectTypeID{406}}, {ID: 20},
				}},
				{ID: 3},
			},
			TimeRanges: []digime.TimeRange{{Last: "3y"}, {
				From: time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2014, 12, 31, 23, 59, 59, 0, time.UTC),
			}},
		},
		`{"raw":true,"own":true,"mapped":false}`: {Pushed: true, Own: true},
		"":                                       {},
	} {
		answer := `{"id":"c1","accessType":"r"}`
		if text != "" {
			answer = `{"id":"c1","accessType":"r","scope":` + text + `}`
		}
		var details digime.ContractDetails
		if err := json.Unmarshal([]byte(answer), &details); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(details.Scope, want) {
			t.Errorf("%s: scope %+v", text, details.Scope)
		}
		written, err := json.Marshal(details)
		if err != nil {
			t.Fatal(err)
		}
		var again struct {
			Scope json.RawMessage `json:"scope"`
		}
		if err := json.Unmarshal(written, &again); err != nil || string(again.Scope) != text {
			t.Errorf("written %s, %v, want %s", again.Scope, err, text)
		}
	}
}
