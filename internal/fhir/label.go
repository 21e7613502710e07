package fhir

import (
	"bytes"
	"strconv"
	"strings"
)

// bsnLabels are the words for a BSN, and for what it was called before. A space is
// where the parts of the word may be written apart.
var bsnLabels = [...]string{
	"burger service nummer", "burger service nr", "bsn nummer", "bsn number", "bsn nr", "bsn", "bs nummer", "bsnr",
	"sofi nummer", "sofi nr", "citizen service number",
}

// nextLabel is the next word for a BSN in a decoded text, from a place on. Its end
// is 0 if there is none.
func nextLabel(text []byte, from int) span {
	for k := from; k < len(text); k++ {
		if b := text[k]; b != 'b' && b != 's' && b != 'c' || k > 0 && isLetter(text[k-1]) {
			continue
		}
		for _, label := range bsnLabels {
			if n, ok := readLabel(text[k:], label); ok {
				return span{k, k + n}
			}
		}
	}
	return span{}
}

// readLabel reads a word from the front of a text.
func readLabel(text []byte, label string) (n int, ok bool) {
	for part := range strings.SplitSeq(label, " ") {
		if n > 0 && n < len(text) && strings.IndexByte(" -_./", text[n]) >= 0 {
			n++
		}
		if !bytes.HasPrefix(text[n:], []byte(part)) {
			return 0, false
		}
		n += len(part)
	}
	return n, n == len(text) || !isLetter(text[n])
}

// labelled says whether a text has a word for a BSN.
func hasLabel(text []byte) bool {
	return mayConcernBSN(text) && (nextLabel(normalized(text), 0).end > 0 ||
		bytes.ContainsAny(text, "<&") && nextLabel(normalized(withoutMarkup(text)), 0).end > 0)
}

// nameHasLabel is labelled of a name, whose words may begin with capitals:
// patientBsn, bsn_number.
func nameHasLabel(name []byte) bool {
	if !mayConcernBSN(name) {
		return false
	}
	apart := make([]byte, 0, len(name)+8)
	for k, b := range name {
		if k > 0 && isUpper(b) && isLetter(name[k-1]) && !isUpper(name[k-1]) {
			apart = append(apart, ' ')
		}
		apart = append(apart, b)
	}
	return nextLabel(normalized(apart), 0).end > 0 || nextLabel(normalized(name), 0).end > 0
}

// lastSegment is the end of an address, where the name is.
func lastSegment(url []byte) []byte {
	url = bytes.TrimRight(url, "/#:")
	return url[bytes.LastIndexAny(url, "/#:")+1:]
}

// callsBSN is the text by which an object calls what it holds a BSN: its own, that of
// its code or type, or the name of its system or extension.
func (c *bsnFinder) labelOf(i uint32) uint32 {
	d := c.doc
	for m := range d.children(i) {
		name := d.name(m)
		if len(name) < len("url") || len(name) > len("display")+2 {
			continue
		}
		switch {
		case sameName(name, "text"), sameName(name, "display"), sameName(name, "title"), sameName(name, "label"):
			if hasLabel(d.text(m)) {
				return m
			}
		case sameName(name, "linkId"):
			if nameHasLabel(d.text(m)) {
				return m
			}
		case sameName(name, "url"), sameName(name, "system"):
			if text := d.text(m); mayConcernBSN(text) && (nameHasLabel(lastSegment(text)) || hasBSNSystem(normalized(text))) {
				return m
			}
		case sameName(name, "code"), sameName(name, "type"):
			if by := c.codeLabelOf(m); by != notLabelled {
				return by
			}
		}
	}
	return notLabelled
}

// codesBSN is the text by which a CodeableConcept or Coding, or one of several, stands
// for a BSN.
func (c *bsnFinder) codeLabelOf(i uint32) uint32 {
	d := c.doc
	if d.nodes[i].kind == kindArray {
		for m := range d.children(i) {
			if d.nodes[m].kind != kindObject {
				continue
			}
			if by := c.codeLabelOf(m); by != notLabelled {
				return by
			}
		}
		return notLabelled
	}
	for m := range d.children(i) {
		switch name := d.name(m); {
		case sameName(name, "text"), sameName(name, "display"), sameName(name, "code"):
			if text := d.text(m); hasLabel(text) || nameHasLabel(text) {
				return m
			}
		case sameName(name, "coding"):
			if d.nodes[m].kind != kindArray {
				continue
			}
			if by := c.codeLabelOf(m); by != notLabelled {
				return by
			}
		}
	}
	return notLabelled
}

// withoutMarkup is a narrative as it is read: a space for each tag, and characters
// for their numbers. What is no markup stays.
func withoutMarkup(s []byte) []byte {
	out := make([]byte, 0, len(s))
	space := func() {
		if n := len(out); n > 0 && out[n-1] != ' ' {
			out = append(out, ' ')
		}
	}
	for len(s) > 0 {
		switch b := s[0]; {
		case bytes.HasPrefix(s, []byte("<![CDATA[")):
			space()
			s = s[len("<![CDATA["):]
		case b == '<':
			n := markupLen(s)
			if n == 0 { // no tag ends from here on
				return append(out, s...)
			}
			space()
			s = s[n:]
		case b == '&':
			r, n := readEntity(s)
			if n == 0 {
				r, n = '&', 1
			}
			out = append(out, string(r)...)
			s = s[n:]
		case isSpace(b):
			space()
			s = s[1:]
		default:
			out = append(out, b)
			s = s[1:]
		}
	}
	return out
}

// markupLen is the length of the tag or comment that a text begins with, 0 if it does
// not end.
func markupLen(s []byte) int {
	if rest, skipped := skipMarkup(s); skipped {
		if rest == nil {
			return 0
		}
		return len(s) - len(rest)
	}
	quote := byte(0)
	for k, b := range s {
		switch {
		case quote != 0:
			if b == quote {
				quote = 0
			}
		case b == '"' || b == '\'':
			quote = b
		case b == '>':
			return k + 1
		}
	}
	return 0
}

// readEntity reads a character that stands there as a number, or a space that has
// a name.
func readEntity(s []byte) (r rune, n int) {
	end := bytes.IndexByte(s[:min(len(s), 16)], ';')
	if end < 0 {
		return 0, 0
	}
	name := string(s[1:end])
	switch name {
	case "nbsp", "ensp", "emsp", "thinsp":
		return ' ', end + 1
	case "shy":
		return '\u00ad', end + 1
	}
	digits, numeric := strings.CutPrefix(name, "#")
	if !numeric {
		return 0, 0
	}
	base := 10
	if hex := strings.TrimLeft(digits, "xX"); hex != digits {
		digits, base = hex, 16
	}
	code, err := strconv.ParseUint(digits, base, 21)
	if err != nil {
		return 0, 0
	}
	return rune(code), end + 1
}
