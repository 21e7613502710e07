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
	for _, s := range []string{"application/pdf", "text/plain; charset=UTF-8", "text/plain;charset=utf-8",
		"text/plain;",
		`multipart/related; type="application/dicom"`, "application/dicom; transfer-syntax=1.2.840", "a/b ; c=d"} {
		if problem := formatMediaType.check([]byte(s)); problem != "" {
			t.Errorf("%s %s", s, problem)
		}
	}
	for _, s := range []string{"", "pdf", "application/", "/pdf", "application pdf/x", "a/b/c", "a/b; c",
		"a/b; c=d; c=e",
		"text/plain;\ncharset=x", "text/plain;\tcharset=x", "a/b, c/d", "a/b ", "*", "a/é", "a/b; c=\"d", "; a=b"} {
		if formatMediaType.check([]byte(s)) == "" {
			t.Errorf("%q is accepted as the type of a content", s)
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
