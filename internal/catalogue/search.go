package catalogue

import (
	"slices"
	"strings"

	"github.com/carrelhq/carrel/digime/wire"
)

// Search answers discovery/sources. The error wraps ErrListUnavailable if nothing was found
// and a listing cannot be had; where something was found, that has to do.
//
// Sources come by name. Of the fields that are searched, those that say who (name,
// alias and the like) have to fit in one text of one of them, and so have those that
// say where (city, postcode).
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

// page looks through all entries that may fit a text and returns one page of those
// that fit altogether, and how many there are.
func (x *index) page(offset, limit int, descending bool, text textPattern, fits func(*entry) bool) (found []*entry,
	total int) {
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
		if !fits(e) || !text.matches(e.text) {
			continue
		}
		if total >= offset && len(found) < limit {
			found = append(found, e)
		}
		total++
	}
	return found, total
}

// matcher is a query, ready to be held against each entry.
type matcher struct {
	statuses   []wire.PublishedStatus
	pull, push bool
	ids        idSet[int]
	sourceID   int
	services   idSet[int]
	countries  idSet[int]
	categories idSet[int]
	platforms  idSet[int]
	references idSet[string]
	aliases    idSet[string]

	// who and where are the searched fields; of each that is not empty one has to fit.
	nameFields, placeFields []fieldPattern
}

type fieldPattern struct {
	field int
	textPattern
}

func newMatcher(q wire.SourceQuery) *matcher {
	f := q.Filter
	m := &matcher{
		statuses: f.PublishedStatus, ids: newIDSet(f.ID), sourceID: f.SourceID, services: newIDSet(f.Service.ID),
		countries:  newIDSet(f.Country.ID),
		categories: newIDSet(f.Category.ID), platforms: newIDSet(f.Platform.ID), references: newIDSet(f.Reference),
	}
	if len(m.statuses) == 0 {
		m.statuses = []wire.PublishedStatus{wire.Approved}
	}
	m.pull = len(f.Type.ID) == 0 || slices.Contains(f.Type.ID, wire.TypePull)
	m.push = slices.Contains(f.Type.ID, wire.TypePush)
	for _, a := range f.Alias {
		if m.aliases == nil {
			m.aliases = idSet[string]{}
		}
		m.aliases[fold(a)] = true
	}
	for i, field := range wire.SearchFields {
		for _, text := range q.Search[field] {
			if p := newTextPattern(text); len(p) == 0 {
				continue
			} else if i < fieldCity {
				m.nameFields = append(m.nameFields, fieldPattern{i, p})
			} else {
				m.placeFields = append(m.placeFields, fieldPattern{i, p})
			}
		}
	}
	return m
}

func (m *matcher) matches(e *entry) bool {
	return (m.pull && e.Pull || m.push && e.Push) &&
		slices.Contains(m.statuses, e.Status) &&
		m.ids.allows(e.ID) && (m.sourceID == 0 || m.sourceID == e.ID) &&
		m.services.allows(e.Service.ID) && m.categories.allows(e.Service.Category.ID) &&
		m.references.allows(e.Reference) &&
		(m.countries == nil ||
			slices.ContainsFunc(e.Countries, func(k wire.Country) bool { return m.countries[k.ID] })) &&
		(m.platforms == nil ||
			slices.ContainsFunc(e.Platforms, func(k wire.Platform) bool { return m.platforms[k.ID] })) &&
		(m.aliases == nil || slices.ContainsFunc(e.Alias, func(a string) bool { return m.aliases[fold(a)] })) &&
		anyMatches(m.nameFields, e) && anyMatches(m.placeFields, e)
}

func anyMatches(patterns []fieldPattern, e *entry) bool {
	return len(patterns) == 0 ||
		slices.ContainsFunc(patterns, func(p fieldPattern) bool { return p.matches(e.field(p.field)) })
}

// idSet is what is let through; nil is everything.
type idSet[T comparable] map[T]bool

func newIDSet[T comparable](list []T) idSet[T] {
	if len(list) == 0 {
		return nil
	}
	s := make(idSet[T], len(list))
	for _, v := range list {
		s[v] = true
	}
	return s
}

func (s idSet[T]) allows(v T) bool { return s == nil || s[v] }

// ConnectQuery is a search of the page where a person chooses what to connect.
type ConnectQuery struct {
	// Push asks for what can be sent to, otherwise for what can be collected from.
	Push bool
	// Text is what the person typed; empty for everything.
	Text string
	// DataTypes and OrganizationType narrow the choice if they are not empty: to sources
	// of that type that have one of the data types.
	DataTypes        []string
	OrganizationType string
	// Samples adds what can only be connected with sample data.
	Samples bool
	// Offset and Limit choose the page; a limit of 0 means [wire.DefaultLimit].
	Offset, Limit int
}

// Choose finds what a person can connect now, by name, and how much there is of it on
// all pages. The error wraps ErrListUnavailable if nothing was found and a listing cannot be
// had.
func (c *Catalogue) ListConnectable(q ConnectQuery) (found []Source, total int, err error) {
	if q.Limit <= 0 {
		q.Limit = wire.DefaultLimit
	}
	if runes := []rune(q.Text); len(runes) > wire.MaxText {
		q.Text = string(runes[:wire.MaxText])
	}
	p := newTextPattern(q.Text)
	if len(p) == 0 && strings.TrimSpace(q.Text) != "" {
		p = textPattern{{word: "\x00"}} // signs alone are in no name
	}
	x := c.currentIndex()
	page, total := x.page(max(q.Offset, 0), q.Limit, false, p, func(e *entry) bool {
		return (q.Push && e.Push || !q.Push && e.Pull) &&
			(e.Connectable() || q.Samples && e.HasSampleData()) &&
			e.Matches(q.DataTypes, q.OrganizationType)
	})
	if total == 0 && x.listErr != nil {
		return nil, 0, x.listErr
	}
	for _, e := range page {
		found = append(found, e.Source)
	}
	return found, total, nil
}
