package catalogue

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/carrelhq/carrel/internal/wire"
)

// index is all sources as they were when it was built, sorted by name. It is never
// changed.
type index struct {
	entries []entry
	byID    map[int]int
	// heard is what each listing said.
	heard []heard
	// unlisted says that a listing cannot be had, and why.
	unlisted error
}

// heard is what a listing said.
type heard struct {
	list       []Source
	generation uint64
	err        error
}

// entry is a source and what it is found by.
type entry struct {
	Source
	key string // the folded name
	// fields are the words of each of [wire.SearchFields], text is all of them and the
	// reference.
	fields [7]string
	text   string
}

// current is the index of what is listed now. While a new one is built for somebody,
// everybody else gets the old one.
func (c *Catalogue) current() *index {
	old := c.index.Load()
	if old != nil && old.standsFor(c.ask()) {
		return old
	}
	if old == nil {
		c.building.Lock()
	} else if !c.building.TryLock() {
		return old
	}
	defer c.building.Unlock()
	said := c.ask() // again: it may have been a while
	if x := c.index.Load(); x != nil && x.standsFor(said) {
		return x
	}
	x := c.build(said)
	c.index.Store(x)
	return x
}

func (c *Catalogue) ask() []heard {
	said := make([]heard, len(c.listings))
	for i, l := range c.listings {
		said[i].list, said[i].generation, said[i].err = l.Sources()
	}
	return said
}

func (x *index) standsFor(said []heard) bool {
	return slices.EqualFunc(x.heard, said, func(a, b heard) bool {
		return (a.err == nil) == (b.err == nil) && (a.err != nil || a.generation == b.generation)
	})
}

func (c *Catalogue) build(said []heard) *index {
	x := &index{heard: said, byID: map[int]int{}}
	taken := map[int]bool{}
	for _, s := range c.file.sources {
		taken[s.ID] = true
		x.entries = append(x.entries, newEntry(s))
	}
	left := map[string][]Source{}
	for i, h := range said {
		said[i].list = nil // the entries hold it
		if h.err != nil {
			x.unlisted = errors.Join(x.unlisted, h.err)
			continue
		}
		for _, s := range h.list {
			s, why := c.adopt(s, taken)
			if why != "" {
				left[why] = append(left[why], s)
				continue
			}
			taken[s.ID] = true
			x.entries = append(x.entries, newEntry(s))
		}
	}
	for why, list := range left {
		c.log.Warn("listed sources left out", "why", why, "sources", len(list), "id", list[0].ID, "reference", list[0].Reference)
	}
	if x.unlisted != nil {
		x.unlisted = fmt.Errorf("%w: %w", ErrUnlisted, x.unlisted)
	}
	slices.SortFunc(x.entries, func(a, b entry) int {
		return cmp.Or(strings.Compare(a.key, b.key), strings.Compare(a.fields[5], b.fields[5]), strings.Compare(a.fields[6], b.fields[6]),
			strings.Compare(a.Detail, b.Detail), cmp.Compare(a.ID, b.ID))
	})
	for i := range x.entries {
		x.byID[x.entries[i].ID] = i
	}
	tellApart(x.entries)
	return x
}

// adopt makes a listed source one of the catalogue's; why says what speaks against it.
func (c *Catalogue) adopt(s Source, taken map[int]bool) (_ Source, why string) {
	service, ok := c.file.services[s.Service.ID]
	switch {
	case s.ID < FirstListedID:
		return s, "its id is one of those for files"
	case taken[s.ID]:
		return s, "another source has its id"
	case !ok:
		return s, fmt.Sprintf("there is no service %d", s.Service.ID)
	}
	s.Service, s.Dynamic = service, true
	var countries []wire.Country
	for _, k := range s.Countries {
		if i := slices.IndexFunc(c.file.countries, func(have wire.Country) bool { return have.ID == k.ID }); i >= 0 {
			countries = append(countries, c.file.countries[i])
		}
	}
	s.Countries, s.Platforms = countries, c.file.platforms
	return s, ""
}

func newEntry(s Source) entry {
	e := entry{Source: s, key: fold(s.Name)}
	e.Title = s.Name
	var b strings.Builder
	var ends [len(e.fields)]int
	for i := range e.fields {
		switch i {
		case 0:
			addWords(&b, s.Name)
			addWords(&b, s.Detail)
		case 1:
			for _, a := range s.Alias {
				addWords(&b, a)
			}
		case 2:
			addWords(&b, s.Abbreviation)
		case 3:
			addWords(&b, s.MedicalCenter)
		case 4:
			addWords(&b, s.Practitioner)
		case 5:
			addWords(&b, s.Address.City)
		case 6:
			addZipCode(&b, s.Address.ZipCode)
		}
		ends[i] = b.Len()
	}
	addWords(&b, s.Reference)
	e.text = b.String()
	begin := 0
	for i, end := range ends {
		e.fields[i], begin = e.text[begin:end], end
	}
	return e
}

// tellApart gives sources that have the same name at the same place a title with their
// detail. They stand next to each other.
func tellApart(entries []entry) {
	for begin := 0; begin < len(entries); {
		end := begin + 1
		for end < len(entries) && entries[end].samePlace(&entries[begin]) {
			end++
		}
		for i := begin; i < end && end-begin > 1; i++ {
			if e := &entries[i]; e.Detail != "" {
				e.Title = e.Name + " – " + e.Detail
			}
		}
		begin = end
	}
}

func (e *entry) samePlace(other *entry) bool {
	return e.key == other.key && e.fields[5] == other.fields[5] && e.fields[6] == other.fields[6]
}
