package fhir

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// stringLiteral parses a string, from quote to quote. noun is what it is called in an issue.
func (r *parser) stringLiteral(noun string) (escaped, ok bool) {
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
				return true, r.failEscape(noun)
			}
			at += n
		case c < 0x20:
			r.pos = at
			return escaped, r.fail("is not well-formed JSON: " + noun + " has a control character that is not escaped")
		default:
			at++
		}
	}
	r.pos = len(src)
	return escaped, r.failTruncated()
}

// failEscape fails because of the escape at the current position.
func (r *parser) failEscape(noun string) bool {
	rest := r.doc.src[r.pos:]
	if len(rest) < 12 && !bytes.ContainsRune(rest, '"') {
		return r.failTruncated()
	}
	if _, ok := hex4(rest); ok {
		return r.fail("is not well-formed JSON: " + noun + " has an escape that is none: " +
			"one half of a surrogate pair, without the other")
	}
	return r.fail("is not well-formed JSON: " + noun + " has an escape that is none")
}

// escapeLen returns the length of the escape at the start of s, or 0 if it is not valid.
// A surrogate pair is one escape.
func escapeLen(s []byte) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		r, ok := hex4(s)
		if !ok {
			return 0
		}
		if !utf16.IsSurrogate(r) {
			return 6
		}
		if low, ok := hex4(s[6:]); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
			return 12
		}
	}
	return 0
}

// hex4 reads \uXXXX.
func hex4(s []byte) (r rune, ok bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	for _, c := range s[2:6] {
		switch {
		case isDigit(c):
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// unescape returns the text of a string that stringLiteral has accepted.
func unescape(s []byte) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			out = append(out, s[i])
			i++
			continue
		}
		n := escapeLen(s[i:])
		if n == 0 {
			return out // not accepted by stringLiteral
		}
		switch c := s[i+1]; c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, _ := hex4(s[i:])
			if n == 12 {
				low, _ := hex4(s[i+6:])
				r = utf16.DecodeRune(r, low)
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, c)
		}
		i += n
	}
	return out
}
