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

// seeds are the bodies that fuzzing starts from: valid ones, and one for each
// sort of fault.
func seeds(f *testing.F) {
	f.Helper()
	for _, body := range bodies(f, "testdata/valid") {
		f.Add(body)
	}
	for _, s := range []string{
		`{"resourceType":"Patient","identifier":[{"system":"http://fhir.nl/fhir/NamingSystem/bsn","value":"999911120"}]}`,
		`{"resourceType":"Patient","name":[{"given":["a",null],"_given":[null]}],"contained":[{"resourceType":"Patient"}]}`,
		`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"id":"a","_id":{"id":"b"},"resourceType":"Basic"}}]}`,
		`{"\u0069d":"\ud83d\ude00","resourceType":"Basic","code":{"text":"1e3"}}`,
		`[`, `{"a":`, `<Patient/>`, "\xef\xbb\xbf{}", `{"resourceType":"Patient","text":{"status":"generated","div":"<div xmlns='http://www.w3.org/1999/xhtml'><p></div>"}}`,
	} {
		f.Add([]byte(s))
	}
}

// FuzzCheck: nothing panics, a body that is well formed is JSON, and faults are
// reported in a well-formed OperationOutcome.
func FuzzCheck(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, v := range []Version{STU3, R4} {
			r, err := Validate(v, body)
			if err == nil {
				if !json.Valid(body) {
					t.Fatal("well formed, and no JSON")
				}
				if r.ResourceType == "" || len(r.Resources) == 0 {
					t.Fatalf("a report of nothing: %+v", r)
				}
				continue
			}
			var faults *ValidationError
			if !errors.As(err, &faults) || len(faults.Issues) == 0 {
				t.Fatalf("no faults: %v", err)
			}
			if again, err := Validate(STU3, faults.Outcome()); err != nil || again.ResourceType != "OperationOutcome" {
				t.Fatalf("the outcome is not well formed: %v\n%s", err, faults.Outcome())
			}
		}
	})
}

// FuzzPrepare: what goes out is well formed and goes out unchanged when it is
// prepared again, and it names no BSN with a value.
func FuzzPrepare(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		checkPrepared(t, body)
	})
}

// FuzzGraft puts a part of one body in the place of a part of another, which
// leads further into Prepare than changes of bytes do.
func FuzzGraft(f *testing.F) {
	valid := bodies(f, "testdata/valid")
	valid["bsn"] = []byte(`{"resourceType":"Patient","identifier":[{"system":"http://fhir.nl/fhir/NamingSystem/bsn","value":"999911120"}]}`)
	names := slices.Sorted(maps.Keys(valid))
	for k := range names {
		f.Add(uint8(k), uint16(k), uint8(k+1), uint16(3*k))
		f.Add(uint8(2), uint16(7*k), uint8(k), uint16(0))
	}
	f.Fuzz(func(t *testing.T, into uint8, at uint16, from uint8, part uint16) {
		tree := func(k uint8) *document {
			doc, fault := parse(valid[names[int(k)%len(names)]])
			if fault != nil {
				t.Fatal(fault)
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

// checkPrepared prepares a body and says what must hold of what goes out.
func checkPrepared(t *testing.T, body []byte) {
	t.Helper()
	for _, v := range []Version{STU3, R4} {
		out, err := Prepare(v, body)
		if err != nil {
			continue
		}
		if _, err := Validate(v, body); err != nil {
			t.Fatalf("it goes out and is not well formed: %v", err)
		}
		again, err := Prepare(v, out.Body)
		if err != nil {
			t.Fatalf("what goes out may not go out: %v\n%s", err, out.Body)
		}
		if !bytes.Equal(again.Body, out.Body) || again.Path != out.Path || !slices.Equal(again.Types, out.Types) {
			t.Fatalf("it changes when it is prepared again:\n%s\n%s", out.Body, again.Body)
		}
		var decoded any
		if err := json.Unmarshal(out.Body, &decoded); err != nil {
			t.Fatalf("what goes out is no JSON: %v", err)
		}
		if hasIdentifiedBSN(decoded) {
			t.Fatalf("a BSN goes out: %s", out.Body)
		}
	}
}

// hasIdentifiedBSN looks for the plain case by other means than the package's.
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

// FuzzSilent plants something personal as every value in turn: no fault repeats it.
func FuzzSilent(f *testing.F) {
	f.Add("Jansen-de Vries", 3)
	f.Add("999911120", 7)
	f.Add("2024-02-30", 12)
	f.Add("https://x.example/Anna?bsn=1", 20)
	valid := bodies(f, "testdata/valid")
	f.Fuzz(func(t *testing.T, secret string, at int) {
		// What is short may be a part of the message's own words, and one word may be named
		// where an element or a type belongs.
		if _, named := safeName(secret); len(secret) < 8 || named {
			return
		}
		quoted, err := json.Marshal(secret)
		if err != nil {
			return
		}
		for _, body := range valid {
			doc, fault := parse(body)
			if fault != nil {
				t.Fatal(fault)
			}
			n := uint32(max(at, -at)) % uint32(len(doc.nodes))
			change := edits{doc: doc}
			change.replace(n, string(quoted))
			planted := change.apply()
			doc.close()
			for _, v := range []Version{STU3, R4} {
				if _, err := Prepare(v, planted); err != nil {
					var faults *ValidationError
					if errors.As(err, &faults) && saysSecret(faults, secret, valid) {
						t.Fatalf("a fault repeats %q: %v", secret, err)
					}
				}
			}
		}
	})
}

// saysSecret looks for a secret in the faults, unless they would say the words anyway.
func saysSecret(faults *ValidationError, secret string, valid map[string][]byte) bool {
	if strings.Contains(stu3Text, secret) {
		return false
	}
	for _, body := range valid {
		if bytes.Contains(body, []byte(secret)) {
			return false
		}
	}
	for _, f := range faults.Issues {
		for _, h := range []string{f.Text, f.Location} {
			if strings.Contains(h, secret) && !isOurWord(secret) {
				return true
			}
		}
	}
	return false
}

// isOurWord says whether a text is one of the words that faults are made of.
func isOurWord(s string) bool {
	for _, c := range []byte(s) {
		if !isLetter(c) && c != ' ' && c != '.' && c != ':' && c != ',' && c != '[' && c != ']' && c != '(' && c != ')' && c != '-' {
			return false
		}
	}
	return true
}
