package catalogue

import (
	"slices"

	"github.com/carrelhq/carrel/digime/wire"
)

// matcher compares entries with a query.
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

	// nameFields and placeFields are the searched fields. An entry must match at least
	// one of each list that is not empty.
	nameFields, placeFields []fieldPattern
}

// fieldPattern is a pattern for one field.
type fieldPattern struct {
	field int
	textPattern
}

func newMatcher(q wire.SourceQuery) *matcher {
	f := q.Filter
	m := &matcher{
		statuses:   f.PublishedStatus,
		ids:        newIDSet(f.ID),
		sourceID:   f.SourceID,
		services:   newIDSet(f.Service.ID),
		countries:  newIDSet(f.Country.ID),
		categories: newIDSet(f.Category.ID),
		platforms:  newIDSet(f.Platform.ID),
		references: newIDSet(f.Reference),
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

// idSet is a set of allowed values; nil allows everything.
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
