package fhir

import (
	"strings"
	"testing"
)

func TestPrimitives(t *testing.T) {
	for _, tt := range []struct {
		p         primitive
		good, bad []string
	}{
		{primDate,
			[]string{"2024", "2024-02", "2024-02-29", "2000-02-29", "1899-12-31", "-0044-03-15"},
			[]string{"", "24", "2024-2", "2024-00", "2024-13", "2023-02-29", "1900-02-29", "2024-04-31", "2024-01-00", "2024-01-32",
				"01-02-2024", "2024-01-01T10:00:00Z", "2024-", "2024-01-", "2024/01/01", "20240101", "2024-01-01 ", "２０２４"}},
		{primDateTime,
			[]string{"2024", "2024-02", "2024-02-29", "2024-02-29T23:59:59Z", "2024-02-29T00:00:00.123456789012+14:00", "2024-02-29T00:00:00-13:59"},
			[]string{"2024T10:00:00Z", "2024-02-29T", "2024-02-29T10:00", "2024-02-29T10:00Z", "2024-02-29T10:00:00", "2024-02-29T24:00:00Z",
				"2024-02-29T10:60:00Z", "2024-02-29T10:00:60Z", "2024-02-29T10:00:00.Z", "2024-02-29T10:00:00+14:01", "2024-02-29T10:00:00+0100",
				"2024-02-29T10:00:00z", "2024-02-29t10:00:00Z", "2024-02-29 10:00:00Z", "2023-02-29T10:00:00Z", "2024-02-29T10:00:00+1:00"}},
		{primInstant,
			[]string{"2024-02-29T10:00:00Z", "2024-02-29T10:00:00.5+01:00"},
			[]string{"2024-02-29", "2024", "2024-02-29T10:00:00"}},
		{primTime,
			[]string{"00:00:00", "23:59:59.999"},
			[]string{"24:00:00", "12:05", "1:00:00", "12:00:00Z", "12:00:00.", "12-00-00"}},
		{primID, []string{"a", "A-1.b", strings.Repeat("x", 64)}, []string{"", "a b", "a_b", "a/b", strings.Repeat("x", 65), "é"}},
		{primOID, []string{"urn:oid:1.2.3", "urn:oid:0", "urn:oid:2.16.840"}, []string{"1.2.3", "urn:oid:", "urn:oid:1..2", "urn:oid:01.2", "urn:oid:1.2.", "urn:oid:1.a"}},
		{primUUID, []string{"urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7"},
			[]string{"53fefa32-fcbb-4ff8-8a92-55ee120877b7", "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b", "urn:uuid:53FEFA32-fcbb-4ff8-8a92-55ee120877b7", "urn:uuid:53fefa32fcbb-4ff8-8a92-55ee-120877b7"}},
		{primURI, []string{"http://x.example/a?b#c", "urn:oid:1.2", "urn:uuid:53FEFA32-fcbb-4ff8-8a92-55ee120877b7", "mailto:a@b.example", "a/b", "http://x.example/{id}"},
			[]string{"a b", " a", "a\n", "urn:oid:1.02", "urn:uuid:1", "oid:1.2", "uuid:x"}},
		{primCode, []string{"a", "a b", "a-b", "é"}, []string{"", " a", "a ", "a  b", "\t"}},
		{primInteger, []string{"0", "-1", "2147483647", "-2147483648", "-0"}, []string{"1.0", "1e3", "2147483648", "-2147483649"}},
		{primPositiveInt, []string{"1", "2147483647"}, []string{"0", "-1", "1.0", "2147483648"}},
		{primUnsignedInt, []string{"0", "7"}, []string{"-1", "-0", "0.5", "1e1"}},
		{primDecimal, []string{"0", "-1.50", "72.50", "0.0000000000000000000001"}, []string{"1e3", "1E-3"}},
		{primBase64, []string{"AAAA", "AA==", "AAA=", "AA AA\nAAAA", "+/+/"}, []string{"A", "AA", "AAA", "AAAA=", "A===", "AA=A", "A*AA", "    "}},
		{primString, []string{"x", " ", "é\n\t\r", strings.Repeat("x", maxString)}, []string{"\x00", "\x0b", "\x1f", strings.Repeat("x", maxString+1)}},
	} {
		for _, s := range tt.good {
			if says := tt.p.check([]byte(s)); says != "" {
				t.Errorf("type %d: %.40q %s", tt.p, s, says)
			}
		}
		for _, s := range tt.bad {
			if tt.p.check([]byte(s)) == "" {
				t.Errorf("type %d: %.40q is let pass", tt.p, s)
			}
		}
	}
}

func TestForms(t *testing.T) {
	for _, s := range []string{"application/pdf", "application/fhir+json", "text/plain; charset=UTF-8", "xml", "text/cql"} {
		if says := formatMIME.check([]byte(s)); says != "" {
			t.Errorf("%s %s", s, says)
		}
	}
	for _, s := range []string{"application/", "/pdf", "application pdf/x", "a/b/c"} {
		if formatMIME.check([]byte(s)) == "" {
			t.Errorf("%q is let pass as a media type", s)
		}
	}
	for _, s := range []string{"nl", "nl-NL", "zh-Hant-CN", "i-klingon"} {
		if says := formatLanguage.check([]byte(s)); says != "" {
			t.Errorf("%s %s", s, says)
		}
	}
	for _, s := range []string{"nl_NL", "nl-", "1", "Nederlands-uit-Nederland-langewoorden"} {
		if formatLanguage.check([]byte(s)) == "" {
			t.Errorf("%q is let pass as a language", s)
		}
	}
}

func TestXHTML(t *testing.T) {
	div := func(s string) string { return `<div xmlns="http://www.w3.org/1999/xhtml">` + s + `</div>` }
	for _, s := range []string{
		div("text"), div(""), div("<p>a<br/>b</p><img src='x.png' alt=\"x\"/>"), " \n" + div("x") + "\n",
		div("a &lt; b &amp; c &nbsp;"), div("<!-- a > b --><a href=\"#x\">x</a>"), "<!-- c -->" + div("x"),
		`<div xml:lang="nl" xmlns="http://www.w3.org/1999/xhtml" lang="nl"><div>x</div></div>`,
		`<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>x</h:p></h:div>`,
		`<div xmlns="http://www.w3.org/1999/xhtml"/>`,
	} {
		if says := checkXHTML([]byte(s)); says != "" {
			t.Errorf("%s\n\t%s", s, says)
		}
	}
	for _, s := range []string{
		"", "text", "<div>text</div>", `<p xmlns="http://www.w3.org/1999/xhtml">x</p>`, `<div xmlns="http://example.org">x</div>`,
		div("<p>x"), div("x</p>"), div("<p><b>x</p></b>"), div("<script>x</script>"), div("<SCRIPT src='x'></SCRIPT>"), div("<iframe/>"),
		div("<p onclick='x'>x</p>"), div("<a href=' javascript:x'>x</a>"), div("<p a>x</p>"), div("<p a=b>x</p>"), div("<p a='<'>x</p>"),
		div("x") + "y", div("x") + div("y"), div("<!-- x"), div("a < b"), `<div xmlns="http://www.w3.org/1999/xhtml">x`,
		div("<h:script>x</h:script>"), div("<form><input/></form>"), "<", "<div", `<div xmlns="`, `<div xmlns="http://www.w3.org/1999/xhtml"/>x`,
	} {
		if checkXHTML([]byte(s)) == "" {
			t.Errorf("%q is let pass", s)
		}
	}
}

func TestAfter(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"2024", "2023", true}, {"2024", "2024", false}, {"2024", "2024-01", false}, {"2024-02", "2024-01-31", true}, {"2024-02-02", "2024-02-01", true},
		{"2024-02-01", "2024-02-02", false}, {"2024-02", "2025", false},
		{"2024-02-01T10:00:00Z", "2024-02-01T10:00:00+01:00", true}, {"2024-02-01T10:00:00+01:00", "2024-02-01T09:00:00Z", false},
		{"2024-02-01T10:00:00.5Z", "2024-02-01T10:00:00.4Z", true}, {"2024-02-01T10:00:01Z", "2024-02-01T10:00:00.4Z", true},
		{"2024-02-01T00:30:00+14:00", "2024-01-31", false}, {"2024-02-03T00:00:00Z", "2024-02-01", true}, {"2024-03-01T00:00:00Z", "2024-02", true},
		{"2024-01-01T00:00:00+01:00", "2023-12-31T23:30:00Z", false},
	} {
		a, _ := parseDateTime([]byte(tt.a))
		b, _ := parseDateTime([]byte(tt.b))
		if a.after(b) != tt.want {
			t.Errorf("%s after %s: want %v", tt.a, tt.b, tt.want)
		}
	}
}
