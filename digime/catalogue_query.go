package digime

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strconv"

	"github.com/carrelhq/carrel/digime/wire"
)

// SourcesQuery selects sources. The zero value selects the approved sources that data can be read from.
type SourcesQuery struct {
	// Text is searched in everything that a source can be found by. A source matches if each word of Text is the
	// start of a word there.
	Text string
	// Search searches in single fields.
	Search SourcesSearch

	// Types are the types of sources. The default is [SourcePull].
	Types []SourceType
	// Statuses are the statuses of sources. The default is [SourceApproved].
	Statuses []PublishedStatus
	// IDs selects these sources only.
	IDs []SourceID
	// Services selects the sources of these services.
	Services []ServiceID
	// Countries selects the sources in at least one of these countries.
	Countries []CountryID
	// Categories selects the sources in at least one of these categories.
	Categories []CategoryID
	// Platforms selects the sources that can be connected on at least one of these platforms.
	Platforms []PlatformID
	// References selects the sources with one of these references.
	References []string
	// Aliases selects the sources with one of these further names.
	Aliases []string

	// Descending sorts by name in the reverse order.
	Descending bool
	// Include names the fields to return, such as "reference" or "service.name". The default is all fields. Some are
	// always returned.
	Include []string
	// Limit is the number of sources on a page, at most 1000. The default is that of the server, 20.
	Limit int
	// Offset is the number of sources to skip.
	Offset int
}

// SourcesSearch searches in single fields of a source. A field matches if it matches one of its texts. A source matches
// if City or ZipCode matches, where they are set, and one of the other fields, where they are set.
type SourcesSearch struct {
	// Name is searched in the name.
	Name []string
	// Alias is searched in the further names.
	Alias []string
	// Abbreviation is searched in the short names.
	Abbreviation []string
	// MedicalCenter is searched in the names of medical centres.
	MedicalCenter []string
	// Practitioner is searched in the names of people.
	Practitioner []string
	// City is searched in the cities of the addresses.
	City []string
	// ZipCode is searched in the postal codes of the addresses.
	ZipCode []string
}

func (q SourcesQuery) wire() wire.SourcesRequest {
	r := wire.SourcesRequest{
		Limit: q.Limit, Offset: q.Offset, Sort: wire.SourceSort{Name: "asc"},
		Query: wire.SourceQuery{
			QueryString: q.Text, Include: q.Include,
			Filter: wire.SourceFilter{
				ID:              convertNumbers[int](q.IDs),
				PublishedStatus: convertTexts[wire.PublishedStatus](q.Statuses),
				Service:         wire.IDFilter{ID: convertNumbers[int](q.Services)},
				Country:         wire.IDFilter{ID: convertNumbers[int](q.Countries)},
				Category:        wire.IDFilter{ID: convertNumbers[int](q.Categories)},
				Platform:        wire.IDFilter{ID: convertNumbers[int](q.Platforms)},
				Reference:       q.References, Alias: q.Aliases,
			},
		},
	}
	if q.Descending {
		r.Sort.Name = "desc"
	}
	f := &r.Query.Filter
	if len(f.PublishedStatus) == 0 {
		f.PublishedStatus = []wire.PublishedStatus{wire.Approved}
	}
	if len(q.Types) == 0 || slices.Contains(q.Types, SourcePull) {
		f.Type.ID = append(f.Type.ID, wire.TypePull)
	}
	if slices.Contains(q.Types, SourcePush) {
		f.Type.ID = append(f.Type.ID, wire.TypePush)
	}
	r.Query.Search = q.Search.wire()
	return r
}

func (s SourcesSearch) wire() map[string][]string {
	var fields map[string][]string
	for i, texts := range [][]string{
		s.Name, s.Alias, s.Abbreviation, s.MedicalCenter, s.Practitioner, s.City, s.ZipCode, // as wire.SearchFields
	} {
		if len(texts) == 0 {
			continue
		}
		if fields == nil {
			fields = map[string][]string{}
		}
		fields[wire.SearchFields[i]] = texts
	}
	return fields
}

// ListSources returns one page of the sources that match, sorted by name. digi.me requires a read contract; a Carrel
// accepts any.
func (k *Contract) ListSources(ctx context.Context, q SourcesQuery) (SourcesPage, error) {
	for _, t := range q.Types {
		if err := checkSourceType(t); err != nil {
			return SourcesPage{}, fmt.Errorf("list sources: %w", err)
		}
	}
	var page struct {
		Data   *[]Source `json:"data"`
		Limit  int       `json:"limit"`
		Offset int       `json:"offset"`
		Total  int       `json:"total"`
	}
	err := k.discover(ctx, "sources", q.wire(), &page)
	if err == nil && page.Data == nil {
		err = fmt.Errorf("list sources: %w", missing("list"))
	}
	if err != nil {
		return SourcesPage{}, err
	}
	return SourcesPage{Sources: *page.Data, Limit: page.Limit, Offset: page.Offset, Total: page.Total}, nil
}

// Sources returns the sources of all pages from the offset on. It ends with the first error.
func (k *Contract) Sources(ctx context.Context, q SourcesQuery) iter.Seq2[Source, error] {
	return func(yield func(Source, error) bool) {
		if q.Limit == 0 {
			q.Limit = 100
		}
		for {
			page, err := k.ListSources(ctx, q)
			if err != nil {
				yield(Source{}, err)
				return
			}
			for _, s := range page.Sources {
				if !yield(s, nil) {
					return
				}
			}
			q.Offset += len(page.Sources)
			if len(page.Sources) == 0 || q.Offset >= page.Total {
				return
			}
		}
	}
}

// CategoriesQuery selects categories. The zero value selects all.
type CategoriesQuery struct {
	// IDs selects these categories only.
	IDs []CategoryID
	// Include names the fields to return, such as "name". The default is all fields.
	Include []string
}

// ListCategories returns the categories that match.
func (k *Contract) ListCategories(ctx context.Context, q CategoriesQuery) ([]Category, error) {
	return discoverList[Category](ctx, k, "categories", convertNumbers[int](q.IDs), q.Include)
}

// CountriesQuery selects countries. The zero value selects all.
type CountriesQuery struct {
	// IDs selects these countries only.
	IDs []CountryID
	// Include names the fields to return, such as "name". The default is all fields.
	Include []string
}

// ListCountries returns the countries that match.
func (k *Contract) ListCountries(ctx context.Context, q CountriesQuery) ([]Country, error) {
	return discoverList[Country](ctx, k, "countries", convertNumbers[int](q.IDs), q.Include)
}

// PlatformsQuery selects platforms. The zero value selects all.
type PlatformsQuery struct {
	// IDs selects these platforms only.
	IDs []PlatformID
	// Include names the fields to return, such as "name". The default is all fields.
	Include []string
}

// ListPlatforms returns the platforms that match.
func (k *Contract) ListPlatforms(ctx context.Context, q PlatformsQuery) ([]Platform, error) {
	return discoverList[Platform](ctx, k, "platforms", convertNumbers[int](q.IDs), q.Include)
}

// ListSampleDataSets returns the sample data that a source can be connected with, by the name that [AuthorizeOptions]
// take. The result is empty for a source without sample data. [ErrNotFound] says that there is no such source.
func (k *Contract) ListSampleDataSets(ctx context.Context, source SourceID) (map[string]SampleDataSet, error) {
	var sets map[string]SampleDataSet
	err := k.callJSON(ctx, call{
		method: http.MethodGet,
		path:   routeOf("permission-access/sample/datasets/{source}", strconv.Itoa(int(source))),
	}, &sets)
	if err != nil {
		return nil, fmt.Errorf("list sample data sets: %w", err)
	}
	return sets, nil
}

// discover queries one part of the catalogue.
func (k *Contract) discover(ctx context.Context, what string, request, answer any) error {
	err := k.send(ctx, call{
		method: http.MethodPost, path: literal("discovery/" + what), body: jsonBody(request),
	}, jsonResponse{answer, maxList}.read)
	if err != nil {
		return fmt.Errorf("list %s: %w", what, err)
	}
	return nil
}

// discoverList queries a part of the catalogue that is a plain list.
func discoverList[T any](ctx context.Context, k *Contract, what string, ids []int, include []string) ([]T, error) {
	var answer struct {
		Data *[]T `json:"data"`
	}
	request := wire.ListRequest{Query: wire.ListQuery{Include: include, Filter: wire.IDFilter{ID: ids}}}
	if err := k.discover(ctx, what, request, &answer); err != nil {
		return nil, err
	}
	if answer.Data == nil {
		return nil, fmt.Errorf("list %s: %w", what, missing("list"))
	}
	return *answer.Data, nil
}
