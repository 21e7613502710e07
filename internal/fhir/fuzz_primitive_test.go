package fhir

import (
	"bytes"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
)

// FuzzPrimitive tests that a primitive that is accepted matches the regular expression of its
// type (https://hl7.org/fhir/STU3/datatypes.html).
func FuzzPrimitive(f *testing.F) {
	const (
		day  = `-?[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01])`
		time = `([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?`
		zone = `(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])`
	)
	expressions := map[primitive]*regexp.Regexp{}
	for p, expression := range map[primitive]string{
		primID: `[A-Za-z0-9\-.]{1,64}`, primCode: `[^\s]+([\s]?[^\s]+)*`,
		primOID:  `urn:oid:(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*`,
		primUUID: `urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`,
		primDate: day + `)?)?`, primDateTime: day + `(T` + time + zone + `)?)?)?`,
		primInstant: `[0-9]{4}-[0-9]{2}-[0-9]{2}T` + time + zone, primTime: time,
		primInteger: `-?(0|[1-9][0-9]*)`, primPositiveInt: `[1-9][0-9]*`, primUnsignedInt: `0|[1-9][0-9]*`,
		primURI: `\S+`, primBase64: `(\s*[0-9a-zA-Z+/=]){4,}\s*`, primString: `[^\x00-\x08\x0b\x0c\x0e-\x1f]*`,
	} {
		expressions[p] = regexp.MustCompile(`^(` + expression + `)$`)
	}
	for _, s := range []string{"a-1.B", "a b", "urn:oid:1.2.3", "urn:uuid:c33f0001-6a95-41ec-8000-000000000001",
		"2024-02-29",
		"2024-05-01T10:00:00.5+01:00", "2024-05-01T10:00:00Z", "10:00:00", "-17", "2147483647", "eHg=",
		"https://x.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for p, expression := range expressions {
			kind, _ := p.jsonKind()
			if s == "" || kind == kindNumber && !isJSONNumber(s) || p.check([]byte(s)) != "" {
				continue
			}
			if !expression.MatchString(s) {
				t.Fatalf("%q is accepted as a primitive %d", s, p)
			}
			if p != primBase64 {
				continue
			}
			if _, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), "")); err != nil {
				t.Fatalf("%q is accepted as base64: %v", s, err)
			}
		}
	})
}

// FuzzText tests that texts in which a BSN is looked for cause no panic, and do not grow.
func FuzzText(f *testing.F) {
	for _, s := range []string{"BSN 999911120", "<b>BSN</b>&nbsp;9999&#49;1120", "%42SN%20999911120", "<!-- BSN -->1",
		"<![CDATA[x]]>&#x110000;&#xd800;", "identifier=http://fhir.nl/fhir/NamingSystem/bsn|999911120", "<?x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, s []byte) {
		plain := withoutMarkup(s)
		if len(plain) > len(s) {
			t.Fatalf("%q becomes %q", s, plain)
		}
		for _, text := range [][]byte{normalized(s), normalized(plain)} {
			if containsBSN(text) && !bytes.ContainsAny(text, "0123456789") {
				t.Fatalf("a BSN without a digit is found in %q", s)
			}
		}
	})
}

// isJSONNumber reports whether the parser reads a text as a number.
func isJSONNumber(s string) bool {
	doc, issue := parse([]byte(`{"a":` + s + `}`))
	defer doc.close()
	return issue == nil && len(doc.nodes) == 2 && doc.nodes[1].kind == kindNumber
}
