package fhir

import "testing"

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]Version{"stu3": STU3, "3.0.2": STU3, "3.0": STU3, "3.0.1": STU3, "r4": R4,
		"4.0.1": R4, "5.0": "", "": ""} {
		if v, ok := ParseVersion(s); v != want || ok != (want != "") {
			t.Errorf("%s is %v", s, v)
		}
	}
}
