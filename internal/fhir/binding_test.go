package fhir

import "testing"

func TestForms(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"application/pdf", "application/fhir+json", "text/plain; charset=UTF-8", "xml",
		"text/cql"} {
		if problem := formatMIME.check([]byte(s)); problem != "" {
			t.Errorf("%s %s", s, problem)
		}
	}
	for _, s := range []string{"application/", "/pdf", "application pdf/x", "a/b/c"} {
		if formatMIME.check([]byte(s)) == "" {
			t.Errorf("%q is accepted as a media type", s)
		}
	}
	for _, s := range []string{"nl", "nl-NL", "zh-Hant-CN", "i-klingon"} {
		if problem := formatLanguage.check([]byte(s)); problem != "" {
			t.Errorf("%s %s", s, problem)
		}
	}
	for _, s := range []string{"nl_NL", "nl-", "1", "Nederlands-uit-Nederland-langewoorden"} {
		if formatLanguage.check([]byte(s)) == "" {
			t.Errorf("%q is accepted as a language", s)
		}
	}
}
