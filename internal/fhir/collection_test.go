package fhir

import (
	"strings"
	"testing"
)

// What a collection becomes means what the collection meant.
func TestCollectionKeepsMeaning(t *testing.T) {
	out := string(prepare(t, STU3, bundle("collection",
		`{"fullUrl":"http://app.example/Questionnaire/1","resource":{"resourceType":"Questionnaire","id":"1","url":"http://app.example/Questionnaire/1","status":"active"}}`,
		`{"resource":{"resourceType":"Patient","id":"1","extension":[{"url":"http://app.example/Binary/1","valueAttachment":{"url":"http://app.example/Binary/1"}}],"photo":[{"url":"http://app.example/Binary/1"}]}}`,
		`{"fullUrl":"http://app.example/Binary/1","resource":{"resourceType":"Binary","contentType":"text/plain","content":"eA=="}}`,
		`{"resource":{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/1/_history/2"}}}`,
		`{"resource":{"resourceType":"Observation","status":"final","code":{"text":"y"},"subject":{"reference":"Patient/2/_history/1"}}}`)).Body)
	for part, want := range map[string]int{
		`"url":"http://app.example/Questionnaire/1"`: 1, // the name that it goes by
		`"url":"http://app.example/Binary/1"`:        1, // the extension's
		`Attachment":{"url":"urn:uuid:`:              1,
		`"photo":[{"url":"urn:uuid:`:                 1,
		`Patient/1/_history`:                         0, // an entry, of whatever version
		`"reference":"Patient/2/_history/1"`:         1, // no entry
		`"subject":{"reference":"urn:uuid:`:          1,
	} {
		if n := strings.Count(out, part); n != want {
			t.Errorf("%s stands there %d times, want %d: %s", part, n, want, out)
		}
	}
}

func TestCollectionWithOneAddressTwice(t *testing.T) {
	const urn = "urn:uuid:c33f0001-6a95-41ec-8000-000000000001"
	for _, second := range []string{urn, "urn:uuid:C33F0001-6A95-41EC-8000-000000000001"} {
		body := bundle("collection",
			`{"fullUrl":"`+urn+`","resource":{"resourceType":"Patient","meta":{"versionId":"1"}}}`,
			`{"fullUrl":"`+second+`","resource":{"resourceType":"Patient","meta":{"versionId":"2"}}}`)
		for _, v := range []Version{STU3, R4} {
			wantFault(t, sendFaults(t, v, body), "Bundle.entry[1]", "of an earlier entry")
		}
	}
}
