package fhir

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
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

// faultsOf is what a check finds in a body.
func faultsOf(t testing.TB, v Version, body []byte) []Issue {
	t.Helper()
	_, err := Validate(v, body)
	if err == nil {
		return nil
	}
	var f *ValidationError
	if !errors.As(err, &f) {
		t.Fatalf("Check failed with %T, not with faults: %v", err, err)
	}
	return f.Issues
}

// wantFault insists on a fault at a location, with a text that has some words.
func wantFault(t testing.TB, faults []Issue, location, words string) {
	t.Helper()
	for _, f := range faults {
		if f.Location == location && strings.Contains(f.Text, words) {
			return
		}
	}
	t.Errorf("no fault at %q with %q; there are %v", location, words, faults)
}

// Our own bodies pass the check, and real resources do: testdata/README.md says
// whose they are.
func TestValid(t *testing.T) {
	valid(t, "testdata/valid")
	valid(t, "testdata/examples")
}

func TestValidShared(t *testing.T) {
	valid(t, testenv.Shared(t, "fhir", "stu3", "valid"))
}

func valid(t *testing.T, folder string) {
	t.Helper()
	for name, body := range bodies(t, folder) {
		if faults := faultsOf(t, STU3, body); len(faults) > 0 {
			t.Errorf("%s: %v", name, faults)
		}
	}
}

// brokenAt is where each broken body, ours or of the reference material, is broken.
var brokenAt = map[string]struct {
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
	invalid(t, "testdata/invalid")
}

func TestInvalidShared(t *testing.T) {
	invalid(t, testenv.Shared(t, "fhir", "stu3", "invalid"))
}

func invalid(t *testing.T, folder string) {
	t.Helper()
	for name, body := range bodies(t, folder) {
		faults := faultsOf(t, STU3, body)
		want, ok := brokenAt[name]
		switch {
		case !ok:
			t.Errorf("%s: say in the table above where it is broken; found %v", name, faults)
		case len(faults) != 1 || faults[0].Location != want.at || faults[0].Code != want.code:
			t.Errorf("%s: want one fault %s at %q, found %v", name, want.code, want.at, faults)
		}
	}
}

func TestHints(t *testing.T) {
	for name, want := range map[string]string{
		"ServiceRequest":  "ServiceRequest is of FHIR R4; STU3 has ProcedureRequest and ReferralRequest",
		"MedicationOrder": "MedicationOrder is of FHIR DSTU2; STU3 has MedicationRequest",
		"Nonsense":        "Nonsense is not a type of resource in STU3",
		"DomainResource":  "DomainResource is not a type of resource in STU3",
		"999911120":       "must be the name of a type of resource in STU3",
	} {
		faults := faultsOf(t, STU3, []byte(`{"resourceType":"`+name+`"}`))
		if len(faults) != 1 || faults[0].Text != want {
			t.Errorf("%s: want %q, found %v", name, want, faults)
		}
	}
}

func TestReport(t *testing.T) {
	body := []byte(`{"resourceType":"Bundle","type":"collection","entry":[
		{"resource":{"resourceType":"Patient","meta":{"profile":["http://fhir.nl/fhir/StructureDefinition/nl-core-patient"]}}},
		{"resource":{"resourceType":"Basic","code":{"text":"x"},"meta":{"profile":["http://example.org/a","http://example.org/b"]}}}]}`)
	r, err := Validate(STU3, body)
	if err != nil {
		t.Fatal(err)
	}
	if r.ResourceType != "Bundle" || r.BundleType != "collection" || !r.StructureChecked || len(r.Resources) != 3 {
		t.Fatalf("a report of something else: %+v", r)
	}
	if got := r.Resources[2]; got.Type != "Basic" || !slices.Equal(got.Profiles, []string{"http://example.org/a", "http://example.org/b"}) {
		t.Errorf("the last resource is %+v", got)
	}
	if got := r.Profiles; len(got) != 3 {
		t.Errorf("profiles: %v", got)
	}
	for _, outcome := range [][]byte{r.Outcome(), (&Report{Version: R4}).Outcome(), (&Report{StructureChecked: true}).Outcome()} {
		if faults := faultsOf(t, STU3, outcome); len(faults) > 0 {
			t.Errorf("the outcome is not well formed: %v\n%s", faults, outcome)
		}
	}
}
