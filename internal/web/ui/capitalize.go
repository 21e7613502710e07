package ui

import (
	"unicode"
	"unicode/utf8"
)

// Capitalize makes the first letter of a sentence a capital.
func Capitalize(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}
