package fhir

import (
	"strings"
	"testing"
)

func TestPrimitives(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		p         primitive
		good, bad []string
	}{
		{primDate,
			[]string{"2024", "2024-02", "2024-02-29", "2000-02-29", "1899-12-31", "-0044-03-15"},
			[]string{"", "24", "2024-2", "2024-00", "2024-13", "2023-02-29", "1900-02-29", "2024-04-31", "2024-01-00",
				"2024-01-32",
				"01-02-2024", "2024-01-01T10:00:00Z", "2024-", "2024-01-", "2024/01/01", "20240101", "2024-01-01 ",
				"２０２４"}},
		{primDateTime,
			[]string{"2024", "2024-02", "2024-02-29", "2024-02-29T23:59:59Z", "2024-02-29T00:00:00.123456789012+14:00",
				"2024-02-29T00:00:00-13:59"},
			[]string{"2024T10:00:00Z", "2024-02-29T", "2024-02-29T10:00", "2024-02-29T10:00Z", "2024-02-29T10:00:00",
				"2024-02-29T24:00:00Z",
				"2024-02-29T10:60:00Z", "2024-02-29T10:00:60Z", "2024-02-29T10:00:00.Z", "2024-02-29T10:00:00+14:01",
				"2024-02-29T10:00:00+0100",
				"2024-02-29T10:00:00z", "2024-02-29t10:00:00Z", "2024-02-29 10:00:00Z", "2023-02-29T10:00:00Z",
				"2024-02-29T10:00:00+1:00"}},
		{primInstant,
			[]string{"2024-02-29T10:00:00Z", "2024-02-29T10:00:00.5+01:00"},
			[]string{"2024-02-29", "2024", "2024-02-29T10:00:00"}},
		{primTime,
			[]string{"00:00:00", "23:59:59.999"},
			[]string{"24:00:00", "12:05", "1:00:00", "12:00:00Z", "12:00:00.", "12-00-00"}},
		{primID, []string{"a", "A-1.b", strings.Repeat("x", 64)},
			[]string{"", "a b", "a_b", "a/b", strings.Repeat("x", 65), "é"}},
		{primOID, []string{"urn:oid:1.2.3", "urn:oid:0", "urn:oid:2.16.840"},
			[]string{"1.2.3", "urn:oid:", "urn:oid:1..2", "urn:oid:01.2", "urn:oid:1.2.", "urn:oid:1.a"}},
		{primUUID, []string{"urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7"},
			[]string{"53fefa32-fcbb-4ff8-8a92-55ee120877b7", "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b",
				"urn:uuid:53FEFA32-fcbb-4ff8-8a92-55ee120877b7", "urn:uuid:53fefa32fcbb-4ff8-8a92-55ee-120877b7"}},
		{primURI, []string{"http://x.example/a?b#c", "urn:oid:1.2", "urn:uuid:53FEFA32-fcbb-4ff8-8a92-55ee120877b7",
			"mailto:a@b.example", "a/b", "http://x.example/{id}"},
			[]string{"a b", " a", "a\n", "urn:oid:1.02", "urn:uuid:1", "oid:1.2", "uuid:x"}},
		{primCode, []string{"a", "a b", "a-b", "é"}, []string{"", " a", "a ", "a  b", "\t"}},
		{primInteger, []string{"0", "-1", "2147483647", "-2147483648", "-0"},
			[]string{"1.0", "1e3", "2147483648", "-2147483649"}},
		{primPositiveInt, []string{"1", "2147483647"}, []string{"0", "-1", "1.0", "2147483648"}},
		{primUnsignedInt, []string{"0", "7"}, []string{"-1", "-0", "0.5", "1e1"}},
		{primDecimal, []string{"0", "-1.50", "72.50", "0.0000000000000000000001"}, []string{"1e3", "1E-3"}},
		{primBase64, []string{"AAAA", "AA==", "AAA=", "AA AA\nAAAA", "+/+/"},
			[]string{"A", "AA", "AAA", "AAAA=", "A===", "AA=A", "A*AA", "    "}},
		{primString, []string{"x", " ", "é\n\t\r", strings.Repeat("x", maxString)},
			[]string{"\x00", "\x0b", "\x1f", strings.Repeat("x", maxString+1)}},
	} {
		for _, s := range tt.good {
			if problem := tt.p.check([]byte(s)); problem != "" {
				t.Errorf("type %d: %.40q %s", tt.p, s, problem)
			}
		}
		for _, s := range tt.bad {
			if tt.p.check([]byte(s)) == "" {
				t.Errorf("type %d: %.40q is accepted", tt.p, s)
			}
		}
	}
}
