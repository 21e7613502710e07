package fhir

import (
	"slices"
	"testing"
)

func TestReport(t *testing.T) {
	t.Parallel()
	body := []byte(`{"resourceType":"Bundle","type":"collection","entry":[
		{"resource":{"resourceType":"Patient","meta":{
			"profile":["http://fhir.nl/fhir/StructureDefinition/nl-core-patient"]}}},
		{"resource":{"resourceType":"Basic","code":{"text":"x"},"meta":{
			"profile":["http://example.org/a","http://example.org/b"]}}}]}`)
	r, err := Validate(STU3, body)
	if err != nil {
		t.Fatal(err)
	}
	if r.ResourceType != "Bundle" || r.BundleType != "collection" || !r.StructureChecked || len(r.Resources) != 3 {
		t.Fatalf("the report is %+v", r)
	}
	if got := r.Resources[2]; got.Type != "Basic" ||
		!slices.Equal(got.Profiles, []string{"http://example.org/a", "http://example.org/b"}) {
		t.Errorf("the last resource is %+v", got)
	}
	if got := r.Profiles; len(got) != 3 {
		t.Errorf("profiles: %v", got)
	}
	for _, outcome := range [][]byte{r.OperationOutcome(), (&Report{Version: R4}).OperationOutcome("A note."),
		(&Report{StructureChecked: true}).OperationOutcome()} {
		if issues := issuesOf(t, STU3, outcome); len(issues) > 0 {
			t.Errorf("the OperationOutcome is not valid: %v\n%s", issues, outcome)
		}
	}
}
