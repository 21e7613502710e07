package fhir

import (
	"bytes"
)

// MedMij forbids an application to send a person's BSN, the Dutch citizen
// service number: the provider knows whom a token stands for. What may stand in
// its place is the extension data-absent-reason with the code masked.
//
// A BSN is known by its system, wherever the system is named: in an Identifier,
// a Coding, an extension, a search. A number that is called a BSN in a text, such
// as the narrative that was made before the identifier was masked, is found by its
// check digit. A bare number without either cannot be told from any other.

const bsnText = "carries a BSN (citizen service number), which must not be sent: leave its value out, with data-absent-reason masked"

var bsnSystems = [...]string{"fhir.nl/fhir/namingsystem/bsn", "2.16.840.1.113883.2.4.6.3"}

// findBSN collects a fault for each BSN.
func (c *checker) findBSN() {
	c.findBSNIn(0, 0)
}

func (c *checker) findBSNIn(i, parent uint32) {
	d := c.doc
	switch n := &d.nodes[i]; n.kind {
	case kindString:
		text := d.text(i)
		if !mayNameBSN(text) {
			return
		}
		plain := decoded(text)
		if carriesBSN(plain) || calledBSN(plain) || searchesBSN(plain) {
			c.fault(i, CodeBusiness, bsnText)
			return
		}
		if name := string(d.name(i)); (name == "system" || name == "url") && namesBSN(plain) {
			c.maskedOrFault(parent)
		}
	case kindObject:
		if string(d.name(i)) == "_system" && c.hasBSNSystem(i) {
			c.maskedOrFault(parent)
		}
		if c.isDutchNumber(i) {
			c.maskedOrFault(i)
		}
		for m := range d.inside(i) {
			c.findBSNIn(m, i)
		}
	case kindArray:
		for m := range d.inside(i) {
			c.findBSNIn(m, parent)
		}
	}
}

// hasBSNSystem looks for the system below a value.
func (c *checker) hasBSNSystem(i uint32) bool {
	d := c.doc
	for x, end := i, d.next(i); x < end; x++ {
		if text := d.text(x); mayNameBSN(text) && namesBSN(decoded(text)) {
			return true
		}
	}
	return false
}

// isDutchNumber says whether an Identifier is by its type the national number of
// a Dutch person (NNNLD in HL7's table 0203).
func (c *checker) isDutchNumber(i uint32) bool {
	t, ok := c.doc.member(i, "type")
	if !ok || c.doc.nodes[t].kind != kindObject {
		return false
	}
	list, ok := c.doc.member(t, "coding")
	if !ok {
		return false
	}
	for x := range c.doc.inside(list) {
		if string(c.doc.memberText(x, "code")) == "NNNLD" {
			return true
		}
	}
	return false
}

// maskedOrFault looks at an object that names the system: there may be no value
// in it, whatever the value's element is called.
func (c *checker) maskedOrFault(object uint32) {
	d := c.doc
	for m := range d.inside(object) {
		name := d.name(m)
		switch {
		case bytes.HasPrefix(name, []byte("value")) || string(name) == "code":
			if d.nodes[m].kind != kindNull {
				c.fault(m, CodeBusiness, bsnText)
				return
			}
		case string(name) == "_value":
			if !c.isMask(m) {
				c.fault(m, CodeBusiness, bsnText)
				return
			}
		}
	}
	for x, end := object+1, d.next(object); x < end; x++ {
		if k := d.nodes[x].kind; k == kindNumber && hasBSN(d.raw(x)) || k == kindString && hasBSN(d.text(x)) {
			c.fault(x, CodeBusiness, bsnText)
			return
		}
	}
}

// isMask says whether what accompanies a missing value says only why.
func (c *checker) isMask(i uint32) bool {
	d := c.doc
	for m := range d.inside(i) {
		if string(d.name(m)) != "extension" {
			return false
		}
		for x := range d.inside(m) {
			for part := range d.inside(x) {
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

// mayNameBSN is a quick look at whether a text is worth another one.
func mayNameBSN(text []byte) bool {
	asked := false // whether a question mark was seen: one look behind the first is enough
	for k, b := range text {
		switch b {
		case '%':
			return true
		case '?':
			if !asked && bytes.Contains(text[k:], []byte("identifier")) {
				return true
			}
			asked = true
		case 'b', 'B':
			if k+3 <= len(text) && (bytes.EqualFold(text[k:k+3], []byte("bsn")) || bytes.EqualFold(text[k:k+3], []byte("bur"))) {
				return true
			}
		case '6':
			if k+3 <= len(text) && string(text[k:k+3]) == "6.3" {
				return true
			}
		}
	}
	return false
}

// decoded is a text in lower case with its percent-escapes undone, as often as
// it was escaped, within reason.
func decoded(text []byte) []byte {
	out := bytes.ToLower(text)
	for range 3 {
		if bytes.IndexByte(out, '%') < 0 {
			break
		}
		out = bytes.ToLower(percentDecoded(out))
	}
	return out
}

func percentDecoded(s []byte) []byte {
	out := make([]byte, 0, len(s))
	for k := 0; k < len(s); k++ {
		if s[k] == '%' && k+2 < len(s) {
			if hi, ok := hexDigit(s[k+1]); ok {
				if lo, ok := hexDigit(s[k+2]); ok {
					out = append(out, hi<<4|lo)
					k += 2
					continue
				}
			}
		}
		out = append(out, s[k])
	}
	return out
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case isDigit(c):
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// behindSystem yields what follows each mention of a BSN's system in a decoded text.
func behindSystem(text []byte, yield func(rest []byte) bool) bool {
	for _, system := range bsnSystems {
		for from := 0; ; {
			k := bytes.Index(text[from:], []byte(system))
			if k < 0 {
				break
			}
			at, end := from+k, from+k+len(system)
			from = end
			// It is not the middle of another name or number.
			if at > 0 && (isDigit(text[at-1]) || isDigit(system[0]) && text[at-1] == '.') {
				continue
			}
			if end < len(text) && (isDigit(text[end]) || isLetter(text[end])) {
				continue
			}
			if yield(text[end:]) {
				return true
			}
		}
	}
	return false
}

// namesBSN says whether a decoded text is or has the system of a BSN.
func namesBSN(text []byte) bool {
	return behindSystem(text, func([]byte) bool { return true })
}

// carriesBSN says whether a decoded text has a value behind the system of a BSN,
// as a search (system|value) or a longer address has.
func carriesBSN(text []byte) bool {
	return behindSystem(text, func(rest []byte) bool {
		value := bytes.TrimLeft(rest, "|/:.=#")
		if len(value) == len(rest) || len(value) == 0 {
			return false
		}
		bar := bytes.IndexByte(rest[:len(rest)-len(value)], '|') >= 0
		return isDigit(value[0]) || bar && isLetter(value[0])
	})
}

// searchesBSN says whether a decoded text is a search for a person by a number
// that passes the test of a BSN, without naming the system.
func searchesBSN(text []byte) bool {
	_, query, ok := bytes.Cut(text, []byte("?"))
	of := text[:max(0, len(text)-len(query)-1)]
	if !ok || !bytes.HasSuffix(of, []byte("patient")) && !bytes.HasSuffix(of, []byte("person")) {
		return false
	}
	return identifiesBSN(query)
}

// identifiesBSN is searchesBSN of the part behind the question mark.
func identifiesBSN(query []byte) bool {
	for p := range bytes.SplitSeq(query, []byte("&")) {
		name, value, _ := bytes.Cut(p, []byte("="))
		if bytes.HasPrefix(name, []byte("identifier")) && hasBSN(value) {
			return true
		}
	}
	return false
}

// calledBSN says whether a decoded text calls a number a BSN.
func calledBSN(text []byte) bool {
	const near = 48
	for _, label := range []string{"bsn", "burgerservicenummer"} {
		for from := 0; ; {
			k := bytes.Index(text[from:], []byte(label))
			if k < 0 {
				break
			}
			at, end := from+k, from+k+len(label)
			from = end
			if at > 0 && isLetter(text[at-1]) || end < len(text) && isLetter(text[end]) {
				continue
			}
			low, high := max(0, at-near), min(len(text), end+near)
			for low > 0 && isDigit(text[low]) {
				low--
			}
			for high < len(text) && isDigit(text[high]) {
				high++
			}
			if hasBSN(text[low:high]) {
				return true
			}
		}
	}
	return false
}

// hasBSN says whether a text has nine digits that pass the test of a BSN. They
// may be grouped by points, spaces or hyphens.
func hasBSN(text []byte) bool {
	var digits [9]int
	n := 0
	end := func() bool { return n == 9 && passesEleven(digits) }
	for k, b := range text {
		switch {
		case isDigit(b):
			if n < 9 {
				digits[n] = int(b - '0')
			}
			n++
		case n > 0 && (b == '.' || b == ' ' || b == '-') && k+1 < len(text) && isDigit(text[k+1]) && n < 9:
		default:
			if end() {
				return true
			}
			n = 0
		}
	}
	return end()
}

// passesEleven is the eleven test: 9a+8b+…+2h-i is a multiple of eleven.
func passesEleven(d [9]int) bool {
	sum, all := -d[8], 0
	for k := range 8 {
		sum += (9 - k) * d[k]
		all += d[k]
	}
	return sum%11 == 0 && all > 0
}
