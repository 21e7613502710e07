package wire

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// IsUnicode reports whether the texts of a JSON document are Unicode: the document is UTF-8, and each escaped surrogate
// is half of a pair. Decoders replace anything else, so that two texts that differ become one.
func IsUnicode(document []byte) bool {
	if !utf8.Valid(document) {
		return false
	}
	for {
		i := bytes.IndexByte(document, '\\')
		if i < 0 || i+1 == len(document) {
			return true
		}
		document = document[i:]
		r, isEscape := escapedRune(document)
		switch {
		case !isEscape:
			document = document[2:] // of another character
		case !utf16.IsSurrogate(r):
			document = document[6:]
		default:
			low, ok := escapedRune(document[6:])
			if !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
				return false
			}
			document = document[12:]
		}
	}
}

// escapedRune returns the character of the escape \uXXXX that a text begins with.
func escapedRune(text []byte) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	r, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(r), err == nil
}
