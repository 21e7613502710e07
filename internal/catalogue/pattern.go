package catalogue

import "strings"

// textPattern is a searched text. It matches a text if each of its words is the beginning
// of a word of the text.
type textPattern []patternWord

// patternWord is a searched word with a space before it. For each part of a postcode,
// joined is the whole postcode as one word, so that "3511 ab" matches "3511AB" as well as
// "3511 AB".
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

// add adds a word unless the pattern has it already, so that a repeated word takes no
// time.
func (p textPattern) add(t patternWord) textPattern {
	for _, have := range p {
		if have == t {
			return p
		}
	}
	return append(p, t)
}

// isPostcode reports whether two words look like a Dutch postcode, or the beginning of
// one.
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

// matches reports whether the pattern matches a text in which a space precedes each word.
func (p textPattern) matches(text string) bool {
	for _, t := range p {
		if !strings.Contains(text, t.word) && (t.joined == "" || !strings.Contains(text, t.joined)) {
			return false
		}
	}
	return true
}
