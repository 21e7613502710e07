package fhir

import (
	"fmt"
	"testing"
)

func TestIDs(t *testing.T) {
	t.Parallel()
	const (
		contained = `{"resourceType":"Patient","contained":[{"resourceType":"Practitioner","id":"c"%[1]s},` +
			`{"resourceType":"Organization","id":"%[2]s","name":"x"%[3]s}],` +
			`"generalPractitioner":[{"id":"e","reference":"#c"},{"reference":"#%[2]s"}]}`
		snapshot = `{"resourceType":"StructureDefinition","url":"u:x","name":"x","status":"draft","kind":"resource",` +
			`"abstract":false,"type":"Patient","snapshot":{"element":[{"id":"Patient","path":"Patient"}]},` +
			`"differential":{"element":[{"id":"Patient","path":"Patient"}]}}`
	)
	for _, tt := range []struct{ name, body, at, words string }{
		{"contained", fmt.Sprintf(contained, "", "d", ""), "", ""},
		{"contained twice", fmt.Sprintf(contained, "", "c", ""), "Patient.contained[1].id",
			"of an earlier contained resource"},
		{"contained in other case", fmt.Sprintf(contained, "", "C", ""), "", ""},
		{"elements", `{"resourceType":"Patient","name":[{"id":"a","text":"x"},{"id":"b","text":"x"}]}`, "", ""},
		{"element twice", `{"resourceType":"Patient","name":[{"id":"a","text":"x"},{"id":"a","text":"x"}]}`,
			"Patient.name[1].id", "of an earlier element"},
		{"element twice, of other types", `{"resourceType":"Patient","id":"a","name":[{"id":"a","text":"x"}],` +
			`"birthDate":"2000","_birthDate":{"id":"a"}}`, "Patient.birthDate.id", "of an earlier element"},
		{"element and resource", `{"resourceType":"Patient","id":"a","name":[{"id":"a","text":"x"}]}`, "", ""},
		{"element and extension", `{"resourceType":"Patient","extension":[{"id":"a","url":"x","valueCode":"x"}],` +
			`"text":{"id":"a","status":"empty","div":"<div xmlns='http://www.w3.org/1999/xhtml'/>"}}`,
			"Patient.text.id",
			"of an earlier element"},
		{"element of a contained resource", fmt.Sprintf(contained, `,"name":[{"id":"e","text":"x"}]`, "d", ""), "", ""},
		{"element twice in a contained resource", fmt.Sprintf(contained, ``, "d",
			`,"telecom":[{"id":"x","system":"fax"},{"id":"x","system":"fax"}]`), "Patient.contained[1].telecom[1].id",
			"of an earlier element"},
		{"elements of two entries", bundle("collection",
			`{"id":"a","resource":{"resourceType":"Patient","name":[{"id":"a","text":"x"}]}}`,
			`{"id":"b","resource":{"resourceType":"Patient","name":[{"id":"a","text":"x"}]}}`), "", ""},
		{"two entries", bundle("collection", `{"id":"a","resource":{"resourceType":"Patient"}}`,
			`{"id":"a","resource":{"resourceType":"Patient"}}`), "Bundle.entry[1].id", "of an earlier element"},
		{"paths of a definition", snapshot, "", ""},
		{"space", `{"resourceType":"Patient","name":[{"id":"n 1","text":"x"}]}`, "Patient.name[0].id", "no spaces"},
		{"tab", `{"resourceType":"Patient","name":[{"id":"\t","text":"x"}]}`, "Patient.name[0].id", "no spaces"},
		{"no-break space", `{"resourceType":"Patient","birthDate":"2000","_birthDate":{"id":"a\u00a0"}}`,
			"Patient.birthDate.id", "no spaces"},
		{"anything else", `{"resourceType":"Patient","name":[{"id":"#/é_1","text":"x"}]}`, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) { wantOnly(t, issuesOf(t, STU3, []byte(tt.body)), tt.at, tt.words) })
	}
}
