package fhir

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
)

// seeds adds the bodies that fuzzing starts from: valid ones, and one for each kind of
// issue.
func seeds(f *testing.F) {
	f.Helper()
	for _, body := range bodies(f, "testdata/valid") {
		f.Add(body)
	}
	for _, s := range []string{
		`{"resourceType":"Patient","identifier":[{"system":"http://fhir.nl/fhir/NamingSystem/bsn",` +
			`"value":"999911120"}]}`,
		`{"resourceType":"Patient","name":[{"given":["a",null],"_given":[null]}],` +
			`"contained":[{"resourceType":"Patient"}]}`,
		`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"id":"a","_id":{"id":"b"},` +
			`"resourceType":"Basic"}}]}`,
		`{"\u0069d":"\ud83d\ude00","resourceType":"Basic","code":{"text":"1e3"}}`,
		`{"resourceType":"Bundle","type":"batch","entry":[{"fullUrl":"urn:oid:1.2",` +
			`"resource":{"resourceType":"Basic","code":{"text":"x"},` +
			`"subject":{"reference":"urn:oid:1.2"}},"request":{"method":"POST","url":"Basic"}}]}`,
		`{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"https://x.example/Patient/1",` +
			`"resource":{"resourceType":"Patient","id":"1","photo":[{"url":"Patient/1","contentType":"a/b; c=d"}]}}]}`,
		`{"resourceType":"Patient","name":[{"id":"a","given":["x","y"],"_given":[null,{"id":"a"}]}]}`,
		`[`, `{"a":`, `<Patient/>`, "\xef\xbb\xbf{}",
		`{"resourceType":"Patient","text":{"status":"generated",` +
			`"div":"<div xmlns='http://www.w3.org/1999/xhtml'><p></div>"}}`,
	} {
		f.Add([]byte(s))
	}
}

// FuzzValidate tests that no body causes a panic, that a valid body is JSON, and that the
// OperationOutcome of an error is valid.
func FuzzValidate(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, v := range []Version{STU3, R4} {
			r, err := Validate(v, body)
			if err == nil {
				if !json.Valid(body) {
					t.Fatal("the body is valid, but not JSON")
				}
				if r.ResourceType == "" || len(r.Resources) == 0 {
					t.Fatalf("the report is empty: %+v", r)
				}
				continue
			}
			var issues *ValidationError
			if !errors.As(err, &issues) || len(issues.Issues) == 0 {
				t.Fatalf("no issues: %v", err)
			}
			again, err := Validate(STU3, issues.OperationOutcome())
			if err != nil || again.ResourceType != "OperationOutcome" {
				t.Fatalf("the OperationOutcome is not valid: %v\n%s", err, issues.OperationOutcome())
			}
		}
	})
}

// FuzzPrepare tests that a prepared body is valid, does not change when it is prepared
// again, and has no identifier with a BSN.
func FuzzPrepare(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		checkPrepared(t, body)
	})
}

// FuzzGraft replaces a value in one body by a value of another body. This reaches more
// code of Prepare than changing bytes does.
func FuzzGraft(f *testing.F) {
	valid := bodies(f, "testdata/valid")
	valid["bsn"] = []byte(`{"resourceType":"Patient",` +
		`"identifier":[{"system":"http://fhir.nl/fhir/NamingSystem/bsn","value":"999911120"}]}`)
	names := slices.Sorted(maps.Keys(valid))
	for k := range names {
		f.Add(uint8(k), uint16(k), uint8(k+1), uint16(3*k))
		f.Add(uint8(2), uint16(7*k), uint8(k), uint16(0))
	}
	f.Fuzz(func(t *testing.T, into uint8, at uint16, from uint8, part uint16) {
		tree := func(k uint8) *document {
			doc, issue := parse(valid[names[int(k)%len(names)]])
			if issue != nil {
				t.Fatal(issue)
			}
			return doc
		}
		a, b := tree(into), tree(from)
		defer a.close()
		defer b.close()
		n := uint32(part) % uint32(len(b.nodes))
		change := edits{doc: a}
		change.replace(uint32(at)%uint32(len(a.nodes)), string(b.src[b.valueStart(n):b.valueEnd(n)]))
		checkPrepared(t, change.apply())
	})
}

// checkPrepared prepares a body, and checks the properties that every prepared body has.
func checkPrepared(t *testing.T, body []byte) {
	t.Helper()
	for _, v := range []Version{STU3, R4} {
		out, err := Prepare(v, body)
		if err != nil {
			continue
		}
		if _, err := Validate(v, body); err != nil {
			t.Fatalf("Prepare accepts a body that Validate refuses: %v", err)
		}
		again, err := Prepare(v, out.Body)
		if err != nil {
			t.Fatalf("Prepare refuses a body that it has prepared: %v\n%s", err, out.Body)
		}
		if !bytes.Equal(again.Body, out.Body) || again.Path != out.Path || !slices.Equal(again.Types, out.Types) {
			t.Fatalf("a prepared body changes when it is prepared again:\n%s\n%s", out.Body, again.Body)
		}
		var decoded any
		if err := json.Unmarshal(out.Body, &decoded); err != nil {
			t.Fatalf("the prepared body is not JSON: %v", err)
		}
		if hasIdentifiedBSN(decoded) {
			t.Fatalf("the prepared body has a BSN: %s", out.Body)
		}
		if urn := danglingURN(decoded, fullURLs(decoded)); urn != "" {
			t.Fatalf("the reference %s of the prepared body leads nowhere: %s", urn, out.Body)
		}
	}
}

// hasIdentifiedBSN reports whether a value contains an identifier with a BSN. It does not
// use the code that it tests.
func hasIdentifiedBSN(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		system, _ := v["system"].(string)
		value, _ := v["value"].(string)
		if strings.EqualFold(strings.TrimSuffix(system, "/"), "http://fhir.nl/fhir/NamingSystem/bsn") && value != "" {
			return true
		}
		for _, x := range v {
			if hasIdentifiedBSN(x) {
				return true
			}
		}
	case []any:
		for _, x := range v {
			if hasIdentifiedBSN(x) {
				return true
			}
		}
	}
	return false
}

// fullURLs returns the fullUrls of a Bundle. Like hasIdentifiedBSN it does not use the code
// that it tests.
func fullURLs(body any) map[string]bool {
	all := map[string]bool{}
	b, _ := body.(map[string]any)
	entries, _ := b["entry"].([]any)
	for _, e := range entries {
		entry, _ := e.(map[string]any)
		if url, ok := entry["fullUrl"].(string); ok {
			all[url] = true
		}
	}
	return all
}

// danglingURN returns a reference to a urn that is not known, or "".
func danglingURN(v any, known map[string]bool) string {
	switch v := v.(type) {
	case map[string]any:
		to, _ := v["reference"].(string)
		low := strings.ToLower(to)
		if (strings.HasPrefix(low, "urn:uuid:") || strings.HasPrefix(low, "urn:oid:")) && !known[to] {
			return to
		}
		for _, x := range v {
			if urn := danglingURN(x, known); urn != "" {
				return urn
			}
		}
	case []any:
		for _, x := range v {
			if urn := danglingURN(x, known); urn != "" {
				return urn
			}
		}
	}
	return ""
}

// FuzzSilent replaces a value of each valid body by a secret, which no issue may repeat.
func FuzzSilent(f *testing.F) {
	f.Add("Jansen-de Vries", 3)
	f.Add("999911120", 7)
	f.Add("2024-02-30", 12)
	f.Add("https://x.example/Anna?bsn=1", 20)
	valid := bodies(f, "testdata/valid")
	f.Fuzz(func(t *testing.T, secret string, at int) {
		// A short secret may occur in the package's own texts, and an issue may repeat a
		// single word if a name is expected.
		if _, named := safeName(secret); len(secret) < 8 || named {
			return
		}
		quoted, err := json.Marshal(secret)
		if err != nil {
			return
		}
		for _, body := range valid {
			doc, issue := parse(body)
			if issue != nil {
				t.Fatal(issue)
			}
			n := uint32(max(at, -at)) % uint32(len(doc.nodes))
			change := edits{doc: doc}
			change.replace(n, string(quoted))
			planted := change.apply()
			doc.close()
			for _, v := range []Version{STU3, R4} {
				if _, err := Prepare(v, planted); err != nil {
					var issues *ValidationError
					if errors.As(err, &issues) && saysSecret(issues, secret, valid) {
						t.Fatalf("an issue repeats %q: %v", secret, err)
					}
				}
			}
		}
	})
}

// saysSecret reports whether the issues repeat a secret. It ignores a secret that issues
// may contain anyway.
func saysSecret(issues *ValidationError, secret string, valid map[string][]byte) bool {
	if strings.Contains(stu3Text, secret) {
		return false
	}
	for _, body := range valid {
		if bytes.Contains(body, []byte(secret)) {
			return false
		}
	}
	for _, f := range issues.Issues {
		for _, h := range []string{f.Text, f.Location} {
			if strings.Contains(h, secret) && !isOurWord(secret) {
				return true
			}
		}
	}
	return false
}

// isOurWord reports whether a text could be part of the package's own texts.
func isOurWord(s string) bool {
	for _, c := range []byte(s) {
		if !isLetter(c) && c != ' ' && c != '.' && c != ':' && c != ',' && c != '[' && c != ']' && c != '(' &&
			c != ')' && c != '-' {
			return false
		}
	}
	return true
}
