package ui

import (
	"strings"
	"unicode"
)

// maxCleanText bounds what [CleanText] returns, in characters.
const maxCleanText = 200

// CleanText makes plain text of what somebody else wrote, such as an application's name: it removes control characters,
// which could change how the text around them looks, and cuts the text after 200 characters.
func CleanText(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > maxCleanText {
		text = string(runes[:maxCleanText]) + "…"
	}
	return strings.TrimSpace(text)
}
