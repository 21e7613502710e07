package fhir

import "testing"

func TestFullURL(t *testing.T) {
	t.Parallel()
	const (
		at        = "Bundle.entry[0].fullUrl"
		absolute  = "must be absolute"
		other     = "must end in the id of the resource"
		withID    = `{"resourceType":"Patient","id":"7"}`
		withoutID = `{"resourceType":"Patient","active":true}`
	)
	for _, tt := range []struct{ url, resource, words string }{
		{"https://x.example/fhir/Patient/7", withID, ""},
		{"http://x.example:8080/Patient/7", withID, ""},
		{"http://[::1]/Patient/7", withID, ""},
		{"HTTP://x.example/Patient/7", withID, ""},
		{"https://x.example/fhir/Patient/7", withoutID, ""},
		{"https://x.example/fhir/7", withID, ""},
		{"https://x.example/fhir/8", withID, ""}, // not the form of an address on a server
		{"https://x.example/fhir/Patient/", withID, ""},
		{"https://x.example/CodeSystem/7", withID, ""}, // a canonical URL
		{"https://x.example/fhir/patient/8", withID, ""},
		{"https://x.example", withID, ""},
		{"urn:uuid:c33f0001-6a95-41ec-8000-000000000001", withID, ""},
		{"urn:oid:2.999.1", withID, ""},
		{"urn:x:y", withID, ""},
		{"ftp://x.example/Patient/8", withID, ""},
		{"Patient/7", withID, absolute},
		{"/Patient/7", withID, absolute},
		{"//x.example/Patient/7", withID, absolute},
		{"7", withoutID, absolute},
		{"#7", withID, absolute},
		{"?x:y", withID, absolute},
		{"https:", withID, absolute},
		{"https:///Patient/7", withID, absolute},
		{"https:Patient/7", withID, absolute},
		{"1x:y", withID, absolute},
		{":x", withID, absolute},
		{"urn:", withID, absolute},
		{"urn:uuid:7", withID, "is not a UUID"},
		{"urn:oid:x", withID, "is not an OID"},
		{"https://x.example/fhir/Patient/8", withID, other},
		{"https://x.example/Patient/77", withID, other},
		{"HTTPS://x.example/Patient/8", withID, other},
		{"https://x.example/Device/2", withID, other},
		{"https://x.example/Patient/7/_history/1", withID, "address of a version"},
	} {
		where := at
		if tt.words == "" {
			where = ""
		}
		body := bundle("collection", `{"fullUrl":"`+tt.url+`","resource":`+tt.resource+`}`)
		t.Run(tt.url, func(t *testing.T) {
			wantOnly(t, issuesOf(t, STU3, []byte(body)), where, tt.words)
			if tt.words == absolute || tt.words == other && tt.url != "https://x.example/Device/2" {
				// For sending this matters in every version, since references are rewritten.
				wantIssue(t, prepareIssues(t, R4, body), where, tt.words)
			}
		})
	}
}

// In R4, whose types are not known here, not everything that has a capital is a type.
func TestFullURLOfR4(t *testing.T) {
	t.Parallel()
	prepare(t, R4, bundle("collection",
		`{"fullUrl":"https://x.example/FHIR/7","resource":{"resourceType":"Patient","id":"8"}}`))
}
