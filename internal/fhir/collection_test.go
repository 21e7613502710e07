package fhir

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// The conversion to a batch rewrites references to entries, and no other URLs.
func TestCollectionKeepsMeaning(t *testing.T) {
	t.Parallel()
	out := string(prepare(t, STU3, bundle("collection",
		`{"fullUrl":"http://app.example/Questionnaire/1","resource":{"resourceType":"Questionnaire","id":"1",`+
			`"url":"http://app.example/Questionnaire/1","status":"active"}}`,
		`{"resource":{"resourceType":"Patient","id":"1","extension":[{"url":"http://app.example/Binary/1",`+
			`"valueAttachment":{"url":"http://app.example/Binary/1"}}],`+
			`"photo":[{"url":"http://app.example/Binary/1"}]}}`,
		`{"fullUrl":"http://app.example/Binary/1","resource":{"resourceType":"Binary","contentType":"text/plain",`+
			`"content":"eA=="}}`,
		`{"resource":{"resourceType":"Observation","status":"final","code":{"text":"x"},`+
			`"subject":{"reference":"Patient/1/_history/2"}}}`,
		`{"resource":{"resourceType":"Observation","status":"final","code":{"text":"y"},`+
			`"subject":{"reference":"Patient/2/_history/1"}}}`)).Body)
	for part, want := range map[string]int{
		`"url":"http://app.example/Questionnaire/1"`: 1, // its canonical URL
		`"url":"http://app.example/Binary/1"`:        1, // the extension's
		`Attachment":{"url":"urn:uuid:`:              1,
		`"photo":[{"url":"urn:uuid:`:                 1,
		`Patient/1/_history`:                         0, // refers to an entry, whatever the version
		`"reference":"Patient/2/_history/1"`:         1, // refers to no entry
		`"subject":{"reference":"urn:uuid:`:          1,
	} {
		if n := strings.Count(out, part); n != want {
			t.Errorf("%s occurs %d times, want %d: %s", part, n, want, out)
		}
	}
}

// References outside the entries are rewritten, too.
func TestReferenceOutsideEntries(t *testing.T) {
	t.Parallel()
	for _, v := range []Version{STU3, R4} {
		out := prepare(t, v, `{"resourceType":"Bundle","meta":{"extension":[{"url":"x","valueReference":`+
			`{"reference":"Patient/1"}}]},"type":"collection",`+
			`"entry":[{"resource":{"resourceType":"Patient","id":"1"}}]}`)
		if strings.Contains(string(out.Body), "Patient/1") {
			t.Errorf("the reference is not rewritten: %s", out.Body)
		}
	}
}

func TestCollectionWithOneAddressTwice(t *testing.T) {
	t.Parallel()
	const urn = "urn:uuid:c33f0001-6a95-41ec-8000-000000000001"
	for _, second := range []string{urn, "urn:uuid:C33F0001-6A95-41EC-8000-000000000001"} {
		body := bundle("collection",
			`{"fullUrl":"`+urn+`","resource":{"resourceType":"Patient","meta":{"versionId":"1"}}}`,
			`{"fullUrl":"`+second+`","resource":{"resourceType":"Patient","meta":{"versionId":"2"}}}`)
		for _, v := range []Version{STU3, R4} {
			wantIssue(t, prepareIssues(t, v, body), "Bundle.entry[1]", "of an earlier entry")
		}
	}
}

func TestPrepareCollection(t *testing.T) {
	t.Parallel()
	body := string(bodies(t, "testdata/valid")["collection.json"])
	out := prepare(t, STU3, body)
	if out.BundleType != "collection" || out.Path != "" ||
		!slices.Equal(out.Types, []string{"Patient", "Observation", "Basic"}) {
		t.Errorf("prepared as %+v", out)
	}
	if again := prepare(t, STU3, body); !bytes.Equal(again.Body, out.Body) {
		t.Error("preparing the same collection again gives another body")
	}
	// The result is itself a batch that may be sent unchanged.
	if batch := prepare(t, STU3, string(out.Body)); !bytes.Equal(batch.Body, out.Body) {
		t.Error("the batch is changed when it is prepared again")
	}
	var b struct {
		ID, Type string
		Entry    []struct {
			FullURL  string `json:"fullUrl"`
			Resource struct {
				ID        string
				Subject   struct{ Reference string }
				Performer []struct{ Reference string }
			}
			Request struct{ Method, URL string }
		}
	}
	if err := json.Unmarshal(out.Body, &b); err != nil {
		t.Fatal(err)
	}
	if b.ID != "b" || b.Type != "batch" || len(b.Entry) != 3 {
		t.Fatalf("the batch is %s", out.Body)
	}
	for i, e := range b.Entry {
		if !isUUID([]byte(e.FullURL)) || e.Resource.ID != "" || e.Request.Method != "POST" ||
			e.Request.URL != out.Types[i] {
			t.Errorf("entry %d is %+v", i, e)
		}
	}
	if o := b.Entry[1].Resource; o.Subject.Reference != b.Entry[0].FullURL ||
		o.Performer[0].Reference != b.Entry[0].FullURL {
		t.Errorf("the references do not refer to the patient: %+v", o)
	}
	if !bytes.Contains(out.Body, []byte(`"value": 72.50`)) {
		t.Error("the decimal has lost its digits")
	}
}

// The edits of a collection may touch or contain each other.
func TestPrepareCollectionEdits(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{
		`{"resource":{"id":"p","_id":{"extension":[{"url":"http://x.example",` +
			`"valueReference":{"reference":"Patient/p"}}]},"resourceType":"Patient"}}`,
		`{"resource":{"resourceType":"Patient","link":[{"type":"refer","other":{"reference":"Patient/p"}}],` +
			`"id":"p"},"fullUrl":"http://x.example/Patient/p"}`,
		`{"resource" : {"resourceType":"Patient","_id":{"id":"x"},` +
			`"id":"p","active":true} , "fullUrl" : "urn:uuid:c33f0001-6a95-41ec-8000-000000000001" }`,
	} {
		out := prepare(t, STU3, bundle("collection", entry))
		if issues := prepareIssues(t, STU3, string(out.Body)); len(issues) > 0 {
			t.Errorf("%s\nbecomes\n%s\n%v", entry, out.Body, issues)
		}
		if bytes.Contains(out.Body, []byte("Patient/p")) {
			t.Errorf("a reference was left: %s", out.Body)
		}
	}
}
