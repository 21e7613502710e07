package fhir

import (
	"bytes"
	"math"
	"slices"
)

// MedMij forbids an application to send a person's BSN, the Dutch citizen service
// number: the access token tells the provider whose data it is. The extension
// data-absent-reason with the code masked may replace the value.
//
// A BSN is recognised in two ways: by its system, wherever the system is named (in an
// Identifier, a Coding, an extension, a search); or by its check digit, if there is a
// label such as "BSN". The label is near the number in the same text, for example in a
// narrative that was generated before the identifier was masked, or it is in an object
// that contains the number (bsn_label.go). A BSN without a system or a label cannot be
// distinguished from other numbers.

const bsnMessage = "carries a BSN (citizen service number), which must not be sent: " +
	"leave its value out, with data-absent-reason masked"

// checkBSN adds an issue for each BSN.
func (c *checker) checkBSN() {
	f := bsnFinder{checker: c}
	f.visit(0, 0, notLabelled)
}

// A bsnFinder looks for BSNs. It visits each value once.
type bsnFinder struct {
	*checker
	found []uint32 // nodes that have an issue already
}

// addBSN adds an issue for a value, once.
func (c *bsnFinder) addBSN(i uint32) {
	if slices.Contains(c.found, i) {
		return
	}
	if len(c.found) < maxIssues {
		c.found = append(c.found, i)
	}
	c.checker.addIssue(i, CodeBusiness, bsnMessage)
}

// A label is identified by the node of its text. These two constants stand for no label,
// and for a label that is not a text but a member's name or an identifier's type.
const (
	notLabelled    = 0
	labelledByName = math.MaxUint32
)

// visit checks the value i and the values in it. object is the nearest object that
// contains i. label is the text that labels i as a BSN, or one of the constants above.
func (c *bsnFinder) visit(i, object, label uint32) {
	d := c.doc
	switch n := &d.nodes[i]; n.kind {
	case kindNumber:
		if label != notLabelled && hasBSNNumber(d.raw(i)) {
			c.addBSN(i)
		}
	case kindString:
		c.visitText(i, object, label)
	case kindObject:
		if sameName(d.name(i), "_system") && c.hasSystemBelow(i) {
			c.requireNoValue(object)
		}
		if c.hasDutchNumberType(i) {
			c.requireNoValue(i)
			label = labelledByName
		}
		if label == notLabelled {
			label = c.labelOf(i)
		}
		for m := range d.children(i) {
			below := label
			if c.defs == nil { // with definitions, all member names are known
				name := d.name(m)
				if nameHasLabel(name) {
					below = labelledByName
				}
				if below != notLabelled && hasBSNNumber(name) || hasLabelledNumber(normalized(name)) {
					c.addBSN(i)
				}
			}
			c.visit(m, i, below)
		}
	case kindArray:
		for m := range d.children(i) {
			c.visit(m, object, label)
		}
	}
}

// visitText checks a string.
func (c *bsnFinder) visitText(i, object, label uint32) {
	d := c.doc
	text := d.text(i)
	// A label in the text itself is handled below.
	if label != notLabelled && label != i && !isUUID(text) && (hasBSNNumber(text) || hasBSNNumber(normalized(text))) {
		c.addBSN(i)
		return
	}
	if !mayConcernBSN(text) {
		return
	}
	plain := normalized(text)
	if containsBSN(plain) {
		c.addBSN(i)
		return
	}
	if bytes.ContainsAny(text, "<&") && containsBSN(normalized(withoutMarkup(text))) {
		c.addBSN(i)
		return
	}
	if name := d.name(i); (sameName(name, "system") || sameName(name, "url")) && hasBSNSystem(plain) {
		c.requireNoValue(object)
	}
}

// containsBSN reports whether a normalized text contains a BSN and its system, a label
// or a search that identifies it as a BSN.
func containsBSN(plain []byte) bool {
	return hasSystemWithValue(plain) || hasLabelledNumber(plain) || hasPatientSearch(plain)
}

// sameName reports whether a parser that ignores case reads name as want.
func sameName(name []byte, want string) bool {
	return len(name) >= len(want) && bytes.EqualFold(name, []byte(want))
}

// hasSystemBelow reports whether a value or anything in it names the system.
func (c *bsnFinder) hasSystemBelow(i uint32) bool {
	d := c.doc
	for x, end := i, d.next(i); x < end; x++ {
		if text := d.text(x); mayConcernBSN(text) && hasBSNSystem(normalized(text)) {
			return true
		}
	}
	return false
}

// hasDutchNumberType reports whether the type of an Identifier is the national number
// of a Dutch person (NNNLD in HL7's table 0203).
func (c *bsnFinder) hasDutchNumberType(i uint32) bool {
	t, ok := c.doc.member(i, "type")
	if !ok || c.doc.nodes[t].kind != kindObject {
		return false
	}
	list, ok := c.doc.member(t, "coding")
	if !ok {
		return false
	}
	for x := range c.doc.children(list) {
		if string(c.doc.memberText(x, "code")) == "NNNLD" {
			return true
		}
	}
	return false
}

// requireNoValue adds an issue if an object that names the system has a value, whatever
// the value's element is called.
func (c *bsnFinder) requireNoValue(object uint32) {
	d := c.doc
	for m := range d.children(object) {
		name := d.name(m)
		switch {
		case len(name) >= 5 && bytes.EqualFold(name[:5], []byte("value")) || sameName(name, "code"):
			if d.nodes[m].kind != kindNull {
				c.addBSN(m)
				return
			}
		case sameName(name, "_value"):
			if !c.isAbsentReason(m) {
				c.addBSN(m)
				return
			}
		}
	}
}

// isAbsentReason reports whether the extensions of a missing value contain nothing but
// the reason why it is missing.
func (c *bsnFinder) isAbsentReason(i uint32) bool {
	d := c.doc
	for m := range d.children(i) {
		if string(d.name(m)) != "extension" {
			return false
		}
		for x := range d.children(m) {
			for part := range d.children(x) {
				text := d.text(part)
				switch string(d.name(part)) {
				case "url":
					if string(text) != "http://hl7.org/fhir/StructureDefinition/data-absent-reason" {
						return false
					}
				case "valueCode":
					for _, b := range text {
						if !isLetter(b) && b != '-' {
							return false
						}
					}
				default:
					return false
				}
			}
		}
	}
	return true
}

// mayConcernBSN reports whether a text may contain a label, the system or a search. It
// is fast, and most texts need no slower test.
func mayConcernBSN(text []byte) bool {
	asked := false // Only the first question mark needs the search for "identifier".
	begins := func(k int, with string) bool {
		return k+len(with) <= len(text) && bytes.EqualFold(text[k:k+len(with)], []byte(with))
	}
	for k, b := range text {
		switch b {
		case '%':
			return true
		case '?':
			if !asked && bytes.Contains(bytes.ToLower(text[k:]), []byte("identifier")) {
				return true
			}
			asked = true
		case '&':
			if begins(k, "&#") {
				return true
			}
		case 'b', 'B':
			if begins(k, "bs") || begins(k, "bur") {
				return true
			}
		case 's', 'S':
			if begins(k, "sofi") {
				return true
			}
		case 'c', 'C':
			if begins(k, "citizen") {
				return true
			}
		case '6':
			if begins(k, "6.3") {
				return true
			}
		}
	}
	return false
}
