package catalogue

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// entry is a source with the text that is searched.
type entry struct {
	Source
	foldedName string // the name without case and accents
	// text has the words of each of the [wire.SearchFields], and then those of the
	// reference. ends has the end of each field in text.
	text string
	ends [7]int
}

// The indexes of [wire.SearchFields]: first the fields for names, then those for
// places.
const (
	fieldName = iota
	fieldAlias
	fieldAbbreviation
	fieldMedicalCenter
	fieldPractitioner
	fieldCity
	fieldZipCode
)

// field returns the words of one field.
func (e *entry) field(i int) string {
	if i == 0 {
		return e.text[:e.ends[0]]
	}
	return e.text[e.ends[i-1]:e.ends[i]]
}

func newEntry(s Source) *entry {
	e := &entry{Source: s, foldedName: fold(s.Name)}
	e.Title = s.Name
	b := make([]byte, 0, 256)
	for i := range e.ends {
		switch i {
		case fieldName:
			b = appendWords(appendWords(b, s.Name), s.Detail)
			for _, language := range slices.Sorted(maps.Keys(s.Names)) {
				b = appendWords(b, s.Names[language])
			}
		case fieldAlias:
			for _, a := range s.Alias {
				b = appendWords(b, a)
			}
		case fieldAbbreviation:
			b = appendWords(b, s.Abbreviation)
		case fieldMedicalCenter:
			b = appendWords(b, s.MedicalCenter)
		case fieldPractitioner:
			b = appendWords(b, s.Practitioner)
		case fieldCity:
			b = appendWords(b, s.Address.City)
		case fieldZipCode:
			b = appendZipCode(b, s.Address.ZipCode)
		}
		e.ends[i] = len(b)
	}
	e.text = string(appendWords(b, s.Reference))
	return e
}

// setTitles adds the detail to the titles of sources that have the same name at the
// same place. Such sources are next to each other.
func setTitles(entries []*entry) {
	for begin := 0; begin < len(entries); {
		end := begin + 1
		for end < len(entries) && entries[end].sameNameAndPlace(entries[begin]) {
			end++
		}
		for _, e := range entries[begin:end] {
			if end-begin > 1 && e.Detail != "" {
				e.Title = e.Name + " – " + e.Detail
			}
		}
		begin = end
	}
}

func (e *entry) sameNameAndPlace(other *entry) bool {
	return e.foldedName == other.foldedName && e.field(fieldCity) == other.field(fieldCity) &&
		e.field(fieldZipCode) == other.field(fieldZipCode)
}

// compareEntries orders entries by name, place, detail and id.
func compareEntries(a, b *entry) int {
	return cmp.Or(
		strings.Compare(a.foldedName, b.foldedName),
		strings.Compare(a.field(fieldCity), b.field(fieldCity)),
		strings.Compare(a.field(fieldZipCode), b.field(fieldZipCode)),
		strings.Compare(a.Detail, b.Detail),
		cmp.Compare(a.ID, b.ID),
	)
}
