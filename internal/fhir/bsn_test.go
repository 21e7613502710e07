package fhir

import (
	"strings"
	"testing"
)

// testBSN passes the eleven test and is nobody's.
const testBSN = "999911120"

func TestBSN(t *testing.T) {
	t.Parallel()
	identifier := func(members string) string {
		return `{"resourceType":"Patient","identifier":[{` + members + `}]}`
	}
	extension := func(members string) string {
		return `{"resourceType":"Patient","extension":[{` + members + `}]}`
	}
	const absent = `"http://hl7.org/fhir/StructureDefinition/data-absent-reason"`
	for _, tt := range []struct {
		name, body string
		at         string // empty: may be sent
	}{
		{"plain", identifier(`"system":"http://fhir.nl/fhir/NamingSystem/bsn","value":"999911120"`),
			"Patient.identifier[0].value"},
		{"https", identifier(`"system":"https://fhir.nl/fhir/NamingSystem/bsn","value":"999911120"`),
			"Patient.identifier[0].value"},
		{"slash", identifier(`"system":"http://fhir.nl/fhir/NamingSystem/bsn/","value":"999911120"`),
			"Patient.identifier[0].value"},
		{"case", identifier(`"value":"999911120","system":"HTTP://FHIR.NL/fhir/namingsystem/BSN"`),
			"Patient.identifier[0].value"},
		{"escaped", identifier(`"system":"http:\/\/fhir.nl\/fhir\/NamingSystem\/\u0062sn","value":"999911120"`),
			"Patient.identifier[0].value"},
		{"OID", identifier(`"system":"urn:oid:2.16.840.1.113883.2.4.6.3","value":"999911120"`),
			"Patient.identifier[0].value"},
		{"bare OID", identifier(`"system":"2.16.840.1.113883.2.4.6.3","value":"999911120"`),
			"Patient.identifier[0].value"},
		{"not even a number", identifier(`"system":"http://fhir.nl/fhir/NamingSystem/bsn","value":"x"`),
			"Patient.identifier[0].value"},
		{"by its type",
			identifier(`"type":{"coding":[{"system":"http://hl7.org/fhir/v2/0203","code":"NNNLD"}]},` +
				`"value":"999911120"`), "Patient.identifier[0].value"},
		{"beside the value", identifier(`"system":"http://fhir.nl/fhir/NamingSystem/bsn",` +
			`"_value":{"extension":[{"url":"http://x.example","valueString":"hidden"}]}`),
			"Patient.identifier[0].value"},
		{"beside the system", identifier(`"_system":{"extension":[{"url":"http://x.example",` +
			`"valueUri":"http://fhir.nl/fhir/NamingSystem/bsn"}]},"value":"999911120"`), "Patient.identifier[0].value"},
		{"in an extension of it", identifier(`"system":"http://fhir.nl/fhir/NamingSystem/bsn",` +
			`"extension":[{"url":"http://x.example","valueString":"999911120"}]`),
			"Patient.identifier[0].extension[0].valueString"},
		{"in its display",
			identifier(`"system":"http://fhir.nl/fhir/NamingSystem/bsn","assigner":{"display":"999911120"}`),
			"Patient.identifier[0].assigner.display"},

		{"masked", identifier(`"system":"http://fhir.nl/fhir/NamingSystem/bsn","_value":{"extension":[{"url":` +
			absent + `,"valueCode":"masked"}]}`), ""},
		{"no value", identifier(`"system":"http://fhir.nl/fhir/NamingSystem/bsn"`), ""},
		{"another system", identifier(`"system":"http://fhir.nl/fhir/NamingSystem/agb-z","value":"999911120"`), ""},
		{"another OID", identifier(`"system":"urn:oid:2.16.840.1.113883.2.4.6.31","value":"999911120"`), ""},
		{"an OID that ends alike", identifier(`"system":"urn:oid:1.2.16.840.1.113883.2.4.6.3","value":"999911120"`),
			""},
		{"a name that begins alike", identifier(`"system":"http://fhir.nl/fhir/NamingSystem/bsnaar","value":"1"`), ""},

		{"contained", `{"resourceType":"Observation","status":"final","code":{"text":"x"},` +
			`"subject":{"reference":"#p"},"contained":[{"resourceType":"Patient","id":"p",` +
			`"identifier":[{"system":"http://fhir.nl/fhir/NamingSystem/bsn","value":"999911120"}]}]}`,
			"Observation.contained[0].identifier[0].value"},
		{"extension",
			extension(`"url":"http://x.example","valueIdentifier":{"system":"http://fhir.nl/fhir/NamingSystem/bsn",` +
				`"value":"999911120"}`), "Patient.extension[0].valueIdentifier.value"},
		{"extension's url", extension(`"url":"http://fhir.nl/fhir/NamingSystem/bsn","valueString":"1"`),
			"Patient.extension[0].valueString"},
		{"coding", extension(`"url":"http://x.example",` +
			`"valueCoding":{"system":"http://fhir.nl/fhir/NamingSystem/bsn","code":"999911120"}`),
			"Patient.extension[0].valueCoding.code"},
		{"reference by identifier", `{"resourceType":"Basic","code":{"text":"x"},` +
			`"subject":{"identifier":{"system":"http://fhir.nl/fhir/NamingSystem/bsn","value":"999911120"}}}`,
			"Basic.subject.identifier.value"},
		{"reference by search", `{"resourceType":"Basic","code":{"text":"x"},` +
			`"subject":{"reference":"Patient?identifier=http://fhir.nl/fhir/NamingSystem/bsn|999911120"}}`,
			"Basic.subject.reference"},
		{"request.url", bundle("batch", strings.Replace(patientEntry, `"url":"Patient"`,
			`"url":"Patient?identifier=http%3A%2F%2Ffhir.nl%2Ffhir%2FNamingSystem%2Fbsn%7C999911120"`, 1)),
			"Bundle.entry[0].request.url"},
		{"ifNoneExist", bundle("batch", strings.Replace(patientEntry, `"url":"Patient"`,
			`"url":"Patient","ifNoneExist":"identifier=`+
				`http%253A%252F%252Ffhir.nl%252Ffhir%252FNamingSystem%252Fbsn%257C999911120"`, 1)),
			"Bundle.entry[0].request.ifNoneExist"},
		{"fullUrl", bundle("batch", strings.Replace(taskEntry, `https://provider.example/fhir/Task/t1`,
			`urn:oid:2.16.840.1.113883.2.4.6.3.999911120`, 1)), "Bundle.entry[0].fullUrl"},
		{"fullUrl of the naming system", bundle("batch",
			strings.Replace(taskEntry, `https://provider.example/fhir/Task/t1`,
				`http://fhir.nl/fhir/NamingSystem/bsn/999911120`, 1)), "Bundle.entry[0].fullUrl"},

		{"a search without a system",
			`{"resourceType":"Basic","code":{"text":"x"},"subject":{"reference":"Patient?identifier=999911120"}}`,
			"Basic.subject.reference"},
		{"a search for another",
			`{"resourceType":"Basic","code":{"text":"x"},"subject":{"reference":"Practitioner?identifier=999911120"}}`,
			""},
		{"ifNoneExist without a system", bundle("batch",
			strings.Replace(patientEntry, `"url":"Patient"`, `"url":"Patient","ifNoneExist":"identifier=%7C999911120"`,
				1)), "Bundle.entry[0].request.ifNoneExist"},

		{"labelled in a text", `{"resourceType":"Basic","code":{"text":"BSN: 999911120"}}`, "Basic.code.text"},
		{"grouped", `{"resourceType":"Basic","code":{"text":"burgerservicenummer 9999.11.120"}}`, "Basic.code.text"},
		{"label after the number", `{"resourceType":"Basic","code":{"text":"x"},` +
			`"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">Id 999911120 ` +
			`(BSN)</div>"}}`, "Basic.text.div"},
		{"labelled, and no BSN", `{"resourceType":"Basic","code":{"text":"BSN: 999911121"}}`, ""},
		{"labelled, far away",
			`{"resourceType":"Basic","code":{"text":"BSN: ` + strings.Repeat("long ", 20) + ` 999911120"}}`, ""},
		{"labelled otherwise", `{"resourceType":"Basic","code":{"text":"Observation 999911120, absn 999911120"}}`, ""},
		{"a search without a value", bundle("batch",
			strings.Replace(patientEntry, `"url":"Patient"`,
				`"url":"Patient","ifNoneExist":"identifier=http://fhir.nl/fhir/NamingSystem/bsn|"`, 1)), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			issues := prepareIssues(t, STU3, tt.body)
			if tt.at == "" {
				if len(issues) > 0 {
					t.Errorf("refused: %v", issues)
				}
				return
			}
			wantIssue(t, issues, tt.at, "BSN")
			if text := string((&ValidationError{Issues: issues}).OperationOutcome()); strings.Contains(text, testBSN) {
				t.Errorf("the issues repeat the BSN: %s", text)
			}
		})
	}
}

func TestElevenTest(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"999911120": true, "123456782": true, "123456789": false, "000000000": false, "012345672": true,
		"9999111200": false, "x999911120y": true, "99991112": false, "123 456 782": true, "": false, "12345678": false,
	} {
		if hasBSNNumber([]byte(text)) != want {
			t.Errorf("%s: want %v", text, want)
		}
	}
}
