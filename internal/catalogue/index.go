package catalogue

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
)

// index has all sources, sorted by name. It is not modified after it is built.
type index struct {
	entries []entry
	byID    map[int]int
	// byTitle has the sources with a translated name.
	byTitle map[string]int
	// text is the text of all entries, with a line break after each.
	text string
	// ends has the end of each entry in text, after the line break.
	ends []int
	// results has the result of each lister that the index was built from.
	results []listResult
	// listErr is set if a list is not available.
	listErr error
}

// listResult is the result of a lister.
type listResult struct {
	list       []Source
	generation uint64
	err        error
}

// currentIndex returns the index of the current lists. While one caller builds a new
// index, the others get the old one.
func (c *Catalogue) currentIndex() *index {
	old := c.index.Load()
	if old != nil && old.builtFrom(c.listSources()) {
		return old
	}
	if old == nil {
		c.buildMu.Lock()
	} else if !c.buildMu.TryLock() {
		return old
	}
	defer c.buildMu.Unlock()
	results := c.listSources() // again, since it may have taken long to get the lock
	if x := c.index.Load(); x != nil && x.builtFrom(results) {
		return x
	}
	x := c.buildIndex(results)
	c.index.Store(x)
	return x
}

func (c *Catalogue) listSources() []listResult {
	results := make([]listResult, len(c.listers))
	for i, l := range c.listers {
		results[i].list, results[i].generation, results[i].err = l.ListSources()
	}
	return results
}

// builtFrom reports whether the lists have not changed since the index was built.
func (x *index) builtFrom(results []listResult) bool {
	return slices.EqualFunc(x.results, results, func(a, b listResult) bool {
		return (a.err == nil) == (b.err == nil) && (a.err != nil || a.generation == b.generation)
	})
}

func (c *Catalogue) buildIndex(results []listResult) *index {
	x := &index{results: results}
	providers := map[int]delivery.ProviderKey{}
	var entries []*entry
	for _, s := range c.file.sources {
		providers[s.ID] = s.Provider
		entries = append(entries, newEntry(s))
	}
	omitted := map[string][]Source{}
	for i, h := range results {
		results[i].list = nil // the entries have them
		if h.err != nil {
			x.listErr = errors.Join(x.listErr, h.err)
			continue
		}
		for _, s := range h.list {
			if p, ok := providers[s.ID]; ok && p == s.Provider {
				continue // the file has the source too, and describes it better
			}
			s, reason := c.completeListed(s, providers)
			if reason != "" {
				omitted[reason] = append(omitted[reason], s)
				continue
			}
			providers[s.ID] = s.Provider
			entries = append(entries, newEntry(s))
		}
	}
	for reason, list := range omitted {
		c.log.Warn("listed sources left out", "why", reason, "sources", len(list),
			"id", list[0].ID, "reference", list[0].Reference)
	}
	if x.listErr != nil {
		x.listErr = fmt.Errorf("%w: %w", ErrListUnavailable, x.listErr)
	}
	slices.SortFunc(entries, compareEntries)
	setTitles(entries)
	x.layOut(entries)
	return x
}

// layOut moves the text of all entries into one string, since a search reads all of it.
func (x *index) layOut(sorted []*entry) {
	size := 0
	for _, e := range sorted {
		size += len(e.text) + 1
	}
	var b strings.Builder
	b.Grow(size)
	x.entries, x.ends, x.byID = make([]entry, len(sorted)), make([]int, len(sorted)), make(map[int]int, len(sorted))
	x.byTitle = map[string]int{}
	for i, e := range sorted {
		b.WriteString(e.text)
		b.WriteByte('\n')
		x.entries[i], x.ends[i], x.byID[e.ID] = *e, b.Len(), i
		if _, has := x.byTitle[e.Title]; !has && len(e.Names) > 0 {
			x.byTitle[e.Title] = i
		}
	}
	x.text = b.String()
	begin := 0
	for i, end := range x.ends {
		x.entries[i].text, begin = x.text[begin:end-1], end
	}
}

// rarestSample is the length of the text in which the occurrences of a word are counted.
const rarestSample = 64 << 10

// rarestWord returns the word of a pattern that occurs least often, by an estimate. It
// returns "" if no word of the pattern has to occur unchanged.
func (x *index) rarestWord(p textPattern) (word string) {
	some, fewest := x.text[:min(rarestSample, len(x.text))], 0
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

// entriesWith returns the indexes of the entries whose text contains a word. It
// searches the text of all entries at once, which is several times as fast as searching
// each.
func (x *index) entriesWith(what string) (found []int) {
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

// completeListed fills in the service, countries and platforms of a listed source. If the
// source must be left out, reason is not empty.
func (c *Catalogue) completeListed(s Source, providers map[int]delivery.ProviderKey) (_ Source, reason string) {
	service, ok := c.file.services[s.Service.ID]
	_, duplicate := providers[s.ID]
	switch {
	case s.ID < FirstOwnID:
		return s, "its id is one of those of digi.me"
	case duplicate:
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
