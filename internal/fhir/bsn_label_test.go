package fhir

import (
	"strings"
	"testing"
)

// A labelled number is a BSN, even if the label is in another string or in a name, or
// if markup separates it from the number.
func TestCalledBSN(t *testing.T) {
	t.Parallel()
	observation := func(members string) string {
		return `{"resourceType":"Observation","status":"final","code":{"text":"x"},` + members + `}`
	}
	comment := func(text string) string { return observation(`"comment":"` + text + `"`) }
	narrative := func(html string) string {
		return observation(`"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">` + html +
			`</div>"}`)
	}
	answers := func(item string) string {
		return `{"resourceType":"QuestionnaireResponse","status":"completed","item":[` + item + `]}`
	}
	identifier := func(members string) string {
		return `{"resourceType":"Patient","identifier":[{` + members + `}]}`
	}
	for _, tt := range []struct {
		name string
		v    Version
		body string
		at   string // empty: may be sent
	}{
		{"question", STU3, answers(`{"linkId":"1","text":"Wat is uw BSN?","answer":[{"valueString":"123456782"}]}`),
			"QuestionnaireResponse.item[0].answer[0].valueString"},
		{"question's id", STU3, answers(`{"linkId":"patientBsn","answer":[{"valueString":"123456782"}]}`),
			"QuestionnaireResponse.item[0].answer[0].valueString"},
		{"number", STU3, answers(`{"linkId":"1","text":"Burgerservicenummer","answer":[{"valueInteger":123456782}]}`),
			"QuestionnaireResponse.item[0].answer[0].valueInteger"},
		{"group", STU3,
			answers(`{"linkId":"1","text":"BSN","item":[{"linkId":"2","answer":[{"valueString":"123456782"}]}]}`),
			"QuestionnaireResponse.item[0].item[0].answer[0].valueString"},
		{"identifier's type", STU3, identifier(`"type":{"text":"Burgerservicenummer"},"value":"123456782"`),
			"Patient.identifier[0].value"},
		{"identifier's type's display", STU3, identifier(`"type":{"coding":[{"display":"BSN"}]},"value":"123456782"`),
			"Patient.identifier[0].value"},
		{"own system", STU3, identifier(`"system":"http://ehr.example/bsn","value":"123456782"`),
			"Patient.identifier[0].value"},
		{"port", STU3, identifier(`"system":"http://fhir.nl:80/fhir/NamingSystem/bsn","value":"x"`),
			"Patient.identifier[0].value"},
		{"two slashes", STU3, identifier(`"system":"http://fhir.nl.//fhir/NamingSystem/bsn","value":"x"`),
			"Patient.identifier[0].value"},
		{"code", STU3,
			`{"resourceType":"Observation","status":"final","code":{"text":"BSN"},"valueString":"123456782"}`,
			"Observation.valueString"},
		{"component's code", STU3,
			observation(`"component":[{"code":{"coding":[{"system":"a:b","code":"bsn"}]},"valueString":"123456782"}]`),
			"Observation.component[0].valueString"},
		{"extension", STU3,
			observation(`"extension":[{"url":"http://example.nl/StructureDefinition/bsn","valueString":"123456782"}]`),
			"Observation.extension[0].valueString"},

		{"table", STU3, narrative(`<table><tr><td>BSN</td><td style=\"padding: 4px; border: 1px solid #cccccc; ` +
			`text-align: left\">123456782</td></tr></table>`), "Observation.text.div"},
		{"comment in a table", STU3, narrative(`BSN <!-- > ` + strings.Repeat("long ", 20) + ` -->123456782`),
			"Observation.text.div"},
		{"numeric entity", STU3, narrative(`BSN: &#49;23456782`), "Observation.text.div"},
		{"hexadecimal entity", STU3, narrative(`&#x42;SN: &#x31;23456782`), "Observation.text.div"},
		{"entities of spaces", STU3, narrative(`BSN:&#160;123&#160;456&#xA0;782`), "Observation.text.div"},
		{"label in an attribute", STU3, narrative(`<p title=\"BSN 123456782\">x</p>`), "Observation.text.div"},

		{"date before", STU3, comment("Jan, geb. 01-01-1980 123456782 (BSN)"), "Observation.comment"},
		{"digit before", STU3, comment("BSN nr 1 123456782"), "Observation.comment"},
		{"digit after", STU3, comment("BSN 123456782 2"), "Observation.comment"},
		{"underscores", STU3, comment("BSN 123_456_782"), "Observation.comment"},
		{"slashes", STU3, comment("BSN 123/456/782"), "Observation.comment"},
		{"hard spaces", STU3, comment("BSN 123\u00a0456\u00a0782"), "Observation.comment"},
		{"bsnnummer", STU3, comment("bsnnummer 123456782"), "Observation.comment"},
		{"sofinummer", STU3, comment("Sofi-nummer 123456782"), "Observation.comment"},
		{"apart", STU3, comment("burger service nummer 123456782"), "Observation.comment"},
		{"English", STU3, comment("citizen service number 123456782"), "Observation.comment"},

		{"name", R4, `{"resourceType":"Patient","bsn":"123456782"}`, "Patient.bsn"},
		{"name in camel case", R4, `{"resourceType":"Patient","x":{"patientBSN":{"y":[123456782]}}}`,
			"Patient.x.patientBSN.y[0]"},
		{"number in the name", R4, `{"resourceType":"Patient","x":{"bsn 123456782":"x"}}`, "Patient.x"},
		{"System", R4,
			`{"resourceType":"Patient","identifier":[{"System":"http://fhir.nl/fhir/NamingSystem/bsn","Value":"x"}]}`,
			"Patient.identifier[0].Value"},

		{"question, and no BSN", STU3,
			answers(`{"linkId":"1","text":"Wat is uw BSN?","answer":[{"valueString":"123456789"}]}`), ""},
		{"another question", STU3, answers(`{"linkId":"1","text":"Wat is uw BSN?",` +
			`"answer":[{"valueString":"geen"}]},{"linkId":"2","text":"Polis","answer":[{"valueString":"123456782"}]}`),
			""},
		{"UUID", STU3, `{"resourceType":"Observation","status":"final","code":{"text":"BSN"},` +
			`"identifier":[{"system":"urn:ietf:rfc:3986","value":"urn:uuid:c33f0001-6a95-41ec-8000-00a123456782"}]}`,
			""},
		{"another's name", STU3, comment("Sofi 123456782"), ""},
		{"part of a word", STU3, comment("absn 123456782, bsnx 123456782"), ""},
		{"masked", STU3, identifier(`"system":"http://fhir.nl/fhir/NamingSystem/bsn","type":{"text":"BSN"},` +
			`"_value":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason",` +
			`"valueCode":"masked"}]}`), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			issues := prepareIssues(t, tt.v, tt.body)
			if tt.at == "" {
				if len(issues) > 0 {
					t.Errorf("refused: %v", issues)
				}
				return
			}
			wantIssue(t, issues, tt.at, "BSN")
			outcome := (&ValidationError{Issues: issues}).OperationOutcome()
			if text := string(outcome); strings.Contains(text, "123456782") {
				t.Errorf("the issues repeat the BSN: %s", text)
			}
		})
	}
}
