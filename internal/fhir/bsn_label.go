package fhir

import (
	"bytes"
	"strings"
)

// bsnLabels are the names of a BSN, also former ones. A space marks where a text may
// have a separator.
var bsnLabels = [...]string{
	"burger service nummer", "burger service nr", "bsn nummer", "bsn number", "bsn nr", "bsn", "bs nummer", "bsnr",
	"sofi nummer", "sofi nr", "citizen service number",
}

// nextLabel returns the first label at or after an offset in a normalized text. The end
// of the span is 0 if there is none.
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

// readLabel reads one label at the start of a text and returns its length.
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

// hasLabel reports whether a text has a label.
func hasLabel(text []byte) bool {
	return mayConcernBSN(text) && (nextLabel(normalized(text), 0).end > 0 ||
		bytes.ContainsAny(text, "<&") && nextLabel(normalized(withoutMarkup(text)), 0).end > 0)
}

// nameHasLabel is like hasLabel, for a name whose words may begin with capitals or be
// joined: patientBsn, bsn_number.
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

// lastSegment returns the last part of a URL or URN.
func lastSegment(url []byte) []byte {
	url = bytes.TrimRight(url, "/#:")
	return url[bytes.LastIndexAny(url, "/#:")+1:]
}

// labelOf returns the text that labels an object as a BSN: one of its own texts, a text
// of its code or type, or the URL of its system or extension.
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
			if text := d.text(m); mayConcernBSN(text) &&
				(nameHasLabel(lastSegment(text)) || hasBSNSystem(normalized(text))) {
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

// codeLabelOf returns the text in a CodeableConcept or Coding, or in a list of them,
// that is a label.
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
