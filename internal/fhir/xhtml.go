package fhir

import (
	"bytes"
	"fmt"
)

// A narrative is a <div> of XHTML, with the elements and attributes of txt-1
// (https://hl7.org/fhir/STU3/narrative.html). Receivers read it with an XML parser, which
// refuses what is not well-formed, or with an HTML parser, which reads some XML otherwise:
// it ends a CDATA section or a processing instruction at the first >, for example, and
// would run what follows. So only what both read alike is accepted, and nothing that runs.
//
// This is a tokenizer of its own because encoding/xml takes about as long for the
// narratives as the whole check, and lets pass what is refused here: CDATA, declarations,
// repeated attributes, unbound prefixes, references to surrogates. FuzzXHTML tests that
// encoding/xml and an HTML parser agree with what is accepted. It is not checked that a
// narrative has text (txt-2), since HL7's own examples have empty ones.

const xhtmlNamespace = "http://www.w3.org/1999/xhtml"

const notXHTML = "is not XHTML: it must be one <div xmlns=\"" + xhtmlNamespace + "\"> with everything in it"

// maxNarrativeDepth is the maximum depth of nested elements. HTML parsers have a limit, too.
const maxNarrativeDepth = 256

// An xhtmlParser reads a narrative once, from start to end.
type xhtmlParser struct {
	src []byte
	pos int
	// prefix is the prefix of the <div>, which all elements must have, or "".
	prefix []byte
	// open are the names of the elements that have not ended.
	open [][]byte
	// begun is set after the <div> has begun.
	begun bool
	// attributes are those of the current tag.
	attributes []xhtmlAttribute
	problem    string
}

// checkXHTML returns what is wrong with a narrative, or "".
func checkXHTML(s []byte) string {
	x := xhtmlParser{src: s}
	if x.pos = illegalXMLCharacter(s); x.pos >= 0 {
		x.fail("has a character that XML does not have: leave it out")
	} else {
		x.pos = 0
		x.parse()
	}
	if x.problem == "" || x.problem == notXHTML {
		return x.problem
	}
	line, column := lineAndColumn(s, x.pos)
	return fmt.Sprintf("%s (at line %d, column %d of the narrative)", x.problem, line, column)
}

// illegalXMLCharacter returns the offset of the first character that XML does not have, or
// -1. The text is UTF-8, so surrogates do not occur.
func illegalXMLCharacter(s []byte) int {
	for i, c := range s {
		if c < ' ' && !isSpace(c) || c == 0xef && isNoncharacter(s[i:]) {
			return i
		}
	}
	return -1
}

// isNoncharacter reports whether a text begins with U+FFFE or U+FFFF.
func isNoncharacter(s []byte) bool {
	return len(s) >= 3 && s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe
}

// isXMLCharacter reports whether XML has a character.
func isXMLCharacter(r rune) bool {
	switch {
	case r < ' ':
		return r == '\t' || r == '\n' || r == '\r'
	case r < 0xd800:
		return true
	}
	return 0xe000 <= r && r <= 0xfffd || 0x10000 <= r && r <= 0x10ffff
}

func (x *xhtmlParser) fail(problem string) bool {
	x.problem = problem
	return false
}

func (x *xhtmlParser) hasPrefix(s string) bool {
	return len(x.src)-x.pos >= len(s) && string(x.src[x.pos:x.pos+len(s)]) == s
}

// skipSpace skips the spaces of XML and reports whether there were any.
func (x *xhtmlParser) skipSpace() bool {
	start := x.pos
	for x.pos < len(x.src) && isSpace(x.src[x.pos]) {
		x.pos++
	}
	return x.pos > start
}

// parse parses the narrative and reports whether it is accepted.
func (x *xhtmlParser) parse() bool {
	for x.pos < len(x.src) {
		ok := false
		switch {
		case x.src[x.pos] != '<':
			ok = x.text()
		case x.hasPrefix("<!--"):
			ok = x.comment()
		case x.hasPrefix("<!"):
			ok = x.fail("has a CDATA section or a declaration: write the text itself, with &lt; and &amp;")
		case x.hasPrefix("<?"):
			ok = x.fail("has a processing instruction: leave it out")
		case x.hasPrefix("</"):
			ok = x.endTag()
		default:
			ok = x.startTag()
		}
		if !ok {
			return false
		}
	}
	switch {
	case !x.begun:
		return x.fail(notXHTML)
	case len(x.open) > 0:
		return x.fail("has an element that does not end: close each element that is open")
	}
	return true
}

// text parses text up to the next tag.
func (x *xhtmlParser) text() bool {
	if len(x.open) == 0 {
		x.skipSpace()
		if x.pos < len(x.src) && x.src[x.pos] != '<' {
			return x.fail(notXHTML)
		}
		return true
	}
	end := len(x.src)
	if n := bytes.IndexByte(x.src[x.pos:], '<'); n >= 0 {
		end = x.pos + n
	}
	if n := bytes.Index(x.src[x.pos:end], []byte("]]>")); n >= 0 {
		x.pos += n
		return x.fail("has ]]>: write ]]&gt;")
	}
	return x.references(end)
}

// references skips characters up to end, and checks the references among them.
func (x *xhtmlParser) references(end int) bool {
	for {
		n := bytes.IndexByte(x.src[x.pos:end], '&')
		if n < 0 {
			x.pos = end
			return true
		}
		x.pos += n
		_, size := readXMLReference(x.src[x.pos:end])
		if size == 0 {
			return x.failReference()
		}
		x.pos += size
	}
}

// failReference fails because of the & at the current position.
func (x *xhtmlParser) failReference() bool {
	switch {
	case x.hasPrefix("&#"):
		return x.fail("has a reference to a character that XML does not have: write the character itself")
	case x.pos+1 < len(x.src) && isLetter(x.src[x.pos+1]):
		return x.fail("has an & or an entity that XML does not have: write &amp; for &, " +
			"and characters themselves, not entities of HTML such as &nbsp;")
	}
	return x.fail("has an & that begins no reference: write &amp;")
}

// readXMLReference reads the reference at the start of a text, which begins with &. n is its
// length, or 0 if it is not one that XML has without a DTD.
func readXMLReference(s []byte) (r rune, n int) {
	for _, e := range [...]struct {
		text string
		r    rune
	}{{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}} {
		if len(s) >= len(e.text) && string(s[:len(e.text)]) == e.text {
			return e.r, len(e.text)
		}
	}
	if len(s) < 2 || s[1] != '#' {
		return 0, 0
	}
	n, base := 2, rune(10)
	if len(s) > 2 && s[2] == 'x' {
		n, base = 3, 16
	}
	first := n
	for ; n < len(s); n++ {
		digit, ok := hexDigit(s[n])
		if !ok || rune(digit) >= base {
			break
		}
		if r = r*base + rune(digit); r > 0x10ffff {
			return 0, 0
		}
	}
	if n == first || n == len(s) || s[n] != ';' || !isXMLCharacter(r) {
		return 0, 0
	}
	return r, n + 1
}

// comment parses a comment. One that begins with > or -> has ended for an HTML parser.
func (x *xhtmlParser) comment() bool {
	start := x.pos + len("<!--")
	rest := x.src[start:]
	n := bytes.Index(rest, []byte("--"))
	switch {
	case n < 0:
		return x.fail("has a comment that does not end: leave it out")
	case n+2 >= len(rest) || rest[n+2] != '>':
		return x.fail("has a comment with -- in it, which XML does not allow: leave it out")
	case rest[0] == '>' || bytes.HasPrefix(rest, []byte("->")):
		return x.fail("has a comment that begins with >, which ends it in HTML: leave it out")
	}
	x.pos = start + n + len("-->")
	return true
}
