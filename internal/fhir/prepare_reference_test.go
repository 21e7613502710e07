package fhir

import (
	"strings"
	"testing"
)

const (
	uuidA = "urn:uuid:0a1b2c3d-0000-4000-8000-00000000000a"
	uuidB = "urn:uuid:0a1b2c3d-0000-4000-8000-00000000000b"
)

// created returns an entry of a batch that creates an Observation or a DocumentReference with a
// member more.
func created(url, member string) string {
	name := "Observation"
	required := `"status":"final","code":{"text":"x"}`
	if strings.Contains(member, "content") {
		name, required = "DocumentReference", `"status":"current","type":{"text":"x"},"indexed":"2020-01-01T00:00:00Z"`
	}
	if member != "" {
		member = "," + member
	}
	return `{"fullUrl":"` + url + `","resource":{"resourceType":"` + name + `",` + required + member + `},` +
		`"request":{"method":"POST","url":"` + name + `"}}`
}

// single returns the resource of an entry that created has returned.
func single(entry string) string {
	_, resource, _ := strings.Cut(entry, `"resource":`)
	resource, _, _ = strings.Cut(resource, `,"request"`)
	return resource
}

// URNs that lead nowhere are refused wherever a reference may be, in both versions.
func TestURNLeadsNowhere(t *testing.T) {
	t.Parallel()
	for _, urn := range []string{uuidB, strings.ToUpper(uuidB), "urn:oid:1.2.3.4", "URN:OID:1.2.3.4",
		"urn:oid:1.2.3#x"} {
		for _, tt := range []struct{ member, at string }{
			{`"device":{"reference":"%s"}`, ".device.reference"},
			{`"performer":[{"display":"x"},{"reference":"%s"}]`, ".performer[1].reference"},
			{`"extension":[{"url":"x","valueReference":{"reference":"%s"}}]`, ".extension[0].valueReference.reference"},
			{`"contained":[{"resourceType":"Device","id":"d","owner":{"reference":"%s"}}],"device":{"reference":"#d"}`,
				".contained[0].owner.reference"},
			{`"content":[{"attachment":{"url":"%s"}}]`, ".content[0].attachment.url"},
			{`"content":[{"attachment":{"contentType":"text/plain","url":"%s","title":"x"}}]`,
				".content[0].attachment.url"},
			{`"extension":[{"url":"x","valueAttachment":{"url":"%s"}}]`, ".extension[0].valueAttachment.url"},
		} {
			entry := created(uuidA, strings.ReplaceAll(tt.member, "%s", urn))
			collected := `{"fullUrl":"` + uuidA + `","resource":` + single(entry) + `}`
			name := "Observation"
			if strings.Contains(tt.member, "content\"") {
				name = "DocumentReference"
			}
			for _, v := range []Version{STU3, R4} {
				wantIssue(t, prepareIssues(t, v, single(entry)), name+tt.at, "leads nowhere: send the resource")
				for _, body := range []string{bundle("batch", entry), bundle("transaction", entry),
					bundle("collection", collected)} {
					wantIssue(t, prepareIssues(t, v, body), "Bundle.entry[0].resource"+tt.at,
						"leads nowhere: no entry of the Bundle")
				}
			}
		}
	}
}

// Identifiers, systems and URLs of extensions are no references.
func TestURNThatIsNoReference(t *testing.T) {
	t.Parallel()
	for _, member := range []string{
		`"identifier":[{"system":"urn:oid:1.2.3.4","value":"urn:oid:1.2.3.4"},{"system":"urn:ietf:rfc:3986","value":"` +
			uuidB + `"}]`,
		`"extension":[{"url":"urn:oid:1.2.3.4","valueUri":"urn:oid:1.2.3.4"},{"url":"` + uuidB + `","valueCode":"x"}]`,
		`"modifierExtension":[{"url":"urn:oid:1.2.3.4","extension":[{"url":"urn:oid:1.2.3.4","valueCode":"x"}]}]`,
		`"device":{"identifier":{"system":"urn:oid:1.2.3.4","value":"x"},"display":"` + uuidB + `"}`,
		`"category":[{"coding":[{"system":"urn:oid:1.2.3.4","code":"x"}]}]`,
		`"comment":"` + uuidB + `"`, `"meta":{"profile":["urn:oid:1.2.3.4"]}`,
	} {
		for _, v := range []Version{STU3, R4} {
			entry := created(uuidA, member)
			prepare(t, v, single(entry))
			prepare(t, v, bundle("batch", entry))
		}
	}
}

// References to entries are followed, for a urn:oid as for a urn:uuid.
func TestURNOfAnEntry(t *testing.T) {
	t.Parallel()
	for _, urn := range []string{uuidB, strings.ToUpper(uuidB[9:]), "urn:oid:2.999.1.1"} {
		if !strings.HasPrefix(urn, "urn:") {
			urn = "urn:uuid:" + urn
		}
		patient := strings.Replace(patientEntry, "urn:uuid:c33f0001-6a95-41ec-8000-000000000001", urn, 1)
		for _, member := range []string{`"subject":{"reference":"` + urn + `"}`,
			`"content":[{"attachment":{"url":"` + urn + `"}}]`} {
			for _, v := range []Version{STU3, R4} {
				for _, kind := range []string{"batch", "transaction"} {
					body := bundle(kind, created(uuidA, member), patient)
					if out := prepare(t, v, body); string(out.Body) != body {
						t.Errorf("the %s is changed: %s", kind, out.Body)
					}
				}
				out := prepare(t, v, bundle("collection",
					`{"fullUrl":"`+uuidA+`","resource":`+single(created(uuidA, member))+`}`,
					`{"fullUrl":"`+urn+`","resource":{"resourceType":"Patient","active":true}}`))
				if n := strings.Count(string(out.Body), `"`+urn+`"`); n != 2 {
					t.Errorf("%s occurs %d times, want 2: %s", urn, n, out.Body)
				}
			}
		}
		// The type of the target is known.
		body := bundle("batch", created(uuidA, `"device":{"reference":"`+urn+`"}`), patient)
		wantIssue(t, prepareIssues(t, STU3, body), "Bundle.entry[0].resource.device.reference", "refers to a Patient")
	}
}

// URNs are compared as they are written. Two that differ only in case are not unique.
func TestURNInOtherCase(t *testing.T) {
	t.Parallel()
	upper := "urn:uuid:" + strings.ToUpper(uuidB[9:])
	for _, v := range []Version{STU3, R4} {
		for _, tt := range []struct{ url, reference string }{
			{uuidB, upper}, {upper, uuidB}, {uuidB, strings.ToUpper(uuidB)}} {
			reference := `"device":{"reference":"` + tt.reference + `"}`
			wantIssue(t, prepareIssues(t, v, bundle("transaction", created(uuidA, reference), created(tt.url, ""))),
				"Bundle.entry[0].resource.device.reference", "leads nowhere")
			wantIssue(t, prepareIssues(t, v, bundle("collection",
				`{"fullUrl":"`+uuidA+`","resource":`+single(created(uuidA, reference))+`}`,
				`{"fullUrl":"`+tt.url+`","resource":`+single(created(uuidA, ""))+`}`)),
				"Bundle.entry[0].resource.device.reference", "leads nowhere")
		}
		wantIssue(t, prepareIssues(t, v, bundle("batch", created(uuidB, ""), created(upper, ""))), "Bundle.entry[1]",
			"urn of an earlier entry")
		wantIssue(t, prepareIssues(t, v, bundle("batch",
			created(uuidB, `"meta":{"versionId":"1"}`), created(uuidB, ""))),
			"Bundle.entry[1]", "urn of an earlier entry")
	}
	wantOnly(t, prepareIssues(t, STU3, bundle("batch", created(uuidB, ""), created(uuidB, ""))),
		"Bundle.entry[1].fullUrl", "address of an earlier entry")
}

// A resource is written once, whatever its fullUrls are.
func TestWrittenTwice(t *testing.T) {
	t.Parallel()
	updated := func(url string) string {
		return `{"fullUrl":"` + url + `","resource":{"resourceType":"Patient","id":"7","active":true},` +
			`"request":{"method":"PUT","url":"Patient/7"}}`
	}
	for _, v := range []Version{STU3, R4} {
		for _, kind := range []string{"batch", "transaction"} {
			for _, second := range []string{"https://b.example/Patient/7", uuidA, "https://a.example/Patient/7"} {
				body := bundle(kind, updated("https://a.example/Patient/7"), updated(second))
				wantIssue(t, prepareIssues(t, v, body), "Bundle.entry[1].request.url", "written by an earlier entry")
			}
			other := strings.ReplaceAll(
				strings.ReplaceAll(updated("https://a.example/Patient/8"), "Patient/7", "Patient/8"),
				`"id":"7"`, `"id":"8"`)
			prepare(t, v, bundle(kind, updated("https://a.example/Patient/7"), other))
		}
	}
}

// A reference without a base does not lead to another server.
func TestRelativeReferenceToAnotherServer(t *testing.T) {
	t.Parallel()
	device := `{"fullUrl":"https://b.example/Device/2","resource":{"resourceType":"Device","id":"2"}}`
	observation := func(url, reference string) string {
		member := `"device":{"reference":"` + reference + `"}`
		return `{"fullUrl":"` + url + `","resource":` + single(created(uuidA, member)) + `}`
	}
	for _, v := range []Version{STU3, R4} {
		for _, reference := range []string{"Device/2", "Device/2/_history/1"} {
			wantIssue(t, prepareIssues(t, v, bundle("collection", device,
				observation("https://a.example/Observation/9", reference))),
				"Bundle.entry[1].resource.device.reference", "leads to another server")
			prepare(t, v, bundle("collection", device, observation("https://b.example/Observation/9", reference)))
			prepare(t, v, bundle("collection", device, observation(uuidA, reference)))
		}
		prepare(t, v, bundle("collection", device,
			observation("https://a.example/Observation/9", "https://b.example/Device/2")))
	}
}

// An address tells the id of a resource that has none of its own.
func TestRelativeReferenceToAnAddress(t *testing.T) {
	t.Parallel()
	for _, v := range []Version{STU3, R4} {
		out := prepare(t, v, bundle("collection",
			`{"fullUrl":"https://a.example/Device/2","resource":{"resourceType":"Device"}}`,
			`{"fullUrl":"https://a.example/Observation/9","resource":`+
				single(created(uuidA, `"device":{"reference":"Device/2"}`))+`}`))
		if strings.Contains(string(out.Body), "Device/2") {
			t.Errorf("the reference is not rewritten: %s", out.Body)
		}
	}
}
