package catalogue

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// plainLetters replaces letters that have no Unicode decomposition by the ASCII letters
// that people type instead.
var plainLetters = strings.NewReplacer(
	"ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "ł", "l", "đ", "d", "ð", "d", "þ", "th", "ı", "i")

// fold returns a text in lower case and without accents.
func fold(s string) string {
	s = strings.ToLower(s)
	ascii := true
	for i := range len(s) {
		ascii = ascii && s[i] < 0x80
	}
	if ascii {
		return s
	}
	return plainLetters.Replace(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(s)))
}

// splitWords folds a text and returns its words.
func splitWords(s string) []string {
	return strings.FieldsFunc(fold(s), func(r rune) bool { return !isWordRune(r) })
}

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// appendWords folds a text and appends its words, with a space before each.
func appendWords(b []byte, s string) []byte {
	between := true
	for _, r := range fold(s) {
		if !isWordRune(r) {
			between = true
			continue
		}
		if between {
			b, between = append(b, ' '), false
		}
		b = utf8.AppendRune(b, r)
	}
	return b
}

// appendZipCode appends a postcode as one word, whether or not it has a space.
func appendZipCode(b []byte, s string) []byte {
	if all := splitWords(s); len(all) > 0 {
		b = append(append(b, ' '), strings.Join(all, "")...)
	}
	return b
}
