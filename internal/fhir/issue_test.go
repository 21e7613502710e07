package fhir

import (
	"strings"
	"testing"
)

// The expression of an issue is FHIRPath, also if its location is not.
func TestExpression(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ body, location, expression string }{
		{`{"resourceType":"Patient","name":[{"family":1}]}`, "Patient.name[0].family", "Patient.name[0].family"},
		{`{"resourceType":"Patient","name":[{"1-2":[{"a":1}]}]}`, "Patient.name[0].(unknown)", "Patient.name[0]"},
		{`{"resourceType":"MedicationStatement","status":"active","taken":"y","subject":{"display":"x"}}`,
			"MedicationStatement.medication[x]", "MedicationStatement.medication"},
		{`[]`, "", ""},
	} {
		issues := issuesOf(t, STU3, []byte(tt.body))
		if len(issues) != 1 || issues[0].Location != tt.location || issues[0].expression() != tt.expression {
			t.Errorf("%s: want %s and %s, found %v", tt.body, tt.location, tt.expression, issues)
		}
	}
}

// Notes come before the issues.
func TestNotes(t *testing.T) {
	t.Parallel()
	f := &ValidationError{Issues: []Issue{{Location: "Patient.name", Code: CodeStructure, Text: "is null"}}}
	outcome := string(f.OperationOutcome("A note."))
	note, fault := strings.Index(outcome, `"A note."`), strings.Index(outcome, `"Patient.name: is null"`)
	if note < 0 || fault < note {
		t.Errorf("the outcome is %s", outcome)
	}
}

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
