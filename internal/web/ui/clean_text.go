package ui

import (
	"strings"
	"unicode"
)

// maxCleanText bounds what [CleanText] returns, in characters.
const maxCleanText = 200

// CleanText makes plain text of what somebody else wrote, such as an application's name: it removes control characters,
// which could change how the text around them looks, and cuts the text after 200 characters.
func CleanText(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > maxCleanText {
		s = string(runes[:maxCleanText]) + "…"
	}
	return strings.TrimSpace(s)
}
