package fhir

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// normalized returns a text in lower case, with percent-encoding decoded up to three
// times, and with ASCII spaces and hyphens.
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

// normalizeRune maps every space and every hyphen to that of ASCII, and removes
// characters without width.
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

// withoutMarkup returns a narrative as plain text: a space for each tag, and characters
// for numeric references. What is not markup stays.
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
			if n == 0 { // no later tag ends either
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

// markupLen returns the length of the tag or comment at the start of a text, or 0 if it
// does not end.
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

// readEntity reads a numeric character reference, or a named one of a space or a soft
// hyphen, at the start of a text. n is its length, or 0 if there is none.
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
