package fhir

import (
	"bytes"
	"fmt"
	"slices"
	"unicode/utf8"
)

// parse parses a body. The issue, if any, says why parsing ended.
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

// checkStart refuses a body that is not a JSON object by its first bytes, its size or
// its encoding.
func checkStart(body []byte) *Issue {
	if len(body) > MaxBody {
		return &Issue{Code: CodeTooLong, Text: fmt.Sprintf("has %d bytes, more than %d", len(body), MaxBody)}
	}
	if bytes.HasPrefix(body, []byte("\xef\xbb\xbf")) {
		return &Issue{Code: CodeInvalid, Text: "begins with a byte order mark, which JSON must not have: leave it out"}
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
		return &Issue{Code: CodeInvalid, Text: "is not valid UTF-8" + positionText(body, firstInvalid(body))}
	}
	return nil
}

// firstInvalid returns the offset of the first byte that is not valid UTF-8.
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

// lineAndColumn returns the line and the column of an offset, as editors count them.
func lineAndColumn(text []byte, at int) (line, column int) {
	before := text[:min(at, len(text))]
	line = bytes.Count(before, []byte("\n")) + 1
	return line, utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
}

// positionText describes an offset in the text of an issue.
func positionText(body []byte, at int) string {
	line, column := lineAndColumn(body, at)
	return fmt.Sprintf(" (line %d, column %d)", line, column)
}

// A parser parses JSON (RFC 8259) into a document.
type parser struct {
	doc   *document
	pos   int
	depth int
	// why parsing ended
	code IssueCode
	text string
}

func (r *parser) position() string { return positionText(r.doc.src, r.pos) }

func (r *parser) fail(text string) bool {
	r.code, r.text = CodeInvalid, text
	return false
}

// failTruncated fails because the body ends too early.
func (r *parser) failTruncated() bool {
	return r.fail("is not well-formed JSON: the body ends before it is complete")
}

func (r *parser) skipSpace() {
	src := r.doc.src
	for r.pos < len(src) && isSpace(src[r.pos]) {
		r.pos++
	}
}

// value parses one value. For the value of a member, key and keyEnd are the range of the
// member's name and hash is the hash of the name; for others they are 0.
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
		if escaped, ok = r.stringLiteral("a string"); ok {
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

// container parses an object or array.
func (r *parser) container(i int, k kind) bool {
	d := r.doc
	d.nodes[i].kind = k
	if r.depth++; r.depth > maxDepth {
		r.code, r.text = CodeTooLong, fmt.Sprintf("is nested more than %d levels deep", maxDepth)
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

// items parses the rest of an array.
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

// members parses the rest of an object.
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
		escaped, ok := r.stringLiteral("the name of a member")
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

// closeEmpty parses the end of an empty object or array. done reports whether the object
// or array has ended, or parsing has failed.
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

// nextItem parses the comma before the next item, or the end of the object or array.
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
