package digimetest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
)

// defaultSources are a hospital to read from and a practice to push to.
func defaultSources() []digime.Source {
	source := func(id digime.SourceID, name string, number int, kind digime.SourceType) digime.Source {
		return digime.Source{
			ID: id, Name: name, Status: digime.SourceApproved, Onboardable: true,
			Service:    digime.Service{ID: 900001, Name: "FHIR", Status: digime.SourceApproved},
			Categories: []digime.Category{{ID: 2, Name: "Medical"}},
			Countries:  []digime.Country{{ID: 528, Name: "Netherlands", Code: "nl"}},
			Platforms:  []digime.Platform{{ID: 900001, Name: "Web"}},
			Types:      []digime.SourceTypeInfo{{ID: number, Name: string(kind), Reference: kind}},
		}
	}
	return []digime.Source{
		source(900101, "Test hospital", wire.TypePull, digime.SourcePull),
		source(900201, "Test practice", wire.TypePush, digime.SourcePush),
	}
}

// listSources searches the text in the names, and selects by id and type. It ignores the other filters.
func (l *Library) listSources(w http.ResponseWriter, r *http.Request, _ caller) error {
	var q wire.SourcesRequest
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		return validation("sources")
	}
	f := q.Query.Filter
	found := []digime.Source{}
	l.mu.Lock()
	for _, s := range l.sources {
		byType := slices.ContainsFunc(s.Types, func(t digime.SourceTypeInfo) bool {
			return slices.Contains(f.Type.ID, t.ID)
		})
		if strings.Contains(strings.ToLower(s.Name), strings.ToLower(q.Query.QueryString)) &&
			(len(f.ID) == 0 || slices.Contains(f.ID, int(s.ID))) && (byType || len(s.Types) == 0) {
			found = append(found, s)
		}
	}
	l.mu.Unlock()
	total := len(found)
	found = found[min(q.Offset, total):]
	if q.Limit == 0 {
		q.Limit = wire.DefaultLimit
	}
	return writeJSON(w, http.StatusOK, map[string]any{
		"data": found[:min(q.Limit, len(found))], "limit": q.Limit, "offset": q.Offset, "total": total,
	})
}

func (l *Library) listCategories(w http.ResponseWriter, _ *http.Request, _ caller) error {
	return writeParts(w, l, func(s digime.Source) []digime.Category { return s.Categories },
		func(c digime.Category) digime.CategoryID { return c.ID })
}

func (l *Library) listCountries(w http.ResponseWriter, _ *http.Request, _ caller) error {
	return writeParts(w, l, func(s digime.Source) []digime.Country { return s.Countries },
		func(c digime.Country) digime.CountryID { return c.ID })
}

func (l *Library) listPlatforms(w http.ResponseWriter, _ *http.Request, _ caller) error {
	return writeParts(w, l, func(s digime.Source) []digime.Platform { return s.Platforms },
		func(p digime.Platform) digime.PlatformID { return p.ID })
}

// writeParts answers with a part of all sources, each of them once.
func writeParts[T any, ID comparable](
	w http.ResponseWriter, l *Library, parts func(digime.Source) []T, id func(T) ID,
) error {
	seen := map[ID]bool{}
	list := []T{}
	l.mu.Lock()
	for _, s := range l.sources {
		for _, part := range parts(s) {
			if !seen[id(part)] {
				seen[id(part)] = true
				list = append(list, part)
			}
		}
	}
	l.mu.Unlock()
	return writeJSON(w, http.StatusOK, map[string]any{"data": list})
}

// listSampleDataSets answers with one set for each source.
func (l *Library) listSampleDataSets(w http.ResponseWriter, r *http.Request, _ caller) error {
	id, err := strconv.Atoi(r.PathValue("source"))
	if err != nil {
		return validation("source")
	}
	l.mu.Lock()
	known := slices.ContainsFunc(l.sources, func(s digime.Source) bool { return s.ID == digime.SourceID(id) })
	l.mu.Unlock()
	if !known {
		return notFound("Source")
	}
	return writeJSON(w, http.StatusOK, map[string]digime.SampleDataSet{"default": {Name: "default"}})
}
