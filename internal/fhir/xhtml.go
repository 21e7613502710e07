package fhir

import "bytes"

// A narrative is a <div> of XHTML that a browser may show. This is not a complete XML
// parser: it checks that there is one <div>, that its tags nest, and that nothing in it
// is active (https://hl7.org/fhir/STU3/narrative.html, txt-1). It does not check that
// the narrative has text (txt-2), since HL7's own examples have empty ones.

const xhtmlNamespace = "http://www.w3.org/1999/xhtml"

const notXHTML = "is not XHTML: one <div> in the namespace " + xhtmlNamespace + ", with tags that nest"

// activeTags run, load or submit something and are not allowed. They are sorted.
var activeTags = []string{
	"applet", "audio", "base", "body", "button", "embed", "form", "frame", "frameset", "head", "html", "iframe",
	"input", "link", "meta", "object", "script", "select", "style", "textarea", "title", "video",
}

// checkXHTML returns what is wrong with a narrative, or "".
func checkXHTML(s []byte) string {
	s = trimProlog(s)
	if !isDiv(s) {
		return notXHTML
	}
	var open [][]byte
	for len(s) > 0 {
		if s[0] != '<' {
			n := bytes.IndexByte(s, '<')
			if n < 0 {
				n = len(s)
			}
			if len(open) == 0 && len(bytes.TrimSpace(s[:n])) > 0 {
				return notXHTML // text after the <div>
			}
			s = s[n:]
			continue
		}
		if rest, skipped := skipMarkup(s); skipped {
			if rest == nil {
				return notXHTML
			}
			s = rest
			continue
		}
		t, rest, ok := readTag(s)
		if !ok {
			return notXHTML
		}
		if problem := t.check(); problem != "" {
			return problem
		}
		switch {
		case t.closing:
			if len(open) == 0 || !bytes.Equal(open[len(open)-1], t.name) {
				return notXHTML
			}
			if open = open[:len(open)-1]; len(open) == 0 && len(trimProlog(rest)) > 0 {
				return notXHTML
			}
		case t.selfClosing:
			if len(open) == 0 && len(trimProlog(rest)) > 0 {
				return notXHTML
			}
		default:
			open = append(open, t.name)
		}
		s = rest
	}
	if len(open) > 0 {
		return notXHTML
	}
	return ""
}

// trimProlog removes spaces, comments, processing instructions and CDATA sections from
// the start of s.
func trimProlog(s []byte) []byte {
	for {
		s = bytes.TrimSpace(s)
		rest, skipped := skipMarkup(s)
		if !skipped || rest == nil {
			return s
		}
		s = rest
	}
}

// skipMarkup skips a comment, a processing instruction or a CDATA section. The rest is
// nil if it does not end.
func skipMarkup(s []byte) (rest []byte, skipped bool) {
	for _, m := range [][2]string{{"<!--", "-->"}, {"<?", "?>"}, {"<![CDATA[", "]]>"}} {
		if bytes.HasPrefix(s, []byte(m[0])) {
			if n := bytes.Index(s[len(m[0]):], []byte(m[1])); n >= 0 {
				return s[len(m[0])+n+len(m[1]):], true
			}
			return nil, true
		}
	}
	return s, false
}

// isDiv reports whether s begins with a <div> tag in XHTML's namespace.
func isDiv(s []byte) bool {
	t, _, ok := readTag(s)
	if !ok || t.closing {
		return false
	}
	// <div xmlns="…">, or <h:div xmlns:h="…">
	declaration := "xmlns"
	prefix, local, prefixed := bytes.Cut(t.name, []byte(":"))
	if prefixed {
		declaration += ":" + string(prefix)
	} else {
		local = t.name
	}
	if string(local) != "div" {
		return false
	}
	for _, a := range t.attributes {
		if string(a.name) == declaration {
			return string(a.value) == xhtmlNamespace
		}
	}
	return false
}

type tag struct {
	name                 []byte
	attributes           []attribute
	closing, selfClosing bool
}

type attribute struct{ name, value []byte }

// readTag reads the tag at the start of s.
func readTag(s []byte) (t tag, rest []byte, ok bool) {
	if len(s) < 3 || s[0] != '<' {
		return t, s, false
	}
	s = s[1:]
	if s[0] == '/' {
		t.closing = true
		s = s[1:]
	}
	if t.name, s = readName(s); len(t.name) == 0 {
		return t, s, false
	}
	for {
		s = bytes.TrimLeft(s, " \t\r\n")
		switch {
		case len(s) == 0:
			return t, s, false
		case s[0] == '>':
			return t, s[1:], true
		case bytes.HasPrefix(s, []byte("/>")):
			t.selfClosing = true
			return t, s[2:], !t.closing
		}
		var a attribute
		if a.name, s = readName(s); len(a.name) == 0 || t.closing {
			return t, s, false
		}
		s = bytes.TrimLeft(s, " \t\r\n")
		if len(s) == 0 || s[0] != '=' {
			return t, s, false
		}
		s = bytes.TrimLeft(s[1:], " \t\r\n")
		if len(s) == 0 || s[0] != '"' && s[0] != '\'' {
			return t, s, false
		}
		n := bytes.IndexByte(s[1:], s[0])
		if n < 0 || bytes.IndexByte(s[1:1+n], '<') >= 0 {
			return t, s, false
		}
		a.value, s = s[1:1+n], s[n+2:]
		if len(t.attributes) > 64 {
			return t, s, false
		}
		t.attributes = append(t.attributes, a)
	}
}

// readName reads an XML name.
func readName(s []byte) (name, rest []byte) {
	n := 0
	for n < len(s) && (isLetter(s[n]) || s[n] == '_' || s[n] == ':' || s[n] >= 0x80 || n > 0 &&
		(isDigit(s[n]) || s[n] == '-' || s[n] == '.')) {
		n++
	}
	return s[:n], s[n:]
}

// check returns why a narrative may not have the tag, or "".
func (t tag) check() string {
	name := bytes.ToLower(t.name)
	if _, local, ok := bytes.Cut(name, []byte(":")); ok {
		name = local
	}
	if containsSorted(activeTags, name) {
		return "has <" + string(name) + ">, which a narrative must not have"
	}
	for _, a := range t.attributes {
		n := bytes.ToLower(a.name)
		if bytes.HasPrefix(n, []byte("on")) {
			return "has an attribute that runs a script, which a narrative must not have"
		}
		if (string(n) == "href" || string(n) == "src") &&
			bytes.HasPrefix(bytes.ToLower(bytes.TrimSpace(a.value)), []byte("javascript:")) {
			return "has a link that runs a script, which a narrative must not have"
		}
	}
	return ""
}
