package fhir

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/testenv"
)

// bodies reads the JSON files of a folder, by name.
func bodies(t testing.TB, folder string) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no bodies in %s: %v", folder, err)
	}
	all := map[string][]byte{}
	for _, name := range names {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(name)] = body
	}
	return all
}

// issuesOf returns the issues that Validate finds.
func issuesOf(t testing.TB, v Version, body []byte) []Issue {
	t.Helper()
	_, err := Validate(v, body)
	if err == nil {
		return nil
	}
	var f *ValidationError
	if !errors.As(err, &f) {
		t.Fatalf("Validate failed with %T, not with issues: %v", err, err)
	}
	return f.Issues
}

// wantIssue fails the test unless there is an issue at a location whose text has
// certain words.
func wantIssue(t testing.TB, issues []Issue, location, words string) {
	t.Helper()
	for _, f := range issues {
		if f.Location == location && strings.Contains(f.Text, words) {
			return
		}
	}
	t.Errorf("no issue at %q with %q; there are %v", location, words, issues)
}

// wantOnly fails the test unless there is exactly one issue, at a location and with certain
// words, or none if the words are empty.
func wantOnly(t testing.TB, issues []Issue, location, words string) {
	t.Helper()
	if words != "" {
		wantIssue(t, issues, location, words)
	}
	if n := len(issues); n > 1 || n == 1 && words == "" {
		t.Errorf("there are too many issues: %v", issues)
	}
}

// TestValid validates the valid bodies of testdata. testdata/README.md has their origins.
func TestValid(t *testing.T) {
	t.Parallel()
	valid(t, "testdata/valid")
	valid(t, "testdata/examples")
}

func TestValidShared(t *testing.T) {
	t.Parallel()
	valid(t, testenv.Shared(t, "fhir", "stu3", "valid"))
}

func valid(t *testing.T, folder string) {
	t.Helper()
	for name, body := range bodies(t, folder) {
		if issues := issuesOf(t, STU3, body); len(issues) > 0 {
			t.Errorf("%s: %v", name, issues)
		}
	}
}

// issueAt is the location of the issue in each invalid body of testdata and of the
// reference material.
var issueAt = map[string]struct {
	at   string
	code IssueCode
}{
	"bundle-entry-invalid-resource.json":             {"Bundle.entry[1].resource.status", CodeRequired},
	"bundle-missing-type.json":                       {"Bundle.type", CodeRequired},
	"bundle-transaction-entry-without-request.json":  {"Bundle.entry[1].request", CodeRequired},
	"dstu2-only-resource-medicationorder.json":       {"MedicationOrder.resourceType", CodeStructure},
	"no-resource-type.json":                          {"Resource.resourceType", CodeRequired},
	"observation-category-empty-array.json":          {"Observation.category", CodeStructure},
	"observation-missing-code.json":                  {"Observation.code", CodeRequired},
	"observation-missing-status.json":                {"Observation.status", CodeRequired},
	"observation-quantity-value-string.json":         {"Observation.valueQuantity.value", CodeValue},
	"observation-r4-encounter.json":                  {"Observation.encounter", CodeStructure},
	"observation-r4-value-integer.json":              {"Observation.valueInteger", CodeStructure},
	"observation-reference-malformed.json":           {"Observation.subject.reference", CodeValue},
	"observation-reference-wrong-target.json":        {"Observation.subject.reference", CodeValue},
	"observation-status-number.json":                 {"Observation.status", CodeValue},
	"observation-status-unknown-code.json":           {"Observation.status", CodeCodeInvalid},
	"observation-two-values.json":                    {"Observation.valueString", CodeStructure},
	"observation-unknown-element.json":               {"Observation.measuredBy", CodeStructure},
	"patient-active-string.json":                     {"Patient.active", CodeValue},
	"patient-birthdate-dutch-format.json":            {"Patient.birthDate", CodeValue},
	"patient-birthdate-impossible.json":              {"Patient.birthDate", CodeValue},
	"patient-gender-unknown-code.json":               {"Patient.gender", CodeCodeInvalid},
	"patient-name-not-array.json":                    {"Patient.name", CodeStructure},
	"patient-telecom-rank-zero.json":                 {"Patient.telecom[0].rank", CodeValue},
	"questionnaireresponse-item-without-linkid.json": {"QuestionnaireResponse.item[0].linkId", CodeRequired},
	"r4-only-resource-servicerequest.json":           {"ServiceRequest.resourceType", CodeStructure},
	"top-level-array.json":                           {"", CodeStructure},
	"truncated-json.json":                            {"Observation.text.div", CodeInvalid},
}

func TestInvalid(t *testing.T) {
	t.Parallel()
	invalid(t, "testdata/invalid")
}

func TestInvalidShared(t *testing.T) {
	t.Parallel()
	invalid(t, testenv.Shared(t, "fhir", "stu3", "invalid"))
}

func invalid(t *testing.T, folder string) {
	t.Helper()
	for name, body := range bodies(t, folder) {
		issues := issuesOf(t, STU3, body)
		want, ok := issueAt[name]
		switch {
		case !ok:
			t.Errorf("%s: issueAt does not have it; found %v", name, issues)
		case len(issues) != 1 || issues[0].Location != want.at || issues[0].Code != want.code:
			t.Errorf("%s: want one issue %s at %q, found %v", name, want.code, want.at, issues)
		}
	}
}
