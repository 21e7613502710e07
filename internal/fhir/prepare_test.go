package fhir

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/testenv"
)

// prepareIssues returns the issues that Prepare finds.
func prepareIssues(t testing.TB, v Version, body string) []Issue {
	t.Helper()
	_, err := Prepare(v, []byte(body))
	if err == nil {
		return nil
	}
	var f *ValidationError
	if !errors.As(err, &f) {
		t.Fatalf("Prepare failed with %T, not with issues: %v", err, err)
	}
	return f.Issues
}

func prepare(t testing.TB, v Version, body string) *Interaction {
	t.Helper()
	out, err := Prepare(v, []byte(body))
	if err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return out
}

func TestPrepareResource(t *testing.T) {
	t.Parallel()
	const observation = `"resourceType":"Observation","status":"final","code":{"text":"x"},` +
		`"valueQuantity":{"value":72.50}`
	for _, tt := range []struct{ name, body, want string }{
		{"without id", `{` + observation + `}`, `{` + observation + `}`},
		{"id first", `{ "id" : "a1", ` + observation + ` }`, `{ ` + observation + ` }`},
		{"id last", `{` + observation + ` , "id":"a1" }`, `{` + observation + ` }`},
		{"id and its extension first", `{"id":"a1","_id":{"id":"x"},` + observation + `}`, `{` + observation + `}`},
		{"id and its extension last", `{` + observation + `,"id":"a1","_id":{"id":"x"}}`, `{` + observation + `}`},
		{"id in the middle", `{"meta":{"versionId":"1"},"id":"a1",` + observation + `}`,
			`{"meta":{"versionId":"1"},` + observation + `}`},
		{"id spelled with an escape", `{"\u0069d":"a1",` + observation + `}`, `{` + observation + `}`},
		{"contained keep theirs",
			`{"contained":[{"resourceType":"Device","id":"d"}],"device":{"reference":"#d"},` + observation + `}`,
			`{"contained":[{"resourceType":"Device","id":"d"}],"device":{"reference":"#d"},` + observation + `}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := prepare(t, STU3, tt.body)
			if string(out.Body) != tt.want {
				t.Errorf("prepared as\n%s\nwant\n%s", out.Body, tt.want)
			}
			if out.Path != "Observation" || out.BundleType != "" || !slices.Equal(out.Types, []string{"Observation"}) ||
				!out.StructureChecked {
				t.Errorf("the interaction is %+v", out)
			}
		})
	}
}

// Entries of the tests' Bundles.
const (
	patientEntry = `{"fullUrl":"urn:uuid:c33f0001-6a95-41ec-8000-000000000001",` +
		`"resource":{"resourceType":"Patient","active":true},"request":{"method":"POST","url":"Patient"}}`
	taskEntry = `{"fullUrl":"https://provider.example/fhir/Task/t1","resource":{"resourceType":"Task","id":"t1",` +
		`"status":"completed","intent":"order"},"request":{"method":"PUT","url":"Task/t1"}}`
)

func bundle(kind string, entries ...string) string {
	return `{"resourceType":"Bundle","type":"` + kind + `","entry":[` + strings.Join(entries, ",") + `]}`
}

func TestPrepareBundle(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"batch", "transaction"} {
		body := bundle(kind, patientEntry, taskEntry)
		out := prepare(t, STU3, body)
		if string(out.Body) != body || out.Path != "" || out.BundleType != kind ||
			!slices.Equal(out.Types, []string{"Patient", "Task"}) {
			t.Errorf("%s is prepared as %+v", kind, out)
		}
	}
}

func TestPrepareRefuses(t *testing.T) {
	t.Parallel()
	swap := func(entry, old, with string) string {
		if !strings.Contains(entry, old) {
			t.Fatalf("no %s in %s", old, entry)
		}
		return bundle("batch", strings.Replace(entry, old, with, 1))
	}
	for _, tt := range []struct{ name, body, at, words string }{
		{"document", bundle("document"), "Bundle.type", "must be batch or transaction"},
		{"message", bundle("message"), "Bundle.type", "must be batch or transaction"},
		{"searchset", `{"resourceType":"Bundle","type":"searchset"}`, "Bundle.type", "must be batch or transaction"},
		{"history", `{"resourceType":"Bundle","type":"history"}`, "Bundle.type", "must be batch or transaction"},
		{"batch-response", `{"resourceType":"Bundle","type":"batch-response"}`, "Bundle.type",
			"must be batch or transaction"},
		{"transaction-response", `{"resourceType":"Bundle","type":"transaction-response"}`, "Bundle.type",
			"must be batch or transaction"},
		{"nothing in it", `{"resourceType":"Bundle","type":"batch"}`, "Bundle.entry", "nothing to send"},
		{"nothing in a collection", `{"resourceType":"Bundle","type":"collection"}`, "Bundle.entry", "nothing to send"},
		{"Parameters", `{"resourceType":"Parameters"}`, "Parameters", "does not store"},
		{"Parameters in a batch", swap(patientEntry, `{"resourceType":"Patient","active":true}`,
			`{"resourceType":"Parameters"}`), "Bundle.entry[0].resource", "does not store"},
		{"read", bundle("batch", `{"request":{"method":"GET","url":"Patient/1"}}`), "Bundle.entry[0].request.method",
			"POST or PUT"},
		{"delete", bundle("batch", `{"request":{"method":"DELETE","url":"Patient/1"}}`),
			"Bundle.entry[0].request.method", "POST or PUT"},
		{"nothing to write", bundle("batch", `{"request":{"method":"POST","url":"Patient"}}`),
			"Bundle.entry[0].resource", "is required"},
		{"created with an id", swap(patientEntry, `"active"`, `"id":"p1","active"`), "Bundle.entry[0].resource.id",
			"must be left out"},
		{"created elsewhere", swap(patientEntry, `"url":"Patient"`, `"url":"Person"`), "Bundle.entry[0].request.url",
			"must be Patient"},
		{"created at an address", swap(patientEntry, `"url":"Patient"`, `"url":"Patient/1"`),
			"Bundle.entry[0].request.url", "must be Patient"},
		{"created without a urn", swap(patientEntry, `"fullUrl":"urn:uuid:c33f0001-6a95-41ec-8000-000000000001",`, ``),
			"Bundle.entry[0].fullUrl", "urn:uuid"},
		{"created with a URL", swap(patientEntry, `urn:uuid:c33f0001-6a95-41ec-8000-000000000001`,
			`https://pgo.example/Patient/1`), "Bundle.entry[0].fullUrl", "urn:uuid"},
		{"written without an id", swap(taskEntry, `"id":"t1",`, ``), "Bundle.entry[0].resource.id", "is required"},
		{"written elsewhere", swap(taskEntry, `"url":"Task/t1"`, `"url":"Task/t2"`), "Bundle.entry[0].request.url",
			"type and the id"},
		{"written by a search", swap(taskEntry, `"url":"Task/t1"`, `"url":"Task?identifier=x"`),
			"Bundle.entry[0].request.url", "type and the id"},
		{"written under another address", swap(taskEntry, `fhir/Task/t1`, `fhir/Task/t2`), "Bundle.entry[0].fullUrl",
			"end in the id"},
		{"written under an address of another form", swap(taskEntry, `fhir/Task/t1`, `fhir/t1`),
			"Bundle.entry[0].fullUrl", "end in the type and the id"},
		{"written under an address of another type", swap(taskEntry, `fhir/Task/t1`, `fhir/Basic/t1`),
			"Bundle.entry[0].fullUrl", "end in the type and the id"},
		{"names the patient", swap(patientEntry, `"url":"Patient"`, `"url":"Patient?patient=1"`),
			"Bundle.entry[0].request.url", "must not name"},
		{"names the subject", swap(patientEntry, `"url":"Patient"`,
			`"url":"Patient","ifNoneExist":"code=x&subject:Patient=1"`), "Bundle.entry[0].request.ifNoneExist",
			"must not name"},
		{"leads nowhere", bundle("batch", patientEntry,
			strings.Replace(taskEntry, `"status"`,
				`"for":{"reference":"urn:uuid:c33f0001-6a95-41ec-8000-000000000002"},"status"`, 1)),
			"Bundle.entry[1].resource.for.reference", "leads nowhere"},
		{"structure too", swap(patientEntry, `"active":true`, `"active":"yes","id":"1"`),
			"Bundle.entry[0].resource.active", "true or false"},
		{"structure and rule", swap(patientEntry, `"active":true`, `"active":"yes","id":"1"`),
			"Bundle.entry[0].resource.id", "must be left out"},
		{"collection of a Bundle", bundle("collection", `{"resource":{"resourceType":"Bundle","type":"batch"}}`),
			"Bundle.entry[0].resource", "does not store"},
		{"collection without a resource",
			bundle("collection", `{"fullUrl":"urn:uuid:c33f0001-6a95-41ec-8000-000000000001"}`),
			"Bundle.entry[0].resource", "nothing to create"},
		{"collection with a signature", `{"resourceType":"Bundle","type":"collection",` +
			`"entry":[{"resource":{"resourceType":"Patient"}}],"signature":{"type":[{"code":"x"}],` +
			`"when":"2024-05-01T10:00:00Z","whoUri":"urn:x:y"}}`, "Bundle.signature", "does not survive"},
		{"collection with one id twice",
			bundle("collection", `{"resource":{"resourceType":"Patient","id":"p"}}`,
				`{"resource":{"resourceType":"Patient","id":"p"}}`), "Bundle.entry[1]", "not clear"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantIssue(t, prepareIssues(t, STU3, tt.body), tt.at, tt.words)
		})
	}
}

func TestPrepareR4(t *testing.T) {
	t.Parallel()
	out := prepare(t, R4, `{"resourceType":"ServiceRequest","id":"a","unheard":[1.50,null]}`)
	if string(out.Body) != `{"resourceType":"ServiceRequest","unheard":[1.50,null]}` || out.Path != "ServiceRequest" ||
		out.StructureChecked {
		t.Errorf("prepared as %+v: %s", out, out.Body)
	}
	for _, tt := range []struct{ name, body, at, words string }{
		{"duplicate", `{"resourceType":"Patient","active":true,"active":true}`, "Patient.active", "before"},
		{"truncated", `{"resourceType":"Patient","active":tr`, "Patient.active", "ends before"},
		{"no type", `{"active":true}`, "Resource.resourceType", "is required"},
		{"no Bundle type", `{"resourceType":"Bundle","entry":[]}`, "Bundle.type", "is required"},
		{"Bundle type", bundle("document", patientEntry), "Bundle.type", "must be"},
		{"no request", bundle("batch", `{"resource":{"resourceType":"Patient"}}`), "Bundle.entry[0].request",
			"is required"},
		{"a request in a collection", bundle("collection", patientEntry), "Bundle.entry[0].request", "no place"},
		{"id", strings.Replace(bundle("batch", patientEntry), `"active"`, `"id":"1","active"`, 1),
			"Bundle.entry[0].resource.id", "left out"},
		{"BSN", `{"resourceType":"Patient","identifier":[{"system":"http://fhir.nl/fhir/NamingSystem/bsn",` +
			`"value":"999911120"}]}`, "Patient.identifier[0].value", "BSN"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantIssue(t, prepareIssues(t, R4, tt.body), tt.at, tt.words)
		})
	}
}

// The valid bodies of the reference material can be prepared, except a resource with a
// BSN, a document, an OperationOutcome, and Bundles that read or delete.
func TestPrepareShared(t *testing.T) {
	t.Parallel()
	for name, body := range bodies(t, testenv.Shared(t, "fhir", "stu3", "valid")) {
		out, err := Prepare(STU3, body)
		switch name {
		case "nictiz-nl-core-patient-01.json":
			var f *ValidationError
			if !errors.As(err, &f) || len(f.Issues) != 2 || bytes.Contains(f.OperationOutcome(), []byte("999911120")) {
				t.Errorf("%s: want two issues, for the BSN in the identifier and in the text: %v", name, err)
			}
		case "hl7-bundle-father.json", "hl7-bundle-bundle-request-medsallergies.json",
			"hl7-bundle-bundle-transaction.json", "hl7-operationoutcome-validationfail.json":
			if err == nil {
				t.Errorf("%s was prepared", name)
			}
		case "hl7-bundle-3ad0687e-f477-468c-afd5-fcc2bf897808.json":
		default:
			if err != nil {
				t.Errorf("%s: %v", name, err)
			} else if strings.HasPrefix(name, "push-") && out.BundleType == "" {
				t.Errorf("%s is prepared as %+v", name, out)
			}
		}
	}
}
