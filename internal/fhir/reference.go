package fhir

import (
	"bytes"
	"slices"
)

// checkReference checks a Reference (https://hl7.org/fhir/STU3/references.html): its
// form, that the target of a fragment exists, and the type of the target if it is known.
// from is the element that has the Reference.
func (c *checker) checkReference(i uint32, from *property) {
	m, ok := c.doc.member(i, "reference")
	if !ok {
		return
	}
	text := c.doc.text(m)
	if len(text) == 0 {
		return // already reported
	}
	name, problem, code := c.targetType(text)
	if problem != "" {
		c.addIssue(m, code, problem)
		return
	}
	if name == "" || from == nil || from.targets == nil || slices.Contains(from.targets, name) {
		return
	}
	c.addIssue(m, CodeValue, "refers to "+article(name)+"; this may refer to "+listWords(from.targets))
}

// targetType returns the type of the resource that a reference refers to, or "" if it is
// not known. If the reference is wrong, it also returns the text and the code of the
// issue.
func (c *checker) targetType(text []byte) (name, problem string, code IssueCode) {
	if text[0] == '#' {
		return c.containedType(text[1:])
	}
	for _, b := range text {
		if b <= ' ' {
			return "", notReference, CodeValue
		}
	}
	if c.bundle != nil {
		if t, ok := c.bundle.typeByURL[string(text)]; ok {
			return t, "", ""
		}
	}
	if colon := bytes.IndexByte(text, ':'); colon > 0 && !bytes.ContainsAny(text[:colon], "/?#") {
		if problem := checkURI(text); problem != "" {
			return "", problem, CodeValue
		}
		return c.absoluteType(text), "", ""
	}
	return c.relativeType(text)
}

const notReference = "is not a reference: Type/id, an absolute URL, urn:uuid:…, urn:oid:… or #id"

// relativeType is targetType for Type/id, with or without a version, and for the
// conditional reference of a transaction (Type?…).
func (c *checker) relativeType(text []byte) (name, problem string, code IssueCode) {
	text, _, search := bytes.Cut(text, []byte("?"))
	parts := bytes.SplitN(text, []byte("/"), 5)
	if len(parts) > 4 || search != (len(parts) == 1) {
		return "", notReference, CodeValue
	}
	if len(parts) > 2 && (len(parts) != 4 || string(parts[2]) != "_history") {
		return "", notReference, CodeValue
	}
	for k, p := range parts {
		if k > 0 && k != 2 && !isID(p) {
			return "", notReference, CodeValue
		}
	}
	t := c.defs.resource(parts[0])
	if t == nil {
		if shown, ok := safeName(parts[0]); ok && isUpper(shown[0]) && !search {
			return "", "refers to " + article(shown) + ", which is no type of resource", CodeValue
		}
		return "", notReference, CodeValue
	}
	return t.name, "", ""
}

// absoluteType returns the type in the URL of a resource on a server, or "" for other
// URLs.
func (c *checker) absoluteType(text []byte) string {
	text, _, _ = bytes.Cut(text, []byte("#"))
	text, _, _ = bytes.Cut(text, []byte("/_history/"))
	_, name, _, _ := c.splitAddress(text)
	return string(name)
}

// article puts "a" or "an" before a type's name.
func article(name string) string {
	if bytes.ContainsRune([]byte("AEIOU"), rune(name[0])) {
		return "an " + name
	}
	return "a " + name
}
