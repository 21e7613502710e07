package fhir

import (
	"bytes"
	"iter"
)

// references lists the strings in a value that refer to resources: the reference of a
// Reference and the url of an Attachment, which refers to a Binary. Any other url is the
// canonical URL of a definition or identifies an extension. Identifiers and systems are no
// references. The names of the members are enough for this, in every version of FHIR.
func (d *document) references(i uint32) iter.Seq[uint32] {
	return func(yield func(uint32) bool) { d.referencesIn(i, nil, yield) }
}

// referencesIn lists the references in a value, and reports whether to go on. name is the
// name of the member whose value this is; items of an array have the name of the array.
func (d *document) referencesIn(i uint32, name []byte, yield func(uint32) bool) bool {
	inObject := d.nodes[i].kind == kindObject
	attachment := string(name) != "extension" && string(name) != "modifierExtension" && d.isAttachment(i)
	for m := range d.children(i) {
		below := name
		if inObject {
			below = d.name(m)
		}
		switch d.nodes[m].kind {
		case kindObject, kindArray:
			if !d.referencesIn(m, below, yield) {
				return false
			}
		case kindString:
			if (string(below) == "reference" || string(below) == "url" && attachment) && !yield(m) {
				return false
			}
		}
	}
	return true
}

// isAttachment reports whether an object has only members of an Attachment, in any
// version of FHIR.
func (d *document) isAttachment(i uint32) bool {
	if d.nodes[i].kind != kindObject {
		return false
	}
	for m := range d.children(i) {
		switch string(bytes.TrimPrefix(d.name(m), []byte("_"))) {
		case "id", "extension", "contentType", "language", "data", "url", "size", "hash", "title", "creation",
			"height", "width", "frames", "duration", "pages":
		default:
			return false
		}
	}
	return true
}

// checkReferences adds an issue for each reference to a urn:uuid or urn:oid that no entry
// has, since the provider could not resolve it. URNs are compared as they are written,
// which every receiver understands.
func (s *preparer) checkReferences() {
	d := s.c.doc
	isBundle := string(d.memberText(0, "resourceType")) == "Bundle"
	known := map[string]bool{}
	if isBundle {
		for e := range d.entries() {
			known[string(d.memberText(e, "fullUrl"))] = true
		}
	}
	for m := range d.references(0) {
		text := d.text(m)
		if !namesURN(text) || known[string(text)] {
			continue
		}
		if isBundle {
			s.c.addIssue(m, CodeNotFound,
				"leads nowhere: no entry of the Bundle has it as its fullUrl, written in the same way")
		} else {
			s.c.addIssue(m, CodeNotFound,
				"leads nowhere: send the resource that it refers to with this one, as the entries of a Bundle")
		}
	}
}

// namesURN reports whether a reference is a urn:uuid or urn:oid, in any case and even if
// its form is wrong.
func namesURN(text []byte) bool {
	for _, prefix := range []string{"urn:uuid:", "urn:oid:"} {
		if len(text) >= len(prefix) && bytes.EqualFold(text[:len(prefix)], []byte(prefix)) {
			return true
		}
	}
	return false
}
