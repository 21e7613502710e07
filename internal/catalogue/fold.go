package catalogue

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// plainLetters are letters that no decomposition takes apart, as people type them.
var plainLetters = strings.NewReplacer("ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "ł", "l", "đ", "d", "ð", "d", "þ",
	"th", "ı", "i")

// fold makes texts alike that people take for the same: without capitals and accents.
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

// splitWords are the words of a text, folded.
func splitWords(s string) []string {
	return strings.FieldsFunc(fold(s), func(r rune) bool { return !isWordRune(r) })
}

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// appendWords appends the words of a text, each after a space: what begins a word then
// follows a space.
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

// appendZipCode appends a postcode as one word, whether or not it is written with a
// space.
func appendZipCode(b []byte, s string) []byte {
	if all := splitWords(s); len(all) > 0 {
		b = append(append(b, ' '), strings.Join(all, "")...)
	}
	return b
}

// textPattern is a text to look for: each of its words has to begin a word of what is
// looked through.
type textPattern []patternWord

// patternWord is a word. Of a postcode's second half it also knows how to follow the first:
// "3511 ab" fits "3511 AB" as well as two words.
type patternWord struct{ word, joined string }

func newTextPattern(text string) textPattern {
	all := splitWords(text)
	var p textPattern
	for i := 0; i < len(all); i++ {
		t := patternWord{word: " " + all[i]}
		if i+1 < len(all) && isPostcode(all[i], all[i+1]) {
			t.joined = t.word + all[i+1]
			p = p.add(t)
			t, i = patternWord{word: " " + all[i+1], joined: t.joined}, i+1
		}
		p = p.add(t)
	}
	return p
}

// add leaves out what is there already: a text of one word a hundred times costs no
// more than once.
func (p textPattern) add(t patternWord) textPattern {
	for _, have := range p {
		if have == t {
			return p
		}
	}
	return append(p, t)
}

// isZip reports whether two words look like a Dutch postcode, or the beginning of one.
func isPostcode(digits, letters string) bool {
	if len(digits) != 4 || len(letters) > 2 {
		return false
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return false
		}
	}
	for i := range len(letters) {
		if letters[i] < 'a' || letters[i] > 'z' {
			return false
		}
	}
	return true
}

// fits reports whether the pattern is in a text of words, each after a space.
func (p textPattern) matches(text string) bool {
	for _, t := range p {
		if !strings.Contains(text, t.word) && (t.joined == "" || !strings.Contains(text, t.joined)) {
			return false
		}
	}
	return true
}
