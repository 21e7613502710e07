package fhir

import (
	"bytes"
	"encoding/json"
	"mime"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse tests that a body is parsed exactly if encoding/json accepts it, except for limits,
// escapes that are half a character, and what is not one object; and that the strings are the
// same.
func FuzzParse(f *testing.F) {
	seeds(f)
	for _, s := range []string{"", "{}", `{"\ud800":1}`, `{"a":"\udc00\ud800"}`, `{"a":-0.1e+5,"b":[true,false,null]}`,
		`{"a\/\b\f\n\r\t\"\\":"\u00e9\uD83D\uDE00"}`, `{"a":01}`, `{"a":1,}`, `{"a":1}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		doc, issue := parse(body)
		defer doc.close()
		valid := json.Valid(body)
		if issue != nil {
			if valid && utf8.Valid(body) && issue.Code == CodeInvalid && bytes.TrimSpace(body)[0] == '{' &&
				!bytes.Contains(body, []byte(`\u`)) {
				t.Fatalf("a body that is JSON is refused: %v", issue)
			}
			return
		}
		if !valid {
			t.Fatal("a body that is not JSON is accepted")
		}
		for i, n := range doc.nodes {
			if n.kind == kindString {
				sameString(t, body[n.start-1:n.end+1], doc.text(uint32(i)))
			}
			if n.keyEnd > 0 {
				sameString(t, body[n.key-1:n.keyEnd+1], doc.name(uint32(i)))
			}
		}
	})
}

func sameString(t *testing.T, quoted, text []byte) {
	t.Helper()
	var want string
	if err := json.Unmarshal(quoted, &want); err != nil || want != string(text) {
		t.Fatalf("%s is read as %q (%v)", quoted, text, err)
	}
}

// FuzzMediaType tests that what is accepted as the type of a content is a media type for package
// mime, too, and may stand in a header.
func FuzzMediaType(f *testing.F) {
	for _, s := range []string{"application/pdf", "text/plain; charset=UTF-8", `a/b; c="d"`, "xml", "a/b;\nc=d",
		"a/b;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !isMediaType([]byte(s)) {
			return
		}
		name, _, err := mime.ParseMediaType(s)
		if err != nil || strings.Count(name, "/") != 1 || strings.ContainsAny(s, "\t\r\n") {
			t.Fatalf("%q is accepted: %v", s, err)
		}
	})
}
