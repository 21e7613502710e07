package catalogue

import (
	"slices"
	"strings"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/sampledata"
)

// ConnectQuery selects sources for the page on which a person chooses what to connect.
type ConnectQuery struct {
	// Push selects sources that data can be sent to; otherwise those that data can be
	// collected from.
	Push bool
	// Text is what the person typed; empty selects everything.
	Text string
	// Kinds are the words for types of organisation that the page shows. A word of Text may also be the beginning of
	// one of the words for the source's type.
	Kinds map[string]string
	// DataTypes and OrganizationType, if not empty, select the sources of that type
	// with at least one of the data types.
	DataTypes        []string
	OrganizationType string
	// Sample, if it is not nil, selects the sources that can be connected with sample data by
	// this query instead. Its scope counts beside the fields above.
	Sample *delivery.SampleQuery
	// Offset and Limit select the page; a limit of 0 means [wire.DefaultLimit].
	Offset, Limit int
}

// ListConnectable returns a page of the sources that a person can connect now, sorted
// by name, and their number on all pages. The error wraps ErrListUnavailable if nothing
// was found and a list is not available.
func (c *Catalogue) ListConnectable(q ConnectQuery) (found []Source, total int, err error) {
	if q.Limit <= 0 {
		q.Limit = wire.DefaultLimit
	}
	if runes := []rune(q.Text); len(runes) > wire.MaxText {
		q.Text = string(runes[:wire.MaxText])
	}
	p := newTextPattern(q.Text)
	if len(p) == 0 && strings.TrimSpace(q.Text) != "" {
		p = textPattern{{word: "\x00"}} // no name has a text without letters and digits
	}
	x := c.currentIndex()
	p, isOfKinds := q.kindPattern(p)
	page, total := x.page(max(q.Offset, 0), q.Limit, false, p, func(e *entry) bool {
		return isOfKinds(e) && q.Selects(&e.Source)
	})
	if total == 0 && x.listErr != nil {
		return nil, 0, x.listErr
	}
	for _, e := range page {
		found = append(found, e.Source)
	}
	return found, total, nil
}

// kindPattern takes the words from a pattern that may say of which kind a source is. It returns the others, and whether
// an entry has each of those words in its text or in the words for its kind.
func (q ConnectQuery) kindPattern(p textPattern) (others textPattern, matches func(*entry) bool) {
	kinds := make(map[string]string, len(q.Kinds))
	for kind, words := range q.Kinds {
		kinds[kind] = string(appendWords(nil, words))
	}
	var ofKinds textPattern
	for _, w := range p {
		isKind := false
		for _, words := range kinds {
			isKind = isKind || strings.Contains(words, w.word)
		}
		if isKind {
			ofKinds = append(ofKinds, w)
		} else {
			others = append(others, w)
		}
	}
	return others, func(e *entry) bool {
		return !slices.ContainsFunc(ofKinds, func(w patternWord) bool {
			one := textPattern{w}
			return !one.matches(e.text) && !one.matches(kinds[e.OrganizationType])
		})
	}
}

// Selects reports whether the query selects a source, whatever its text is.
func (q ConnectQuery) Selects(s *Source) bool {
	if !s.Matches(q.DataTypes, q.OrganizationType) {
		return false
	}
	if q.Sample != nil {
		return s.choosable(*q.Sample)
	}
	return (q.Push && s.Push || !q.Push && s.Pull) && s.Connectable()
}

// sampleSet returns the set of sample data that a source is connected with by a query; ok is
// false if it cannot be.
func (s *Source) sampleSet(q delivery.SampleQuery) (set string, ok bool) {
	if set = q.Set; set == "" && s.Status == wire.SampleDataOnly {
		set = "default"
	}
	_, has := sampledata.Find(s.SampleData, set)
	return set, has && s.Pull && s.HasSampleData() && s.inScope(q)
}

// inScope reports whether a query includes the source, and something that it has.
func (s *Source) inScope(q delivery.SampleQuery) bool {
	return s.Matches(q.Scope.DataTypes, q.Scope.OrganizationType) &&
		library.CoversService(q.Services, s.Service.Category.ID, s.Service.ID, s.objectTypes())
}

// objectTypes are the ids of the types of the objects in the source's sample data; nil if it has none.
func (s *Source) objectTypes() (ids []int) {
	for _, t := range sampledata.ObjectTypes(s.SampleData) {
		ids = append(ids, t.ID)
	}
	return ids
}

// choosable reports whether a person can choose the source by a query.
func (s *Source) choosable(q delivery.SampleQuery) bool {
	_, ok := s.sampleSet(q)
	return ok && (q.OnlySamples || s.Status != wire.SampleDataOnly)
}

// HasSampleSources reports whether a person can choose a source by the query. A list
// that is not available now has none: those are of providers. It implements [delivery.SampleCatalogue].
func (c *Catalogue) HasSampleSources(q delivery.SampleQuery) (bool, error) {
	return c.hasAny(ConnectQuery{Sample: &q}), nil
}

// HasPushSources reports whether a person can connect a source to which data can be sent, or
// whether a list that is not available now may have such a source. It implements [delivery.Catalogue].
func (c *Catalogue) HasPushSources() (bool, error) {
	return c.hasAny(ConnectQuery{Push: true}) || c.currentIndex().listErr != nil, nil
}

// hasAny reports whether the query selects any source.
func (c *Catalogue) hasAny(q ConnectQuery) bool {
	return slices.ContainsFunc(c.currentIndex().entries, func(e entry) bool { return q.Selects(&e.Source) })
}
