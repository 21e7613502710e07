package fhir

import (
	"bytes"
	"iter"
	"math"
	"slices"
	"unicode"
	"unicode/utf8"
)

// MedMij forbids an application to send a person's BSN, the Dutch citizen
// service number: the provider knows whom a token stands for. What may stand in
// its place is the extension data-absent-reason with the code masked.
//
// A BSN is known by its system, wherever the system is named: in an Identifier,
// a Coding, an extension, a search. A number that is called a BSN is found by its
// check digit, whether it is called so in the same text, such as the narrative that
// was made before the identifier was masked, or by what it stands in (see label.go).
// A bare number without either cannot be told from any other.

const bsnMessage = "carries a BSN (citizen service number), which must not be sent: leave its value out, with data-absent-reason masked"

const bsnSystemOID = "2.16.840.1.113883.2.4.6.3"

// findBSN collects a fault for each BSN.
func (c *checker) checkBSN() {
	f := bsnFinder{checker: c}
	f.visit(0, 0, notLabelled)
}

// A bsnFinder looks for BSNs. It passes each value once.
type bsnFinder struct {
	*checker
	found []uint32 // for each a fault, once
}

func (c *bsnFinder) addBSN(i uint32) {
	if slices.Contains(c.found, i) {
		return
	}
	if len(c.found) < MaxIssues {
		c.found = append(c.found, i)
	}
	c.checker.addIssue(i, CodeBusiness, bsnMessage)
}

// What calls a value a BSN is a text, or what no text is: nothing, or a name or type.
const (
	notLabelled    = 0
	labelledByName = math.MaxUint32
)

// find looks at a value. The object is the nearest that it stands in; called is
// the text around it, if any, that calls what it holds a BSN.
func (c *bsnFinder) visit(i, object, called uint32) {
	d := c.doc
	switch n := &d.nodes[i]; n.kind {
	case kindNumber:
		if called != notLabelled && hasBSNNumber(d.raw(i)) {
			c.addBSN(i)
		}
	case kindString:
		c.visitText(i, object, called)
	case kindObject:
		if sameName(d.name(i), "_system") && c.hasSystemBelow(i) {
			c.requireNoValue(object)
		}
		if c.hasDutchNumberType(i) {
			c.requireNoValue(i)
			called = labelledByName
		}
		if called == notLabelled {
			called = c.labelOf(i)
		}
		for m := range d.children(i) {
			below := called
			if c.defs == nil { // else its names are known
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
			c.visit(m, object, called)
		}
	}
}

func (c *bsnFinder) visitText(i, object, called uint32) {
	d := c.doc
	text := d.text(i)
	// Of the text itself, what is said below is enough.
	if called != notLabelled && called != i && !isUUID(text) && (hasBSNNumber(text) || hasBSNNumber(normalized(text))) {
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

// tellsBSN says whether a decoded text has a BSN and what makes it one.
func containsBSN(plain []byte) bool {
	return hasSystemWithValue(plain) || hasLabelledNumber(plain) || hasPatientSearch(plain)
}

// isName says whether a member's name is the one, as a parser sees it that folds case.
func sameName(name []byte, is string) bool {
	return len(name) >= len(is) && bytes.EqualFold(name, []byte(is))
}

// hasBSNSystem looks for the system below a value.
func (c *bsnFinder) hasSystemBelow(i uint32) bool {
	d := c.doc
	for x, end := i, d.next(i); x < end; x++ {
		if text := d.text(x); mayConcernBSN(text) && hasBSNSystem(normalized(text)) {
			return true
		}
	}
	return false
}

// isDutchNumber says whether an Identifier is by its type the national number of
// a Dutch person (NNNLD in HL7's table 0203).
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

// maskedOrFault looks at an object that names the system: there may be no value
// in it, whatever the value's element is called.
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

// isMask says whether what accompanies a missing value says only why.
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

// mayConcernBSN is a quick look at whether a text is worth another one.
func mayConcernBSN(text []byte) bool {
	asked := false // whether a question mark was seen: one look behind the first is enough
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

// normalized is a text in lower case with its percent-escapes undone, as often as
// it was escaped, within reason, and with plain spaces for other ones.
func normalized(text []byte) []byte {
	out := bytes.ToLower(text)
	for range 3 {
		if bytes.IndexByte(out, '%') < 0 {
			break
		}
		out = bytes.ToLower(percentDecoded(out))
	}
	if slices.ContainsFunc(out, func(c byte) bool { return c < ' ' || c >= utf8.RuneSelf }) {
		return bytes.Map(normalizeRune, out)
	}
	return out
}

// plainRune reads every space as a space and every hyphen as one, and drops what
// takes no place.
func normalizeRune(r rune) rune {
	switch {
	case r == '\u00ad' || '\u200b' <= r && r <= '\u200d' || r == '\u2060' || r == '\ufeff':
		return -1
	case unicode.IsSpace(r):
		return ' '
	case '\u2010' <= r && r <= '\u2015' || r == '\u2212':
		return '-'
	}
	return r
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
func afterBSNSystem(text []byte, yield func(rest []byte) bool) bool {
	for _, system := range [...]struct {
		begins string
		end    func([]byte) (int, bool)
	}{{"fhir.nl", readBSNSystemPath}, {bsnSystemOID, func([]byte) (int, bool) { return 0, true }}} {
		for from := 0; ; {
			k := bytes.Index(text[from:], []byte(system.begins))
			if k < 0 {
				break
			}
			at := from + k
			from = at + len(system.begins)
			// It is not the middle of another name or number.
			if at > 0 && (isDigit(text[at-1]) || isDigit(system.begins[0]) && text[at-1] == '.') {
				continue
			}
			n, ok := system.end(text[from:])
			end := from + n
			if !ok || end < len(text) && (isDigit(text[end]) || isLetter(text[end])) {
				continue
			}
			if yield(text[end:]) {
				return true
			}
		}
	}
	return false
}

// systemPath reads what follows the host in a BSN's system: a port, if any, and
// the path, in which a slash may stand twice.
func readBSNSystemPath(s []byte) (n int, ok bool) {
	rest := bytes.TrimPrefix(s, []byte("."))
	if port, ok := bytes.CutPrefix(rest, []byte(":")); ok {
		rest = bytes.TrimLeft(port, "0123456789")
	}
	for _, part := range [...]string{"fhir", "namingsystem", "bsn"} {
		behind := bytes.TrimLeft(rest, "/")
		if len(behind) == len(rest) || !bytes.HasPrefix(behind, []byte(part)) {
			return 0, false
		}
		rest = behind[len(part):]
	}
	return len(s) - len(rest), true
}

// namesBSN says whether a decoded text is or has the system of a BSN.
func hasBSNSystem(text []byte) bool {
	return afterBSNSystem(text, func([]byte) bool { return true })
}

// carriesBSN says whether a decoded text has a value behind the system of a BSN,
// as a search (system|value) or a longer address has.
func hasSystemWithValue(text []byte) bool {
	return afterBSNSystem(text, func(rest []byte) bool {
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
func hasPatientSearch(text []byte) bool {
	_, query, ok := bytes.Cut(text, []byte("?"))
	of := text[:max(0, len(text)-len(query)-1)]
	if !ok || !bytes.HasSuffix(of, []byte("patient")) && !bytes.HasSuffix(of, []byte("person")) {
		return false
	}
	return hasIdentifierParameter(query)
}

// hasIdentifierParameter is searchesBSN of the part behind the question mark.
func hasIdentifierParameter(query []byte) bool {
	for p := range bytes.SplitSeq(query, []byte("&")) {
		name, value, _ := bytes.Cut(p, []byte("="))
		if bytes.HasPrefix(name, []byte("identifier")) && hasBSNNumber(value) {
			return true
		}
	}
	return false
}

// calledBSN says whether a decoded text calls a number a BSN: the word stands near it.
func hasLabelledNumber(text []byte) bool {
	const near = 48
	last, next := span{}, nextLabel(text, 0)
	if next.end == 0 {
		return false
	}
	seen := false
	for number := range bsnNumbers(text) {
		for next.end > 0 && next.start <= number.end+near {
			last, seen = next, true
			next = nextLabel(text, next.end)
		}
		if seen && last.end+near >= number.start {
			return true
		}
	}
	return false
}

// hasBSN says whether a text has nine digits that pass the test of a BSN.
func hasBSNNumber(text []byte) bool {
	for range bsnNumbers(text) {
		return true
	}
	return false
}

// A span is a part of a text.
type span struct{ start, end int }

// numbersLikeBSN finds nine digits that pass the test of a BSN. They may be in
// groups, with something between them, and other groups may stand before and
// behind them.
func bsnNumbers(text []byte) iter.Seq[span] {
	return func(yield func(span) bool) {
		for k := 0; k < len(text); k++ {
			if !isDigit(text[k]) || k > 0 && isDigit(text[k-1]) {
				continue
			}
			if end, ok := readBSNNumber(text[k:]); ok && !yield(span{k, k + end}) {
				return
			}
		}
	}
}

// readBSN reads nine digits from the front of a text.
func readBSNNumber(text []byte) (end int, ok bool) {
	var digits [9]int
	n, between := 0, 0
	for k, b := range text {
		switch {
		case isDigit(b):
			digits[n] = int(b - '0')
			n, between = n+1, 0
			if n == len(digits) {
				end = k + 1
				return end, (end == len(text) || !isDigit(text[end])) && passesElevenTest(digits)
			}
		case between < 3 && (b == '.' || b == ' ' || b == '-' || b == '_' || b == '/'):
			between++
		default:
			return 0, false
		}
	}
	return 0, false
}

// passesElevenTest is the eleven test: 9a+8b+…+2h-i is a multiple of eleven.
func passesElevenTest(d [9]int) bool {
	sum, all := -d[8], 0
	for k := range 8 {
		sum += (9 - k) * d[k]
		all += d[k]
	}
	return sum%11 == 0 && all > 0
}
