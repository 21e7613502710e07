package fhir

import (
	"fmt"
	"strings"
	"testing"
)

// Names that differ only in case are duplicates, since a parser that folds case may
// take the last one.
func TestNamesThatDifferInCase(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for i := range 40 {
		fmt.Fprintf(&many, `"a%d":1,`, i)
	}
	for _, tt := range []struct{ name, body, at string }{
		{"method", bundle("batch",
			strings.Replace(patientEntry, `"method":"POST"`, `"method":"POST","Method":"DELETE"`, 1)),
			"Bundle.entry[0].request.Method"},
		{"entry", strings.Replace(bundle("batch", patientEntry), `"entry"`, `"Entry":[],"entry"`, 1), "Bundle.entry"},
		{"escaped", `{"resourceType":"Patient","active":true,"\u0041ctive":false}`, "Patient.Active"},
		{"beyond ASCII", `{"resourceType":"Patient","status":1,"\u017ftatus":2}`, "Patient.(unknown)"},
		{"among many", `{"resourceType":"Patient",` + many.String() + `"A7":1}`, "Patient.A7"},
		{"beyond ASCII, among many", `{"resourceType":"Patient",` + many.String() + `"kind":1,"\u212aind":1}`,
			"Patient.(unknown)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, v := range []Version{STU3, R4} {
				wantIssue(t, prepareIssues(t, v, tt.body), tt.at, "has had before")
			}
		})
	}
}

func TestNoElementsDifferInCase(t *testing.T) {
	t.Parallel()
	for _, d := range stu3().types {
		names := map[string]string{}
		for _, p := range d.loaded().properties {
			low := strings.ToLower(p.name)
			if other := names[low]; other != "" {
				t.Errorf("%s has %s and %s", d.name, other, p.name)
			}
			names[low] = p.name
		}
	}
}
