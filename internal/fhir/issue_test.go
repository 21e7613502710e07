package fhir

import (
	"strings"
	"testing"
)

func TestMoreFaults(t *testing.T) {
	t.Parallel()
	_, err := Validate(STU3, []byte(`{"resourceType":"Patient","name":[`+strings.Repeat(`{"family":1},`, 99)+`{}]}`))
	f, ok := err.(*ValidationError) //nolint:errorlint // Validate promises it
	if !ok || len(f.Issues) != maxIssues || !f.Truncated {
		t.Fatalf("want %d issues and more, found %v", maxIssues, err)
	}
	if issues := issuesOf(t, STU3, f.OperationOutcome()); len(issues) > 0 {
		t.Errorf("the OperationOutcome is not valid: %v", issues)
	}
	if !strings.Contains(err.Error(), "more than 49 other faults") {
		t.Errorf("the error says %q", err)
	}
}
