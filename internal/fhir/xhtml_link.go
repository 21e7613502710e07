package fhir

import (
	"bytes"
	"unicode/utf8"
)

// isLinkAttribute reports whether the value of an attribute is a link.
func isLinkAttribute(name []byte) bool {
	switch string(name) {
	case "href", "src", "cite", "longdesc":
		return true
	}
	return false
}

// withoutReferences returns the value of an attribute with characters for its references,
// which are valid.
func withoutReferences(s []byte) []byte {
	if bytes.IndexByte(s, '&') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for len(s) > 0 {
		if s[0] == '&' {
			if r, n := readXMLReference(s); n > 0 {
				out = utf8.AppendRune(out, r)
				s = s[n:]
				continue
			}
		}
		out = append(out, s[0])
		s = s[1:]
	}
	return out
}

// isInvisible reports whether browsers ignore a character in a link or a style, at least in
// some places.
func isInvisible(c byte) bool { return c <= ' ' || c == 0x7f }

// hasAllowedScheme reports whether a link has one of the schemes that a narrative may have,
// or none.
func hasAllowedScheme(link []byte) bool {
	var scheme [8]byte
	n := 0
	for _, c := range link {
		switch {
		case isInvisible(c):
			continue
		case c == ':':
			switch string(scheme[:n]) {
			case "http", "https", "mailto", "tel", "cid":
				return true
			}
			return false
		case c == '/' || c == '?' || c == '#':
			return true
		}
		if n < len(scheme) {
			if isUpper(c) {
				c |= 0x20
			}
			scheme[n] = c
			n++
		}
	}
	return true
}

// isImageData reports whether a link is a data: URL with a content that an img may have:
// nothing that runs. A PDF is no image, but MedMij's own qualification material for
// documents has some, and an img that is one shows nothing.
func isImageData(link []byte) bool {
	start := make([]byte, 0, 32)
	for _, c := range link {
		if c == ';' || c == ',' || len(start) == cap(start) {
			break
		}
		if !isInvisible(c) {
			start = append(start, c)
		}
	}
	switch string(bytes.ToLower(start)) {
	case "data:image/png", "data:image/jpeg", "data:image/jpg", "data:image/gif", "data:application/pdf":
		return true
	}
	return false
}

// runsScript reports whether a style has something by which a browser, even an old one,
// loads or runs a script.
func runsScript(style []byte) bool {
	plain := plainStyle(style)
	for _, word := range []string{"script:", "expression(", "behavior:", "-moz-binding:", "@import"} {
		if bytes.Contains(plain, []byte(word)) {
			return true
		}
	}
	return false
}

// plainStyle returns a style in lower case, with characters for its escapes, and without
// comments, spaces and controls.
func plainStyle(s []byte) []byte {
	out := make([]byte, 0, len(s))
	for len(s) > 0 {
		c := s[0]
		if c == '\\' {
			r, n := readStyleEscape(s)
			if s = s[n:]; r >= utf8.RuneSelf || !isInvisible(byte(r)) {
				out = utf8.AppendRune(out, r)
			}
			continue
		}
		if bytes.HasPrefix(s, []byte("/*")) {
			n := bytes.Index(s[2:], []byte("*/"))
			if n < 0 {
				break // the comment ends with the style
			}
			s = s[n+4:]
			continue
		}
		if !isInvisible(c) {
			out = append(out, c)
		}
		s = s[1:]
	}
	return bytes.ToLower(out)
}

// readStyleEscape reads the escape of CSS at the start of a text, which begins with a
// backslash: up to six hexadecimal digits and perhaps a space, or any other character.
func readStyleEscape(s []byte) (r rune, n int) {
	for n = 1; n < len(s) && n < 7; n++ {
		digit, ok := hexDigit(s[n])
		if !ok {
			break
		}
		r = r<<4 | rune(digit)
	}
	switch {
	case n == 1 && len(s) > 1:
		r, size := utf8.DecodeRune(s[1:])
		return r, 1 + size
	case n < len(s) && isSpace(s[n]):
		n++
	}
	return r, n
}
