package fhir

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"unicode"
	"unicode/utf8"
)

// A document is a body and the tree of its values. The tree is flat: values
// stand in the order of the text, each followed by what is inside it, so that
// reading is one pass over the bytes and a check one over the values. Nothing is
// copied; a value is where it stands in the text.
type document struct {
	src   []byte
	nodes []node
	// open is the path to the value that was being read when reading ended.
	open []uint32
	// twice are members whose name their object has had before. Names that differ
	// only in case count as one: no two elements of FHIR do, and there are parsers
	// that fold case and let the last one count.
	duplicates []uint32
}

// kind is the JSON type of a value.
type kind uint8

const (
	kindNull kind = iota
	kindFalse
	kindTrue
	kindNumber
	kindString
	kindArray
	kindObject
)

// name is the kind as a fault says it.
func (k kind) noun() string {
	return [...]string{"null", "a boolean", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// A node is one value. Strings are without their quotes.
type node struct {
	start, end  uint32 // of the value, in the text
	key, keyEnd uint32 // of the member's name; 0, 0 in an array
	next        uint32 // the first node that is not inside this one
	hash        uint32 // of the member's name
	kind        kind
	escaped     bool // the string has escapes
	keyEscaped  bool
}

// Trees are large and short of life.
var nodePool = sync.Pool{New: func() any { return new([]node) }}

// parse reads a body. The fault, if any, says why reading ended.
func parse(body []byte) (*document, *Issue) {
	d := &document{src: body}
	if f := checkStart(body); f != nil {
		return d, f
	}
	if nodes, ok := nodePool.Get().(*[]node); ok {
		// Most bodies have a value in twenty to thirty bytes.
		d.nodes = slices.Grow((*nodes)[:0], len(body)/20+16)
	}
	r := parser{doc: d}
	if !r.value(0, 0, 0, false) {
		return d, &Issue{Location: d.pathString(d.open), Code: r.code, Text: r.text + r.position()}
	}
	if r.skipSpace(); r.pos < len(body) {
		return d, &Issue{Code: CodeInvalid, Text: "has something behind the end of the resource" + r.position()}
	}
	d.open = nil
	return d, nil
}

// close gives the tree back. Nothing of the document may be used after it.
func (d *document) close() {
	if cap(d.nodes) <= maxValues/8 {
		nodes := d.nodes
		nodePool.Put(&nodes)
	}
	d.nodes = nil
}

// refuseBody finds what is no JSON object at first sight.
func checkStart(body []byte) *Issue {
	if len(body) > MaxBody {
		return &Issue{Code: CodeTooLong, Text: fmt.Sprintf("has %d bytes, more than %d", len(body), MaxBody)}
	}
	if bytes.HasPrefix(body, []byte("\xef\xbb\xbf")) {
		return &Issue{Code: CodeInvalid, Text: "begins with a byte order mark, which JSON must not have"}
	}
	first := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case len(first) == 0:
		return &Issue{Code: CodeInvalid, Text: "is empty: a resource in JSON is required"}
	case first[0] == '<':
		return &Issue{Code: CodeInvalid, Text: "is XML: a resource in JSON (application/fhir+json) is required"}
	case first[0] == '[':
		return &Issue{Code: CodeStructure, Text: "is a JSON array: one resource is required; several go into a Bundle"}
	case first[0] != '{':
		return &Issue{Code: CodeInvalid, Text: "is not a JSON object: a resource in JSON is required"}
	}
	if !utf8.Valid(body) {
		return &Issue{Code: CodeInvalid, Text: "is not valid UTF-8" + lineAndColumn(body, firstInvalid(body))}
	}
	return nil
}

func firstInvalid(body []byte) int {
	for i := 0; i < len(body); {
		r, n := utf8.DecodeRune(body[i:])
		if r == utf8.RuneError && n <= 1 {
			return i
		}
		i += n
	}
	return len(body)
}

// whereIs says a place in the text as editors count it.
func lineAndColumn(body []byte, at int) string {
	before := body[:min(at, len(body))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return fmt.Sprintf(" (line %d, column %d)", line, column)
}

// A reader reads JSON (RFC 8259) into a document.
type parser struct {
	doc   *document
	pos   int
	depth int
	// why reading ended
	code IssueCode
	text string
}

func (r *parser) position() string { return lineAndColumn(r.doc.src, r.pos) }

func (r *parser) fail(says string) bool {
	r.code, r.text = CodeInvalid, says
	return false
}

// short says that the body ends too early.
func (r *parser) failTruncated() bool {
	return r.fail("is not well-formed JSON: the body ends before it is complete")
}

func (r *parser) skipSpace() {
	src := r.doc.src
	for r.pos < len(src) && isSpace(src[r.pos]) {
		r.pos++
	}
}

// value reads one value, the member of the given name if it is one.
func (r *parser) value(key, keyEnd, hash uint32, keyEscaped bool) bool {
	d := r.doc
	if r.skipSpace(); r.pos >= len(d.src) {
		return r.failTruncated()
	}
	if len(d.nodes) >= maxValues {
		r.code, r.text = CodeTooLong, fmt.Sprintf("has more than %d values", maxValues)
		return false
	}
	i := len(d.nodes)
	d.nodes = append(d.nodes, node{start: uint32(r.pos), key: key, keyEnd: keyEnd, hash: hash, keyEscaped: keyEscaped})
	d.open = append(d.open, uint32(i))
	ok := false
	switch c := d.src[r.pos]; c {
	case '{':
		ok = r.container(i, kindObject)
	case '[':
		ok = r.container(i, kindArray)
	case '"':
		var escaped bool
		start := r.pos + 1
		if escaped, ok = r.stringLiteral(); ok {
			n := &d.nodes[i]
			n.kind, n.start, n.escaped = kindString, uint32(start), escaped
			n.end = uint32(r.pos - 1)
		}
	case 't':
		ok = r.literal(i, "true", kindTrue)
	case 'f':
		ok = r.literal(i, "false", kindFalse)
	case 'n':
		ok = r.literal(i, "null", kindNull)
	default:
		ok = r.number(i)
	}
	if !ok {
		return false
	}
	d.nodes[i].next = uint32(len(d.nodes))
	d.open = d.open[:len(d.open)-1]
	return true
}

// nested reads what may hold further values.
func (r *parser) container(i int, k kind) bool {
	d := r.doc
	d.nodes[i].kind = k
	if r.depth++; r.depth > MaxDepth {
		r.code, r.text = CodeTooLong, fmt.Sprintf("is nested more than %d levels deep", MaxDepth)
		return false
	}
	var ok bool
	if k == kindObject {
		ok = r.members(i)
	} else {
		ok = r.items()
	}
	r.depth--
	d.nodes[i].end = uint32(r.pos)
	return ok
}

func (r *parser) items() bool {
	r.pos++ // the bracket
	if done, ok := r.closeEmpty(']'); done {
		return ok
	}
	for {
		if !r.value(0, 0, 0, false) {
			return false
		}
		if more, ok := r.nextItem(']', "an array"); !more {
			return ok
		}
	}
}

func (r *parser) members(i int) bool {
	r.pos++ // the brace
	if done, ok := r.closeEmpty('}'); done {
		return ok
	}
	src, n := r.doc.src, 0
	for {
		if r.skipSpace(); r.pos >= len(src) {
			return r.failTruncated()
		}
		if src[r.pos] != '"' {
			return r.fail("is not well-formed JSON: the name of a member is expected")
		}
		start := r.pos + 1
		escaped, ok := r.stringLiteral()
		if !ok {
			return false
		}
		end := r.pos - 1
		if r.skipSpace(); r.pos >= len(src) {
			return r.failTruncated()
		}
		if src[r.pos] != ':' {
			return r.fail("is not well-formed JSON: a colon is expected behind the name of a member")
		}
		r.pos++
		name := src[start:end]
		if escaped {
			name = unescape(name)
		}
		if !r.value(uint32(start), uint32(end), foldedHash(name), escaped) {
			return false
		}
		n++
		if more, ok := r.nextItem('}', "an object"); !more {
			if ok && n > 1 {
				r.doc.findDuplicates(uint32(i), n)
			}
			return ok
		}
	}
}

// empty reads the end of an object or array that has nothing in it.
func (r *parser) closeEmpty(end byte) (done, ok bool) {
	if r.skipSpace(); r.pos >= len(r.doc.src) {
		return true, r.failTruncated()
	}
	if r.doc.src[r.pos] == end {
		r.pos++
		return true, true
	}
	return false, true
}

// comma reads on to the next item or over the end.
func (r *parser) nextItem(end byte, of string) (more, ok bool) {
	if r.skipSpace(); r.pos >= len(r.doc.src) {
		return false, r.failTruncated()
	}
	switch r.doc.src[r.pos] {
	case ',':
		r.pos++
		return true, true
	case end:
		r.pos++
		return false, true
	}
	return false, r.fail(fmt.Sprintf("is not well-formed JSON: a comma or the end of %s is expected", of))
}

func (r *parser) literal(i int, word string, k kind) bool {
	rest := r.doc.src[r.pos:]
	if len(rest) < len(word) && bytes.HasPrefix([]byte(word), rest) {
		return r.failTruncated()
	}
	if !bytes.HasPrefix(rest, []byte(word)) {
		return r.fail("is not well-formed JSON: a value is expected")
	}
	r.pos += len(word)
	d := r.doc
	d.nodes[i].kind, d.nodes[i].end = k, uint32(r.pos)
	return true
}

func (r *parser) number(i int) bool {
	src, start := r.doc.src, r.pos
	digits := func() bool {
		from := r.pos
		for r.pos < len(src) && isDigit(src[r.pos]) {
			r.pos++
		}
		return r.pos > from
	}
	if src[r.pos] == '-' {
		r.pos++
	}
	whole := r.pos
	if !digits() {
		if r.pos == len(src) {
			return r.failTruncated()
		}
		r.pos = start
		return r.fail("is not well-formed JSON: a value is expected")
	}
	ok := src[whole] != '0' || r.pos == whole+1
	if ok && r.pos < len(src) && src[r.pos] == '.' {
		r.pos++
		ok = digits()
	}
	if ok && r.pos < len(src) && src[r.pos]|0x20 == 'e' {
		r.pos++
		if r.pos < len(src) && (src[r.pos] == '+' || src[r.pos] == '-') {
			r.pos++
		}
		ok = digits()
	}
	if !ok {
		return r.fail("is not well-formed JSON: a number has a wrong form")
	}
	n := &r.doc.nodes[i]
	n.kind, n.end = kindNumber, uint32(r.pos)
	return true
}

// text reads a string, from quote to quote.
func (r *parser) stringLiteral() (escaped, ok bool) {
	src, at := r.doc.src, r.pos+1
	for at < len(src) {
		switch c := src[at]; {
		case c == '"':
			r.pos = at + 1
			return escaped, true
		case c == '\\':
			escaped = true
			n := escapeLen(src[at:])
			if n == 0 {
				r.pos = at
				if len(src)-at < 12 && !bytes.ContainsRune(src[at:], '"') {
					return true, r.failTruncated()
				}
				return true, r.fail("is not well-formed JSON: a string has an escape that is none")
			}
			at += n
		case c < 0x20:
			r.pos = at
			return escaped, r.fail("is not well-formed JSON: a string has a control character that is not escaped")
		default:
			at++
		}
	}
	r.pos = len(src)
	return escaped, r.failTruncated()
}

// findTwice notes the members of an object whose name stands there already.
func (d *document) findDuplicates(i uint32, n int) {
	if n > 32 {
		d.findDuplicatesByMap(i, n)
		return
	}
	end := uint32(len(d.nodes))
	for b := d.nodes[i+1].next; b < end; b = d.nodes[b].next {
		h := d.nodes[b].hash
		for a := i + 1; a < b; a = d.nodes[a].next {
			if d.nodes[a].hash == h && bytes.EqualFold(d.name(a), d.name(b)) {
				d.addDuplicate(b)
				break
			}
		}
	}
}

func (d *document) findDuplicatesByMap(i uint32, n int) {
	seen := make(map[string]bool, n)
	end := uint32(len(d.nodes))
	for m := i + 1; m < end; m = d.nodes[m].next {
		name := string(foldCase(d.name(m)))
		if seen[name] {
			d.addDuplicate(m)
		}
		seen[name] = true
	}
}

func (d *document) addDuplicate(m uint32) {
	if len(d.duplicates) <= MaxIssues {
		d.duplicates = append(d.duplicates, m)
	}
}

// foldedHash is FNV-1a of a name without regard to case.
func foldedHash(name []byte) uint32 {
	if slices.ContainsFunc(name, func(c byte) bool { return c >= utf8.RuneSelf }) {
		name = foldCase(name)
	}
	h := uint32(2166136261)
	for _, c := range name {
		if isUpper(c) {
			c |= 0x20
		}
		h = (h ^ uint32(c)) * 16777619
	}
	return h
}

// foldCase is a name without regard to case, as bytes.EqualFold sees it: each
// character is the lowest of those that differ only in case, ASCII's in lower case.
func foldCase(name []byte) []byte {
	return bytes.Map(func(r rune) rune {
		low := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			low = min(low, next)
		}
		if 'A' <= low && low <= 'Z' {
			low |= 0x20
		}
		return low
	}, name)
}
