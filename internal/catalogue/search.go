package catalogue

import "github.com/carrelhq/carrel/digime/wire"

// Search returns the answer to a call of discovery/sources. Sources are sorted by name.
//
// If the query has texts for name fields (name, alias and the like), at least one of them
// must match its field. The same holds for place fields (city, postcode).
//
// The error wraps ErrListUnavailable if nothing was found and a list is not available.
func (c *Catalogue) Search(r wire.SourcesRequest) (wire.SourcesAnswer, error) {
	if r.Limit == 0 {
		r.Limit = wire.DefaultLimit
	}
	m := newMatcher(r.Query)
	x := c.currentIndex()
	found, total := x.page(r.Offset, r.Limit, r.Sort.Name == "desc", newTextPattern(r.Query.QueryString), m.matches)
	if total == 0 && x.listErr != nil {
		return wire.SourcesAnswer{}, x.listErr
	}
	in := newIncludeFields(r.Query.Include)
	answer := wire.SourcesAnswer{Data: make([]wire.Source, len(found)), Limit: r.Limit, Offset: r.Offset, Total: total}
	for i, e := range found {
		answer.Data[i] = e.toWire(in)
	}
	return answer, nil
}

// page returns a page of the entries that match a text and a filter, and the number of
// such entries on all pages.
func (x *index) page(offset, limit int, descending bool, text textPattern,
	filter func(*entry) bool,
) (found []*entry, total int) {
	n, at := len(x.entries), func(i int) int { return i }
	if word := x.rarestWord(text); word != "" {
		some := x.entriesWith(word)
		n, at = len(some), func(i int) int { return some[i] }
	}
	for i := range n {
		if descending {
			i = n - 1 - i
		}
		e := &x.entries[at(i)]
		if !filter(e) || !text.matches(e.text) {
			continue
		}
		if total >= offset && len(found) < limit {
			found = append(found, e)
		}
		total++
	}
	return found, total
}
