package fhir

import (
	"bytes"
	"slices"
)

// reference checks a Reference (https://hl7.org/fhir/STU3/references.html): the
// form of its address, that a fragment leads to a contained resource, and the
// type of its target where the address tells it.
func (c *checker) checkReference(i uint32, from *property) {
	m, ok := c.doc.member(i, "reference")
	if !ok {
		return
	}
	text := c.doc.text(m)
	if len(text) == 0 {
		return // a fault already
	}
	name, says, code := c.targetType(text)
	if says != "" {
		c.addIssue(m, code, says)
		return
	}
	if name == "" || from == nil || from.targets == nil || slices.Contains(from.targets, name) {
		return
	}
	c.addIssue(m, CodeValue, "refers to "+article(name)+"; this may refer to "+listWords(from.targets))
}

// target is the type that an address leads to, "" if that cannot be told, or
// says what is wrong with it.
func (c *checker) targetType(text []byte) (name, says string, code IssueCode) {
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
		if says := checkURI(text); says != "" {
			return "", says, CodeValue
		}
		return c.absoluteType(text), "", ""
	}
	return c.relativeType(text)
}

const notReference = "is not a reference: Type/id, an absolute URL, urn:uuid:…, urn:oid:… or #id"

// relative reads Type/id, also of a version, and the search that stands for a
// resource in a transaction (Type?…).
func (c *checker) relativeType(text []byte) (name, says string, code IssueCode) {
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

// absolute finds the type in the address of a resource on a server. Other
// addresses may lead anywhere.
func (c *checker) absoluteType(text []byte) string {
	if !bytes.HasPrefix(text, []byte("http")) {
		return ""
	}
	text, _, _ = bytes.Cut(text, []byte("#"))
	text, _, _ = bytes.Cut(text, []byte("/_history/"))
	slash := bytes.LastIndexByte(text, '/')
	if slash < 0 || !isID(text[slash+1:]) {
		return ""
	}
	rest := text[:slash]
	// Above the type comes a server, or one of its folders.
	if t := c.defs.resource(rest[bytes.LastIndexByte(rest, '/')+1:]); t != nil && bytes.Count(rest, []byte("/")) > 2 {
		return t.name
	}
	return ""
}

// article puts the right one before a type's name.
func article(name string) string {
	if bytes.ContainsRune([]byte("AEIOU"), rune(name[0])) {
		return "an " + name
	}
	return "a " + name
}
