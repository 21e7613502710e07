package fhir

import (
	"bytes"
	"slices"
	"unicode"
	"unicode/utf8"
)

// findDuplicates records the members of an object that have the name of an earlier
// member. n is the number of its members.
func (d *document) findDuplicates(i uint32, n int) {
	if n > 32 {
		d.findDuplicatesByMap(i, n)
		return
	}
	end := uint32(len(d.nodes))
	for b := d.nodes[i+1].next; b < end; b = d.nodes[b].next {
		h := d.nodes[b].hash
		for a := i + 1; a < b; a = d.nodes[a].next {
			if d.nodes[a].hash == h && bytes.EqualFold(d.name(a), d.name(b)) {
				d.addDuplicate(b)
				break
			}
		}
	}
}

func (d *document) findDuplicatesByMap(i uint32, n int) {
	seen := make(map[string]bool, n)
	end := uint32(len(d.nodes))
	for m := i + 1; m < end; m = d.nodes[m].next {
		name := string(foldCase(d.name(m)))
		if seen[name] {
			d.addDuplicate(m)
		}
		seen[name] = true
	}
}

func (d *document) addDuplicate(m uint32) {
	if len(d.duplicates) <= maxIssues {
		d.duplicates = append(d.duplicates, m)
	}
}

// foldedHash returns the FNV-1a hash of a name without regard to case.
func foldedHash(name []byte) uint32 {
	if slices.ContainsFunc(name, func(c byte) bool { return c >= utf8.RuneSelf }) {
		name = foldCase(name)
	}
	h := uint32(2166136261)
	for _, c := range name {
		if isUpper(c) {
			c |= 0x20
		}
		h = (h ^ uint32(c)) * 16777619
	}
	return h
}

// foldCase returns a name without regard to case, as bytes.EqualFold does: each
// character becomes the lowest of those that differ only in case, and ASCII letters
// become lower case.
func foldCase(name []byte) []byte {
	return bytes.Map(func(r rune) rune {
		low := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			low = min(low, next)
		}
		if 'A' <= low && low <= 'Z' {
			low |= 0x20
		}
		return low
	}, name)
}
