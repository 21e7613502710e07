package pages

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What is sent to a provider is told in a few words, and never with anything of its
// content.

// dataTexts are the words for the kinds of data that can be sent; whatever else there
// is, is data.
var dataTexts = map[string]string{
	"measurements-vital-signs": "what.measurements",
	"documents":                "what.documents",
	"questionnaire-response":   "what.answers",
}

// dataWords are the words for data types as the catalogue names them.
func dataWords(types []string) []string {
	var words []string
	for _, t := range types {
		words = appendNew(words, dataTexts[t])
	}
	return withRest(words)
}

// resourceWords are the words for resources by their types. A document comes with what
// describes it, so the two are one.
func resourceWords(types []string) []string {
	n := map[string]int{}
	for _, t := range types {
		n[t]++
	}
	var words []string
	add := func(n int, one, many string) {
		switch {
		case n == 1:
			words = append(words, one)
		case n > 1:
			words = append(words, many)
		}
	}
	add(n["Observation"], "what.measurement", "what.measurements")
	add(max(n["DocumentReference"], n["Binary"]), "what.document", "what.documents")
	add(n["QuestionnaireResponse"], "what.answers", "what.answers")
	for t := range n {
		if !slices.Contains([]string{"Observation", "DocumentReference", "Binary", "QuestionnaireResponse", "Bundle"}, t) {
			words = append(words, "")
			break
		}
	}
	return withRest(words)
}

// withRest puts a word last for what has none of its own: an empty one stands for it.
func withRest(words []string) []string {
	known := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "" })
	switch {
	case len(known) == 0:
		return []string{"what.data"}
	case len(known) < len(words):
		return append(known, "what.other")
	}
	return known
}

// numberOf is 1 for words that stand for one thing, 2 for more.
func numberOf(words []string) int {
	if len(words) == 1 && (words[0] == "what.measurement" || words[0] == "what.document") {
		return 1
	}
	return 2
}

// what says the words as a part of a sentence: "measurements, documents and other data".
func (t *texts) what(words []string) string {
	said := make([]string, 0, len(words))
	for _, w := range words {
		said = append(said, t.text(w))
	}
	last := len(said) - 1
	if last == 0 {
		return said[0]
	}
	return t.text("what.and", "first", strings.Join(said[:last], ", "), "last", said[last])
}

// capital begins a sentence.
func capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}
