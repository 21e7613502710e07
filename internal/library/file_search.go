package library

import (
	"slices"
	"strings"
)

// searchBounds bound what is looked at for one page of a search, so that its cost does not grow with the library. The
// files that follow are for the next page.
type searchBounds struct {
	rows  int
	bytes int // of metadata
	// batch is how many files are read from the store at a time.
	batch int
}

var defaultSearchBounds = searchBounds{rows: 2000, bytes: 8 << 20, batch: 250}

// decodeCost is how many times as long it takes to decode metadata as to read and compare it.
const decodeCost = 8

// fileSearch searches files for a text.
type fileSearch struct{ text string } // in lower case

// newFileSearch returns nil for an empty text, which all files have.
func newFileSearch(text string) *fileSearch {
	if text = strings.ToLower(strings.TrimSpace(text)); text == "" {
		return nil
	}
	return &fileSearch{text}
}

// spent reports whether nothing is left of the bounds.
func (b searchBounds) spent() bool { return b.rows <= 0 || b.bytes <= 0 }

// examine reports whether a file has the text, and returns the file decoded if it has. It decodes only the metadata
// that may have it, and takes what that costs from the bounds.
func (s *fileSearch) examine(file File, left *searchBounds) (File, bool) {
	left.rows--
	left.bytes -= len(file.MetadataJSON)
	if !s.mayBeIn(file.MetadataJSON) {
		return file, false
	}
	left.bytes -= decodeCost * len(file.MetadataJSON)
	file = file.Decoded()
	return file, s.isIn(file)
}

// mayBeIn reports whether a file with the encoded metadata can have the text. Without a backslash and without
// characters that are not shown, each string of the JSON is there as it is shown.
func (s *fileSearch) mayBeIn(metadata string) bool {
	return strings.Contains(metadata, `\`) || strings.Contains(strings.ToLower(metadata), s.text) ||
		strings.ContainsFunc(metadata, isNotShown)
}

func (s *fileSearch) isIn(file File) bool {
	contains := func(t string) bool {
		return strings.Contains(strings.ToLower(t), s.text) || strings.Contains(strings.ToLower(shown(t)), s.text)
	}
	return contains(file.Metadata.MIMEType) || slices.ContainsFunc(file.Metadata.Reference, contains) ||
		slices.ContainsFunc(file.Metadata.Tags, contains)
}
