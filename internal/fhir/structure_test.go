package fhir

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestStructure(t *testing.T) {
	t.Parallel()
	patient := func(members string) string { return `{"resourceType":"Patient",` + members + `}` }
	observation := func(members string) string {
		return `{"resourceType":"Observation","status":"final","code":{"text":"x"},` + members + `}`
	}
	for _, tt := range []struct{ name, body, at, words string }{
		// elements
		{"unknown", patient(`"colour":"red"`), "Patient.colour", "is not an element of Patient"},
		{"unknown and unspeakable", patient(`"999911120":"red"`), "Patient.(unknown)", "is not an element of Patient"},
		{"unknown below", patient(`"name":[{"first":"x"}]`), "Patient.name[0].first", "is not an element of HumanName"},
		{"unknown of a backbone", patient(`"contact":[{"name":{"text":"x"},"phone":"x"}]`), "Patient.contact[0].phone",
			"is not an element of Patient.contact"},
		{"of R4", patient(`"meta":{"source":"x"}`), "Patient.meta.source", "R4 has it"},
		{"a type within", patient(`"name":[{"resourceType":"HumanName","text":"x"}]`), "Patient.name[0].resourceType",
			"is not an element of HumanName"},
		{"misspelt in case", patient(`"birthdate":"2000"`), "Patient.birthdate", "is not an element"},
		{"missing", `{"resourceType":"Observation","code":{"text":"x"}}`, "Observation.status", "is required"},
		{"missing below", observation(`"related":[{"type":"has-member"}]`), "Observation.related[0].target",
			"is required"},
		{"missing choice",
			`{"resourceType":"MedicationStatement","status":"active","taken":"y","subject":{"display":"x"}}`,
			"MedicationStatement.medication[x]", "one of medicationCodeableConcept or medicationReference"},
		{"missing of many", `{"resourceType":"Consent","status":"active","patient":{"display":"x"},` +
			`"policyRule":"urn:x:y","except":[{"extension":[{"url":"x","valueCode":"x"}]}]}`, "Consent.except[0].type",
			"is required"},

		// JSON types
		{"array", observation(`"comment":["x"]`), "Observation.comment", "must not be an array"},
		{"no array", patient(`"telecom":{"system":"phone"}`), "Patient.telecom", "must be a JSON array"},
		{"no array but a string", patient(`"name":[{"given":"x"}]`), "Patient.name[0].given", "must be a JSON array"},
		{"array in an array", patient(`"name":[[{"text":"x"}]]`), "Patient.name[0]",
			"must be a JSON object (HumanName), not an array"},
		{"string for an object", observation(`"subject":"Patient/1"`), "Observation.subject",
			"must be a JSON object (Reference), not a string"},
		{"object for a string", observation(`"comment":{"text":"x"}`), "Observation.comment",
			"must be a JSON string, not an object"},
		{"number for a string", patient(`"name":[{"family":7}]`), "Patient.name[0].family",
			"must be a JSON string, not a number"},
		{"string for a number", patient(`"multipleBirthInteger":"2"`), "Patient.multipleBirthInteger",
			"must be a JSON number, not a string"},
		{"boolean for a string", observation(`"comment":true`), "Observation.comment",
			"must be a JSON string, not a boolean"},
		{"null", patient(`"active":null`), "Patient.active", "is null"},
		{"null for an array", patient(`"name":null`), "Patient.name", "is null"},
		{"null for an object", observation(`"subject":null`), "Observation.subject", "is null"},
		{"null among objects", patient(`"name":[null]`), "Patient.name[0]", "is null"},
		{"null among strings", patient(`"name":[{"given":["a",null]}]`), "Patient.name[0].given[1]", "is null"},
		{"empty string", observation(`"comment":""`), "Observation.comment", "is an empty string"},
		{"empty object", observation(`"subject":{}`), "Observation.subject", "is empty"},
		{"nothing but an id", observation(`"subject":{"id":"x"}`), "Observation.subject", "is empty"},
		{"empty array", patient(`"name":[]`), "Patient.name", "is an empty array"},
		{"empty array below", patient(`"name":[{"given":[]}]`), "Patient.name[0].given", "is an empty array"},

		// choices
		{"no such type", patient(`"deceasedString":"x"`), "Patient.deceasedString",
			"its deceased[x] is one of deceasedBoolean or deceasedDateTime"},
		{"no type at all", patient(`"deceased":true`), "Patient.deceased", "its deceased[x] is one of"},
		{"two types", patient(`"deceasedBoolean":true,"deceasedDateTime":"2024"`), "Patient.deceasedDateTime",
			"is a second deceased[x]"},
		{"two types, one of them absent",
			patient(`"deceasedBoolean":true,"_deceasedDateTime":{"extension":[{"url":"x","valueCode":"x"}]}`),
			"Patient.deceasedDateTime", "is a second deceased[x]"},

		// extensions of primitives
		{"beside an object", patient(`"_name":[{"id":"x"}]`), "Patient.name", "only a primitive"},
		{"no object", patient(`"birthDate":"2000","_birthDate":"x"`), "Patient.birthDate", "must have a JSON object"},
		{"without value or extension", patient(`"_birthDate":{"id":"x"}`), "Patient.birthDate",
			"neither a value nor an extension"},
		{"empty", patient(`"birthDate":"2000","_birthDate":{}`), "Patient.birthDate", "is empty"},
		{"something else", patient(`"birthDate":"2000","_birthDate":{"value":"2000"}`), "Patient.birthDate.value",
			"is not an element of Element"},
		{"no pair", patient(`"name":[{"given":["a",null],"_given":[{"id":"x"},null]}]`), "Patient.name[0].given[1]",
			"no extension in its place"},
		{"no pair, extensions too short", patient(`"name":[{"given":["a","b"],"_given":[{"id":"x"}]}]`),
			"Patient.name[0].given", "another length"},
		{"no pair, extensions too short beside null", patient(`"name":[{"given":["a",null],"_given":[{"id":"x"}]}]`),
			"Patient.name[0].given", "another length"},
		{"no pair, values too short", patient(`"name":[{"given":["a"],"_given":[null,{"extension":[{"url":"x",` +
			`"valueCode":"x"}]}]}]`), "Patient.name[0].given", "another length"},
		{"no pair, extensions first", patient(`"name":[{"_given":[null],"given":["a","b"]}]`),
			"Patient.name[0].given", "another length"},
		{"pair without extension", patient(`"name":[{"given":["a",null],"_given":[null,{"id":"x"}]}]`),
			"Patient.name[0].given[1]", "neither a value nor an extension"},
		{"all null", patient(`"name":[{"_given":[null]}]`), "Patient.name[0].given[0]", "is null"},

		// codes
		{"code", patient(`"gender":"m"`), "Patient.gender",
			`is not in the value set administrative-gender: female, male, other or unknown`},
		{"code in other case", patient(`"gender":"Female"`), "Patient.gender", `is not in`},
		{"a person's number for a code", patient(`"gender":"999911120"`), "Patient.gender", `is not in`},
		{"a sentence for a code", patient(`"gender":"Anna de Vries"`), "Patient.gender", `is not in`},
		{"long list", observation(`"valueAttachment":{"contentType":"a b/c"}`),
			"Observation.valueAttachment.contentType", "media type"},
		{"language", patient(`"language":"nl_NL"`), "Patient.language", "is not a language"},
		{"code of the value set's system",
			`{"resourceType":"SupplyDelivery","type":{"coding":[{"system":"http://hl7.org/fhir/supply-item-type",` +
				`"code":"food"}]}}`, "SupplyDelivery.type.coding[0].code", "supplydelivery-type"},

		// references
		{"no reference", observation(`"subject":{"reference":"Patient 1001?x=1"}`), "Observation.subject.reference",
			"is not a reference"},
		{"bare id", observation(`"subject":{"reference":"p1"}`), "Observation.subject.reference", "is not a reference"},
		{"no id", observation(`"subject":{"reference":"Patient/"}`), "Observation.subject.reference",
			"is not a reference"},
		{"too much", observation(`"subject":{"reference":"Patient/1/2"}`), "Observation.subject.reference",
			"is not a reference"},
		{"unknown type", observation(`"subject":{"reference":"Pet/1"}`), "Observation.subject.reference",
			"refers to a Pet, which is no type of resource"},
		{"wrong type", observation(`"subject":{"reference":"Medication/1"}`), "Observation.subject.reference",
			"refers to a Medication; this may refer to Device, Group, Location or Patient"},
		{"wrong type at an address",
			observation(`"subject":{"reference":"https://x.example/fhir/Medication/1/_history/2"}`),
			"Observation.subject.reference", "refers to a Medication"},
		{"wrong type contained",
			observation(`"contained":[{"resourceType":"Medication","id":"m"}],"subject":{"reference":"#m"}`),
			"Observation.subject.reference", "refers to a Medication"},
		{"wrong type in the Bundle", bundle("collection",
			`{"fullUrl":"urn:uuid:c33f0001-6a95-41ec-8000-000000000001","resource":{"resourceType":"Medication"}}`,
			`{"resource":`+observation(`"subject":{"reference":"urn:uuid:c33f0001-6a95-41ec-8000-000000000001"}`)+
				`}`), "Bundle.entry[1].resource.subject.reference", "refers to a Medication"},
		{"wrong type in a choice", `{"resourceType":"MedicationStatement","status":"active","taken":"y",` +
			`"subject":{"display":"x"},"medicationReference":{"reference":"Patient/1"}}`,
			"MedicationStatement.medicationReference.reference", "refers to a Patient"},
		{"no UUID", observation(`"subject":{"reference":"urn:uuid:1"}`), "Observation.subject.reference",
			"is not a UUID"},
		{"leads nowhere", observation(`"subject":{"reference":"#p"}`), "Observation.subject.reference",
			"leads nowhere"},
		{"leads to another entry's", bundle("collection",
			`{"resource":{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o",`+
				`"name":"x"}],"managingOrganization":{"reference":"#o"}}}`,
			`{"resource":{"resourceType":"Patient","managingOrganization":{"reference":"#o"}}}`),
			"Bundle.entry[1].resource.managingOrganization.reference", "leads nowhere"},

		// extensions
		{"without url", patient(`"extension":[{"valueString":"x"}]`), "Patient.extension[0].url", "is required"},
		{"unknown value", patient(`"extension":[{"url":"x","valueNarrative":{}}]`),
			"Patient.extension[0].valueNarrative", "is not an element of Extension"},
		{"below", patient(`"extension":[{"url":"x","extension":[{"url":"y"}]}]`), "Patient.extension[0].extension[0]",
			"either a value or extensions"},
		{"of a primitive", patient(`"birthDate":"2000","_birthDate":{"extension":[{"url":"x","valueDateTime":"x"}]}`),
			"Patient.birthDate.extension[0].valueDateTime", "is not a date and time"},

		// contained resources
		{"nested", patient(`"contained":[{"resourceType":"Patient","id":"a","contained":[{"resourceType":"Patient",` +
			`"id":"b"}]}],"link":[{"type":"refer","other":{"reference":"#a"}},` +
			`{"type":"refer","other":{"reference":"#b"}}]`), "Patient.contained[0].contained[0]",
			"must contain none"},
		{"not referred to", patient(`"contained":[{"resourceType":"Organization","id":"o","name":"x"}]`),
			"Patient.contained[0]", "nothing in the resource refers to it"},
		{"without an id", patient(`"contained":[{"resourceType":"Organization","name":"x"}]`),
			"Patient.contained[0].id", "is required"},
		{"with a version", patient(`"contained":[{"resourceType":"Organization","id":"o","name":"x",` +
			`"meta":{"versionId":"1"}}],"managingOrganization":{"reference":"#o"}`),
			"Patient.contained[0].meta.versionId", "no life of its own"},
		{"of no type", patient(`"contained":[{"id":"o","name":"x"}],"managingOrganization":{"reference":"#o"}`),
			"Patient.contained[0].resourceType", "is required"},
		{"no resource", patient(`"contained":["x"]`), "Patient.contained[0]", "must be a resource, not a string"},

		// Bundles
		{"total", `{"resourceType":"Bundle","type":"batch","total":1}`, "Bundle.total", "only for a searchset"},
		{"search", bundle("collection", `{"resource":{"resourceType":"Patient"},"search":{"mode":"match"}}`),
			"Bundle.entry[0].search", "only for a searchset"},
		{"request", bundle("collection",
			`{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}`),
			"Bundle.entry[0].request", "only for a batch"},
		{"no request", bundle("transaction", `{"resource":{"resourceType":"Patient"}}`), "Bundle.entry[0].request",
			"is required"},
		{"response", bundle("collection", `{"resource":{"resourceType":"Patient"},"response":{"status":"200"}}`),
			"Bundle.entry[0].response", "only for a batch-response"},
		{"nothing in it", bundle("collection", `{"fullUrl":"urn:x:y"}`), "Bundle.entry[0]", "must have a resource"},
		{"an address twice", bundle("collection", `{"fullUrl":"urn:x:y","resource":{"resourceType":"Patient"}}`,
			`{"fullUrl":"urn:x:y","resource":{"resourceType":"Patient"}}`), "Bundle.entry[1].fullUrl",
			"address of an earlier entry"},
		{"an address of a version", bundle("collection",
			`{"fullUrl":"http://x.example/Patient/1/_history/2","resource":{"resourceType":"Patient"}}`),
			"Bundle.entry[0].fullUrl", "address of a version"},
		{"document", `{"resourceType":"Bundle","type":"document","identifier":{"system":"urn:x:y","value":"x"},` +
			`"entry":[{"resource":{"resourceType":"Patient"}}]}`, "Bundle.entry[0].resource", "must be a Composition"},
		{"document without identifier",
			bundle("document", `{"resource":`+caseBody(compositionWith(`{"entry":[{"display":"x"}]}`))+`}`),
			"Bundle.identifier", "bdl-9"},
		{"message", bundle("message", `{"resource":{"resourceType":"Patient"}}`), "Bundle.entry[0].resource",
			"must be a MessageHeader"},
		{"in an entry", bundle("collection", `{"resource":`+patient(`"active":"x"`)+`}`),
			"Bundle.entry[0].resource.active", "true or false"},
		{"in Parameters", `{"resourceType":"Parameters","parameter":[{"name":"x","resource":` +
			patient(`"active":"x"`) + `}]}`, "Parameters.parameter[0].resource.active", "true or false"},

		// narrative
		{"no namespace", patient(`"text":{"status":"generated","div":"<div>x</div>"}`), "Patient.text.div",
			"is not XHTML"},
		{"script", patient(`"text":{"status":"generated","div":"<div ` +
			`xmlns=\"http://www.w3.org/1999/xhtml\"><script>x</script></div>"}`), "Patient.text.div", "has <script>"},
		{"simple quantity", observation(`"referenceRange":[{"low":{"value":1,"comparator":"<"}}]`),
			"Observation.referenceRange[0].low.comparator", "is not an element of SimpleQuantity"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			issues := issuesOf(t, STU3, []byte(tt.body))
			wantIssue(t, issues, tt.at, tt.words)
			if len(issues) != 1 && tt.name != "all null" && tt.name != "nested" {
				t.Errorf("want one issue, found %v", issues)
			}
			if strings.Contains((&ValidationError{Issues: issues}).Error(), testBSN) {
				t.Errorf("an issue repeats a BSN: %v", issues)
			}
		})
	}
}

// TestLenient validates unusual bodies, which are valid.
func TestLenient(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"resourceType":"Observation","_status":{"extension":[{"url":"x","valueCode":"x"}]},"code":{"text":"x"}}`,
		`{"resourceType":"Patient","name":[{"_given":[{"extension":[{"url":"x","valueCode":"x"}]}]}]}`,
		`{"resourceType":"Patient","name":[{"given":[null,"b"],"_given":[{"extension":[{"url":"x",` +
			`"valueCode":"x"}]},null]}]}`,
		`{"resourceType":"Patient","birthDate":"2000","_birthDate":{"id":"x"}}`,
		`{"resourceType":"Patient","\u0061ctive":true}`,
		`{"resourceType":"Patient","managingOrganization":{"reference":"Organization?identifier=urn:x:y|1"}}`,
		`{"resourceType":"Patient","managingOrganization":{"reference":"https://x.example/anything/at/all"}}`,
		`{"resourceType":"Patient","managingOrganization":{"reference":"urn:oid:1.2.3"}}`,
		`{"resourceType":"Patient","managingOrganization":{"identifier":{"value":"x"}}}`,
		`{"resourceType":"Patient","extension":[{"url":"x","valueReference":{"reference":"#o"}}],` +
			`"contained":[{"resourceType":"Organization","id":"o","name":"x"}]}`,
		`{"resourceType":"Patient","contained":[{"resourceType":"Provenance","id":"o","target":[{"reference":"#"}],` +
			`"recorded":"2024-01-01T10:00:00Z","agent":[{"whoUri":"urn:x:y"}]}]}`,
		`{"resourceType":"SupplyDelivery","type":{"text":"food"}}`,
		`{"resourceType":"SupplyDelivery","type":{"coding":[{"system":"urn:x:y","code":"food"}]}}`,
		`{"resourceType":"Parameters","parameter":[{"name":"x","resource":{"resourceType":"Bundle",` +
			`"type":"collection"}}]}`,
	} {
		if issues := issuesOf(t, STU3, []byte(body)); len(issues) > 0 {
			t.Errorf("%s\n\t%v", body, issues)
		}
	}
}

// TestMutations changes one value of a valid resource at a time, in ways that are never
// valid.
func TestMutations(t *testing.T) {
	t.Parallel()
	n := 0
	for name, body := range bodies(t, "testdata/valid") {
		var v any
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
		mutate(v, func(change string) {
			n++
			changed, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if issues := issuesOf(t, STU3, changed); len(issues) == 0 {
				t.Errorf("%s: accepted with %s\n%s", name, change, changed)
			}
		})
		if again, err := json.Marshal(v); err != nil || len(issuesOf(t, STU3, again)) > 0 {
			t.Errorf("%s: the changes were not undone: %v", name, err)
		}
	}
	if n < 300 {
		t.Errorf("only %d changes", n)
	}
}

// mutate makes one change after another. After each it calls ask and undoes the change.
func mutate(v any, ask func(change string)) {
	switch v := v.(type) {
	case map[string]any:
		for key, old := range v {
			for what, with := range map[string]any{"null": nil, "an empty array": []any{},
				"an empty object": map[string]any{}, "an empty string": "", "something nested": []any{[]any{"x"}}} {
				v[key] = with
				ask(what + " for " + key)
			}
			v[key] = old
			delete(v, key)
			v[key+"z"] = old
			ask("another name for " + key)
			delete(v, key+"z")
			v[key] = old
			mutate(old, ask)
		}
	case []any:
		for _, item := range v {
			mutate(item, ask)
		}
	}
}

// TestRequired removes each required element of the valid resources.
func TestRequired(t *testing.T) {
	t.Parallel()
	for _, body := range bodies(t, "testdata/valid") {
		doc, f := parse(body)
		if f != nil {
			t.Fatal(f)
		}
		for i := range doc.nodes {
			o := uint32(i)
			if doc.nodes[o].kind != kindObject {
				continue
			}
			typ := stu3().resource(doc.memberText(o, "resourceType"))
			if typ == nil {
				continue
			}
			for _, e := range typ.loaded().elements {
				if _, ok := doc.member(o, e.name); !ok || !e.required {
					continue
				}
				change := edits{doc: doc}
				change.remove(o, e.name)
				issues := issuesOf(t, STU3, change.apply())
				wantIssue(t, issues, doc.path(o)+"."+e.name, "is required")
			}
		}
		doc.close()
	}
}
