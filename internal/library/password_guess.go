package library

import (
	"math"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/trustelem/zxcvbn/frequency"
)

// The bounds of what is rated, in characters.
const (
	// maxRated is how much of a password is rated, after repetitions of all of it are left out.
	maxRated = 64
	// minWord and maxWord are the lengths of the words that are looked up.
	minWord, maxWord = 3, 20
	// minRun is the shortest row of equal or neighbouring characters.
	minRun = 3
)

// The bits that parts of a password cost whoever guesses it.
const (
	bitsPart      = 3    // to choose what comes next: a word, a row, a repetition
	bitsCharacter = 3.33 // a character that is in no such part: a little, since most are digits
	bitsLeet      = 1    // a word that is written with digits and signs
	bitsRow       = 4    // a row: where it begins, and its direction
	bitsOwn       = 1    // a word of the person's own
)

// guessBits estimates how many guesses a password withstands, as a power of two, by the cheapest division into parts:
// common words and passwords, the person's own words, rows such as "aaaa", "1234" and "qwerty", and single characters.
// The time for it is bounded, whatever the password is: it looks up maxWord words at each of maxRated characters.
func guessBits(password string, own []string) float64 {
	text, times := unrepeated([]rune(strings.ToLower(password)))
	if len(text) > maxRated {
		text = text[:maxRated]
	}
	all, rows := readings(text), rowLengths(text)
	least := make([]float64, len(text)+1) // the bits of what stands before each character
	for i := range text {
		least[i+1] = math.Inf(1)
	}
	reach := func(end int, bits float64) { least[end] = min(least[end], bits) }
	for at := range text {
		reach(at+1, least[at]+bitsCharacter)
		for end := at + minRun; end <= at+rows[at]; end++ {
			reach(end, least[at]+bitsPart+bitsRow)
		}
		for i, r := range all {
			part := least[at] + bitsPart + bitsLeet*float64(min(i, 1))
			for end := at + minWord; end <= min(at+maxWord, len(text)); end++ {
				if rank, found := commonWords()[r.text[r.offsets[at]:r.offsets[end]]]; found {
					reach(end, part+math.Log2(float64(rank)+1))
				}
			}
			for _, word := range own {
				if strings.HasPrefix(r.text[r.offsets[at]:], word) {
					reach(at+utf8.RuneCountInString(word), part+bitsOwn)
				}
			}
		}
	}
	return least[len(text)] + math.Log2(float64(times))
}

// commonWords are the places of words in the lists of passwords that were stolen elsewhere, of frequent words of
// English, and of names. They are read once, when the first password is judged.
var commonWords = sync.OnceValue(func() map[string]uint16 {
	words := make(map[string]uint16, 90_000)
	for _, list := range frequency.FrequencyLists {
		for i, word := range list {
			if len(word) < minWord || len(word) > maxWord {
				continue
			}
			rank := uint16(min(i+1, math.MaxUint16))
			if before, ok := words[word]; !ok || rank < before {
				words[word] = rank
			}
		}
	}
	return words
})

// unrepeated returns the part that a text repeats, and how often: "abcabcab" is "abc", three times. A text that repeats
// nothing is its own part. The border of each beginning of the text (Knuth, Morris, Pratt) shows that in linear time.
func unrepeated(text []rune) (part []rune, times int) {
	if len(text) == 0 {
		return text, 1
	}
	border := make([]int, len(text))
	for i, n := 1, 0; i < len(text); i++ {
		for n > 0 && text[i] != text[n] {
			n = border[n-1]
		}
		if text[i] == text[n] {
			n++
		}
		border[i] = n
	}
	length := len(text) - border[len(text)-1]
	if length*2 > len(text) {
		return text, 1
	}
	return text[:length], (len(text) + length - 1) / length
}

// A reading is a text, and where each of its characters begins; the last offset is its end.
type reading struct {
	text    string
	offsets []int
}

func newReading(text []rune) reading {
	r := reading{text: string(text), offsets: make([]int, 0, len(text)+1)}
	for i := range r.text {
		r.offsets = append(r.offsets, i)
	}
	r.offsets = append(r.offsets, len(r.text))
	return r
}

// readings returns a text as it is, and as its digits and signs are read as letters.
func readings(text []rune) []reading {
	all := []reading{newReading(text)}
	for _, one := range []rune{'i', 'l'} {
		read := make([]rune, len(text))
		for i, r := range text {
			read[i] = letterOf(r, one)
		}
		if !slices.Equal(read, text) {
			all = append(all, newReading(read))
		}
	}
	return all
}

// letterOf returns the letter that people write as a digit, as a sign, or with an accent; any other character as it is.
// A one stands for one of two letters.
func letterOf(r, one rune) rune {
	switch r {
	case '0':
		return 'o'
	case '1', '!', '|':
		return one
	case '3', '€':
		return 'e'
	case '4', '@':
		return 'a'
	case '5', '$':
		return 's'
	case '7', '+':
		return 't'
	}
	return unaccented(r)
}

// unaccented returns the letter without the accents that people put on a common word.
func unaccented(r rune) rune {
	switch r {
	case 'à', 'á', 'â', 'ã', 'ä', 'å':
		return 'a'
	case 'è', 'é', 'ê', 'ë':
		return 'e'
	case 'ì', 'í', 'î', 'ï':
		return 'i'
	case 'ò', 'ó', 'ô', 'õ', 'ö':
		return 'o'
	case 'ù', 'ú', 'û', 'ü':
		return 'u'
	}
	return r
}

// keyRows are characters in the order in which people type them without thinking.
var keyRows = []string{
	"abcdefghijklmnopqrstuvwxyz", "12345678901", "!@#$%^&*()",
	"qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./", "azertyuiop", "qsdfghjklm", "wxcvbn", "qwertzuiop", "yxcvbnm",
	"1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm",
}

// A neighbour is a pair of characters that follow each other in a row, and the direction of the row.
type neighbour struct {
	from, to rune
	forwards bool
}

var neighbours = sync.OnceValue(func() map[neighbour]bool {
	all := make(map[neighbour]bool)
	for _, row := range keyRows {
		runes := []rune(row)
		for i := range runes[1:] {
			all[neighbour{runes[i], runes[i+1], true}] = true
			all[neighbour{runes[i+1], runes[i], false}] = true
		}
	}
	return all
})

// rowLengths returns, for each character, the length of the longest row that begins there: of equal characters, or of
// neighbours in one direction.
func rowLengths(text []rune) []int {
	lengths := make([]int, len(text))
	equal, forwards, backwards := 1, 1, 1
	for i := len(text) - 1; i >= 0; i-- {
		next := func(length int, goesOn bool) int {
			if goesOn {
				return length + 1
			}
			return 1
		}
		if i == len(text)-1 {
			lengths[i] = 1
			continue
		}
		equal = next(equal, text[i] == text[i+1])
		forwards = next(forwards, neighbours()[neighbour{text[i], text[i+1], true}])
		backwards = next(backwards, neighbours()[neighbour{text[i], text[i+1], false}])
		lengths[i] = max(equal, forwards, backwards)
	}
	return lengths
}
