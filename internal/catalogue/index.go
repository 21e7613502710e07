package catalogue

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
)

// index is all sources as they were when it was built, sorted by name. It is never
// changed.
type index struct {
	entries []entry
	byID    map[int]int
	// text is the text of all entries, one after the other, each ended by a line break.
	text string
	// ends are where each ends in it.
	ends []int
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
	// text is the words of all that a source is found by: first of each of
	// [wire.SearchFields], up to its end, then of the reference.
	text string
	ends [7]int
}

// The places of [wire.SearchFields]. Those from city on say where, the others who.
const (
	name = iota
	alias
	abbreviation
	medicalCenter
	practitioner
	city
	zipCode
)

// field is the words of one field.
func (e *entry) field(i int) string {
	if i == 0 {
		return e.text[:e.ends[0]]
	}
	return e.text[e.ends[i-1]:e.ends[i]]
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
	x := &index{heard: said}
	taken := map[int]delivery.ProviderKey{}
	var entries []*entry
	for _, s := range c.file.sources {
		taken[s.ID] = s.Provider
		entries = append(entries, newEntry(s))
	}
	left := map[string][]Source{}
	for i, h := range said {
		said[i].list = nil // the entries hold it
		if h.err != nil {
			x.unlisted = errors.Join(x.unlisted, h.err)
			continue
		}
		for _, s := range h.list {
			if p, there := taken[s.ID]; there && p == s.Provider {
				continue // the file says more of it
			}
			s, why := c.adopt(s, taken)
			if why != "" {
				left[why] = append(left[why], s)
				continue
			}
			taken[s.ID] = s.Provider
			entries = append(entries, newEntry(s))
		}
	}
	for why, list := range left {
		c.log.Warn("listed sources left out", "why", why, "sources", len(list), "id", list[0].ID, "reference", list[0].Reference)
	}
	if x.unlisted != nil {
		x.unlisted = fmt.Errorf("%w: %w", ErrUnlisted, x.unlisted)
	}
	slices.SortFunc(entries, func(a, b *entry) int {
		return cmp.Or(strings.Compare(a.key, b.key), strings.Compare(a.field(city), b.field(city)), strings.Compare(a.field(zipCode), b.field(zipCode)),
			strings.Compare(a.Detail, b.Detail), cmp.Compare(a.ID, b.ID))
	})
	tellApart(entries)
	x.arrange(entries)
	return x
}

// arrange lays the entries side by side, since a search goes through all of them.
func (x *index) arrange(sorted []*entry) {
	size := 0
	for _, e := range sorted {
		size += len(e.text) + 1
	}
	var b strings.Builder
	b.Grow(size)
	x.entries, x.ends, x.byID = make([]entry, len(sorted)), make([]int, len(sorted)), make(map[int]int, len(sorted))
	for i, e := range sorted {
		b.WriteString(e.text)
		b.WriteByte('\n')
		x.entries[i], x.ends[i], x.byID[e.ID] = *e, b.Len(), i
	}
	x.text = b.String()
	begin := 0
	for i, end := range x.ends {
		x.entries[i].text, begin = x.text[begin:end-1], end
	}
}

// sample is how much of the text suffices to tell how rare a word is.
const sample = 64 << 10

// rarest is the word of a pattern that the fewest entries have; empty if there is none
// that must be there as it is.
func (x *index) rarest(p pattern) (word string) {
	some, fewest := x.text[:min(sample, len(x.text))], 0
	for _, t := range p {
		if t.joined != "" {
			continue
		}
		if n := strings.Count(some, t.word); word == "" || n < fewest {
			word, fewest = t.word, n
		}
	}
	return word
}

// having are the entries, by their number, in whose text something stands. It is
// looked for in all texts at once, which is several times as fast as in each.
func (x *index) having(what string) (found []int) {
	for i, begin := 0, 0; i < len(x.ends); {
		at := strings.Index(x.text[begin:], what)
		if at < 0 {
			return found
		}
		if at += begin; at >= x.ends[i] {
			next, _ := slices.BinarySearch(x.ends[i:], at+1)
			i += next
		}
		found = append(found, i)
		begin = x.ends[i]
		i++
	}
	return found
}

// adopt makes a listed source one of the catalogue's; why says what speaks against it.
func (c *Catalogue) adopt(s Source, taken map[int]delivery.ProviderKey) (_ Source, why string) {
	service, ok := c.file.services[s.Service.ID]
	_, there := taken[s.ID]
	switch {
	case s.ID < FirstOwnID:
		return s, "its id is one of those of digi.me"
	case there:
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

func newEntry(s Source) *entry {
	e := &entry{Source: s, key: fold(s.Name)}
	e.Title = s.Name
	b := make([]byte, 0, 256)
	for i := range e.ends {
		switch i {
		case name:
			b = appendWords(appendWords(b, s.Name), s.Detail)
		case alias:
			for _, a := range s.Alias {
				b = appendWords(b, a)
			}
		case abbreviation:
			b = appendWords(b, s.Abbreviation)
		case medicalCenter:
			b = appendWords(b, s.MedicalCenter)
		case practitioner:
			b = appendWords(b, s.Practitioner)
		case city:
			b = appendWords(b, s.Address.City)
		case zipCode:
			b = appendZipCode(b, s.Address.ZipCode)
		}
		e.ends[i] = len(b)
	}
	e.text = string(appendWords(b, s.Reference))
	return e
}

// tellApart gives sources that have the same name at the same place a title with their
// detail. They stand next to each other.
func tellApart(entries []*entry) {
	for begin := 0; begin < len(entries); {
		end := begin + 1
		for end < len(entries) && entries[end].samePlace(entries[begin]) {
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

func (e *entry) samePlace(other *entry) bool {
	return e.key == other.key && e.field(city) == other.field(city) && e.field(zipCode) == other.field(zipCode)
}
