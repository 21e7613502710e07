package fhir

import (
	"bytes"
	"fmt"
)

// maxAttributes is the maximum number of attributes of a tag.
const maxAttributes = 64

type xhtmlAttribute struct {
	start       int // its offset in the narrative
	name, value []byte
}

// startTag parses a start tag, or the tag of an empty element.
func (x *xhtmlParser) startTag() bool {
	start := x.pos
	x.pos++
	name := x.name()
	if len(name) == 0 {
		x.pos = start
		return x.fail("has a < that begins no tag: write &lt;")
	}
	closed, ok := x.readAttributes()
	if !ok {
		return false
	}
	end := x.pos
	x.pos = start
	if !x.checkElement(name) || !x.checkAttributes(name) {
		return false
	}
	x.pos = end
	switch {
	case closed:
	case len(x.open) == maxNarrativeDepth:
		x.pos = start
		return x.fail(fmt.Sprintf("has elements that are nested more than %d levels deep", maxNarrativeDepth))
	default:
		x.open = append(x.open, name)
	}
	return true
}

// endTag parses an end tag.
func (x *xhtmlParser) endTag() bool {
	start := x.pos
	x.pos += len("</")
	name := x.name()
	x.skipSpace()
	last := len(x.open) - 1
	if last < 0 || !bytes.Equal(x.open[last], name) || !x.hasPrefix(">") {
		x.pos = start
		return x.fail("has an end tag that does not fit: elements must end in the reverse order in which they begin")
	}
	x.open = x.open[:last]
	x.pos++
	return true
}

// name reads a name. The elements and attributes that are allowed have names in ASCII.
func (x *xhtmlParser) name() []byte {
	start := x.pos
	for x.pos < len(x.src) {
		c := x.src[x.pos]
		if !isLetter(c) && c != '_' && c != ':' && (x.pos == start || !isDigit(c) && c != '-' && c != '.') {
			break
		}
		x.pos++
	}
	return x.src[start:x.pos]
}

// readAttributes reads the attributes of a tag and its end. closed reports whether the
// element has no content.
func (x *xhtmlParser) readAttributes() (closed, ok bool) {
	x.attributes = x.attributes[:0]
	for {
		spaced := x.skipSpace()
		switch {
		case x.hasPrefix(">"):
			x.pos++
			return false, true
		case x.hasPrefix("/>"):
			x.pos += 2
			return true, true
		case x.pos == len(x.src):
			return false, x.fail("has a tag that does not end")
		case !spaced:
			return false, x.fail("has a tag with a character that does not belong there: " +
				"separate attributes by spaces, and write &lt; for a < in the text")
		case len(x.attributes) == maxAttributes:
			return false, x.fail(fmt.Sprintf("has a tag with more than %d attributes", maxAttributes))
		}
		if !x.readAttribute() {
			return false, false
		}
	}
}

// readAttribute reads one attribute.
func (x *xhtmlParser) readAttribute() bool {
	start := x.pos
	a := xhtmlAttribute{start: start, name: x.name()}
	x.skipSpace()
	if len(a.name) == 0 || !x.hasPrefix("=") {
		x.pos = start
		return x.fail("has an attribute without a value: write name=\"value\"")
	}
	x.pos++
	x.skipSpace()
	if !x.hasPrefix(`"`) && !x.hasPrefix(`'`) {
		return x.fail("has an attribute whose value has no quotes: write name=\"value\"")
	}
	quote := x.src[x.pos]
	x.pos++
	n := bytes.IndexByte(x.src[x.pos:], quote)
	if n < 0 {
		return x.fail("has an attribute whose value does not end: write name=\"value\"")
	}
	a.value = x.src[x.pos : x.pos+n]
	if less := bytes.IndexByte(a.value, '<'); less >= 0 {
		x.pos += less
		return x.fail("has a < in the value of an attribute: write &lt;")
	}
	if !x.references(x.pos + n) {
		return false
	}
	x.pos++
	for _, other := range x.attributes {
		if bytes.Equal(other.name, a.name) {
			x.pos = start
			return x.fail("has an attribute twice in one tag: leave one out")
		}
	}
	x.attributes = append(x.attributes, a)
	return true
}

// checkElement checks the name of an element, and its place.
func (x *xhtmlParser) checkElement(name []byte) bool {
	var prefix []byte
	local := name
	before, after, prefixed := bytes.Cut(name, []byte(":"))
	if prefixed {
		prefix, local = before, after
	}
	reserved := prefixed && (len(prefix) == 0 || bytes.HasPrefix(bytes.ToLower(prefix), []byte("xml")))
	if !x.begun {
		x.begun, x.prefix = true, prefix
		if string(local) != "div" || reserved || !x.declaresXHTML() {
			return x.fail(notXHTML)
		}
		return true
	}
	if len(x.open) == 0 {
		return x.fail(notXHTML)
	}
	if !isNarrativeElement(local) || reserved || !bytes.Equal(prefix, x.prefix) {
		if containsSorted(otherElements, name) {
			return x.fail("has <" + string(name) + ">, which a narrative must not have" + useBasicHTML)
		}
		return x.fail("has an element that a narrative must not have" + useBasicHTML)
	}
	return true
}

// isAllowedLink reports whether an attribute may have its value, which is a link. The content
// of an img may be in its link.
func (x *xhtmlParser) isAllowedLink(element []byte, a xhtmlAttribute) bool {
	link := withoutReferences(a.value)
	if hasAllowedScheme(link) {
		return true
	}
	_, local, prefixed := bytes.Cut(element, []byte(":"))
	if !prefixed {
		local = element
	}
	return string(local) == "img" && string(a.name) == "src" && isImageData(link)
}

// declaresXHTML reports whether the attributes of the <div> bind its prefix to XHTML.
func (x *xhtmlParser) declaresXHTML() bool {
	for _, a := range x.attributes {
		if x.isOwnDeclaration(a.name) {
			return string(a.value) == xhtmlNamespace
		}
	}
	return false
}

// isOwnDeclaration reports whether an attribute declares the namespace of the elements.
func (x *xhtmlParser) isOwnDeclaration(name []byte) bool {
	prefix, declared := bytes.CutPrefix(name, []byte("xmlns:"))
	if len(x.prefix) == 0 {
		return string(name) == "xmlns"
	}
	return declared && bytes.Equal(prefix, x.prefix)
}

const useBasicHTML = " (txt-1): use basic HTML in lower case, such as <p>, <table> and <a>"

// otherElements are elements of HTML that txt-1 does not allow, sorted. An issue names them,
// and no others: a < in a text may be followed by the name of a person.
var otherElements = []string{
	"applet", "area", "audio", "base", "body", "button", "canvas", "center", "del", "embed", "font", "form", "frame",
	"frameset", "head", "html", "iframe", "input", "ins", "kbd", "link", "map", "math", "meta", "object", "s", "script",
	"select", "style", "svg", "template", "textarea", "title", "u", "video",
}

// checkAttributes checks the attributes of a tag. element is the name of the tag.
func (x *xhtmlParser) checkAttributes(element []byte) bool {
	for _, a := range x.attributes {
		x.pos = a.start
		switch {
		case x.isOwnDeclaration(a.name):
			if string(a.value) != xhtmlNamespace {
				return x.fail(notXHTML)
			}
		case bytes.HasPrefix(a.name, []byte("xmlns:")):
			if !isHarmlessDeclaration(a) {
				return x.fail("has a declaration of a namespace that is not valid: leave it out")
			}
		case string(a.name) == "xml:lang":
		case !isNarrativeAttribute(a.name):
			return x.fail("has an attribute that a narrative must not have (txt-1): leave it out")
		case isLinkAttribute(a.name) && !x.isAllowedLink(element, a):
			return x.fail("has a link that a narrative must not have: " +
				"use http, https, mailto, tel, cid, or a link without a scheme")
		case string(a.name) == "style" && runsScript(withoutReferences(a.value)):
			return x.fail("has a style that runs a script: leave it out")
		}
	}
	return true
}

// isHarmlessDeclaration reports whether an attribute xmlns:… declares a prefix as XML allows
// it. No element or attribute may use the prefix.
func isHarmlessDeclaration(a xhtmlAttribute) bool {
	prefix := string(a.name[len("xmlns:"):])
	return prefix != "" && !isDigit(prefix[0]) && prefix[0] != '-' && prefix[0] != '.' &&
		!bytes.ContainsRune([]byte(prefix), ':') && prefix != "xml" && prefix != "xmlns" && len(a.value) > 0 &&
		!bytes.HasPrefix(a.value, []byte("http://www.w3.org/XML/1998/namespace")) &&
		!bytes.HasPrefix(a.value, []byte("http://www.w3.org/2000/xmlns/"))
}

// isNarrativeElement reports whether txt-1 allows an element.
func isNarrativeElement(name []byte) bool {
	switch string(name) {
	case "a", "abbr", "acronym", "b", "big", "blockquote", "br", "caption", "cite", "code", "col", "colgroup", "dd",
		"dfn", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "li", "ol", "p", "pre",
		"q", "samp", "small", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr",
		"tt", "ul", "var":
		return true
	}
	return false
}

// isNarrativeAttribute reports whether txt-1 allows an attribute.
func isNarrativeAttribute(name []byte) bool {
	switch string(name) {
	case "abbr", "accesskey", "align", "alt", "axis", "bgcolor", "border", "cellhalign", "cellpadding", "cellspacing",
		"cellvalign", "char", "charoff", "charset", "cite", "class", "colspan", "compact", "coords", "dir", "frame",
		"headers", "height", "href", "hreflang", "hspace", "id", "lang", "longdesc", "name", "nowrap", "rel", "rev",
		"rowspan", "rules", "scope", "shape", "span", "src", "start", "style", "summary", "tabindex", "title", "type",
		"valign", "value", "vspace", "width":
		return true
	}
	return false
}
