package fhir

import "iter"

// hasBSNNumber reports whether a text has nine digits that pass the eleven test.
func hasBSNNumber(text []byte) bool {
	for range bsnNumbers(text) {
		return true
	}
	return false
}

// A span is a part of a text.
type span struct{ start, end int }

// bsnNumbers lists the groups of nine digits that pass the eleven test. The digits may
// have separators between them, and other numbers may come before and after the group.
func bsnNumbers(text []byte) iter.Seq[span] {
	return func(yield func(span) bool) {
		for k := 0; k < len(text); k++ {
			if !isDigit(text[k]) || k > 0 && isDigit(text[k-1]) {
				continue
			}
			if end, ok := readBSNNumber(text[k:]); ok && !yield(span{k, k + end}) {
				return
			}
		}
	}
}

// readBSNNumber reads nine digits at the start of a text and returns their end.
func readBSNNumber(text []byte) (end int, ok bool) {
	var digits [9]int
	n, between := 0, 0
	for k, b := range text {
		switch {
		case isDigit(b):
			digits[n] = int(b - '0')
			n, between = n+1, 0
			if n == len(digits) {
				end = k + 1
				return end, (end == len(text) || !isDigit(text[end])) && passesElevenTest(digits)
			}
		case between < 3 && (b == '.' || b == ' ' || b == '-' || b == '_' || b == '/'):
			between++
		default:
			return 0, false
		}
	}
	return 0, false
}

// passesElevenTest reports whether 9a+8b+…+2h-i is a multiple of eleven, the check
// digit rule of a BSN.
func passesElevenTest(d [9]int) bool {
	sum, all := -d[8], 0
	for k := range 8 {
		sum += (9 - k) * d[k]
		all += d[k]
	}
	return sum%11 == 0 && all > 0
}

// hasLabelledNumber reports whether a normalized text has a label near a BSN.
func hasLabelledNumber(text []byte) bool {
	const near = 48
	last, next := span{}, nextLabel(text, 0)
	if next.end == 0 {
		return false
	}
	seen := false
	for number := range bsnNumbers(text) {
		for next.end > 0 && next.start <= number.end+near {
			last, seen = next, true
			next = nextLabel(text, next.end)
		}
		if seen && last.end+near >= number.start {
			return true
		}
	}
	return false
}
