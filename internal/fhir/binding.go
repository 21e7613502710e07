package fhir

import (
	"bytes"
	"fmt"
	"mime"
	"slices"
)

// checkBinding checks a Coding or CodeableConcept whose binding is required. A code
// from one of the value set's systems must be in the value set. Text alone and codes
// from other systems pass, since HL7's own examples have both.
func (c *checker) checkBinding(i uint32, p *property) {
	codings := []uint32{i}
	if list, ok := c.doc.member(i, "coding"); ok {
		codings = codings[:0]
		for x := range c.doc.children(list) {
			codings = append(codings, x)
		}
	}
	wrong, l := uint32(0), p.element.valueSet.loaded()
	for _, x := range codings {
		code, system := c.doc.memberText(x, "code"), c.doc.memberText(x, "system")
		has, known := l.hasOf(system, code)
		if len(system) == 0 {
			has, known = l.has(code), true
		}
		if has {
			return
		}
		if m, ok := c.doc.member(x, "code"); ok && known {
			wrong = m
		}
	}
	if wrong != 0 {
		c.addIssue(wrong, CodeCodeInvalid, notInValueSet(l.name, l.codes))
	}
}

// notInValueSet returns the text of an issue. It does not repeat the code that was
// found, which may be personal.
func notInValueSet(list string, codes []string) string {
	return fmt.Sprintf("is not in the value set %s: %s", list, listWords(codes))
}

// A codeFormat is the form of the codes of a value set that cannot be listed.
type codeFormat uint8

const (
	formatNone codeFormat = iota
	formatMIME
	formatMediaType // of a content: like formatMIME, but the whole form
	formatLanguage
)

// check returns what is wrong with a code, or "".
func (f codeFormat) check(s []byte) string {
	switch f {
	case formatMIME:
		if !isMIME(s) {
			return "is not a media type such as application/pdf"
		}
	case formatMediaType:
		if !isMediaType(s) {
			return "is not a media type such as application/pdf or text/plain; charset=UTF-8"
		}
	case formatLanguage:
		if !isLanguage(s) {
			return "is not a language such as nl or nl-NL"
		}
	}
	return ""
}

// isMIME reports whether s is a media type. It accepts any parameters and also names
// without a slash (xml, DICOM WADO-RS), since the specification's own examples have
// them.
func isMIME(s []byte) bool {
	s, _, _ = bytes.Cut(s, []byte(";"))
	first, second, slash := bytes.Cut(bytes.TrimSpace(s), []byte("/"))
	return !slash && len(first) > 0 || isToken(first) && isToken(second)
}

// isMediaType reports whether s is a media type of RFC 9110, with or without parameters.
func isMediaType(s []byte) bool {
	name, _, parameters := bytes.Cut(s, []byte(";"))
	if parameters {
		if _, _, err := mime.ParseMediaType(string(s)); err != nil {
			return false
		}
		name = bytes.TrimRight(name, " ")
	}
	first, second, _ := bytes.Cut(name, []byte("/"))
	return isToken(first) && isToken(second) && !slices.ContainsFunc(s, func(c byte) bool { return c < ' ' })
}

// isToken reports whether s is a token of RFC 9110.
func isToken(s []byte) bool {
	for _, c := range s {
		if !isLetter(c) && !isDigit(c) && !bytes.ContainsRune([]byte("!#$%&'*+-.^_`|~"), rune(c)) {
			return false
		}
	}
	return len(s) > 0
}

// isLanguage reports whether s has the form of a BCP 47 tag. It does not check that the
// language exists.
func isLanguage(s []byte) bool {
	for part := range bytes.SplitSeq(s, []byte("-")) {
		if len(part) < 1 || len(part) > 8 {
			return false
		}
		for _, c := range part {
			if !isLetter(c) && !isDigit(c) {
				return false
			}
		}
	}
	return isLetter(s[0])
}
