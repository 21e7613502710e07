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

// What a person can connect.
type (
	// Source is where a person's data comes from or can be pushed to. Its ID is what
	// [AuthorizeOptions] and [User.OnboardService] take for a service.
	Source = wire.Source
	// SourceService is the service that a source belongs to: its ID is what a [Scope]
	// takes.
	SourceService = wire.SourceService
	// SourceDirection is a type of a source as the server describes it: its Reference is a
	// [SourceType].
	SourceDirection = wire.SourceType
	// SourceResource is a picture.
	SourceResource = wire.Resource
	// SourceAddress is where a provider is.
	SourceAddress = wire.Address
	// PublishedDate is when something was published; its method Time makes a
	// [time.Time].
	PublishedDate = wire.PublishedDate
	// PublishedStatus says whether something can be used.
	PublishedStatus = wire.PublishedStatus
	// Category is a group of services.
	Category = wire.Category
	// Country is where a source is at home.
	Country = wire.Country
	// Platform is a kind of device on which a source can be connected.
	Platform = wire.Platform
	// SampleDataSet is invented data that can stand in for a person's.
	SampleDataSet = wire.SampleDataSet
	// SourcesPage is one page of what [Client.QuerySources] found: Data, and how many
	// there are on all pages, Total.
	SourcesPage = wire.SourcesAnswer
)

// Statuses of a [Source] or its service. A source can be connected when both are
// approved; with sample data also when its own status says so.
const (
	StatusApproved       = wire.Approved
	StatusPending        = wire.PendingStatus
	StatusDeprecated     = wire.Deprecated
	StatusBlocked        = wire.Blocked
	StatusSampleDataOnly = wire.SampleDataOnly
)

// SourcesQuery says which sources are wanted. The zero value asks for the first of
// those that data can be read from.
type SourcesQuery struct {
	// Text is looked for in everything that a source is found by; all its words must
	// begin a word there.
	Text string
	// Search looks in single fields.
	Search SourcesSearch

	// Types are what is done with a source; empty means [SourcePull].
	Types []SourceType
	// Statuses are those wanted; empty means [StatusApproved].
	Statuses []PublishedStatus
	// Each of these lists that is not empty must have what the source has.
	IDs, Services, Countries, Categories, Platforms []int
	References, Aliases                             []string

	// Descending sorts by name backwards.
	Descending bool
	// Include names the fields that are wanted, such as "reference" or "service.name";
	// empty means all. Some come always.
	Include []string
	// Limit is how many there are on a page, 1000 at most, and Offset how many come before
	// it. A limit of 0 leaves it to the server, which takes 20.
	Limit, Offset int
}

// SourcesSearch looks in single fields of a source. Of a field's texts one must fit. Of
// City and ZipCode either must fit, and so must any of the others.
type SourcesSearch struct {
	Name, Alias, Abbreviation, MedicalCenter, Practitioner []string
	City, ZipCode                                          []string
}

func (q SourcesQuery) request() wire.SourcesRequest {
	r := wire.SourcesRequest{Limit: q.Limit, Offset: q.Offset, Sort: wire.SourceSort{Name: "asc"}, Query: wire.SourceQuery{
		QueryString: q.Text, Include: q.Include,
		Filter: wire.SourceFilter{
			ID: q.IDs, PublishedStatus: q.Statuses, Service: wire.IDFilter{ID: q.Services}, Country: wire.IDFilter{ID: q.Countries},
			Category: wire.IDFilter{ID: q.Categories}, Platform: wire.IDFilter{ID: q.Platforms}, Reference: q.References, Alias: q.Aliases,
		},
	}}
	if q.Descending {
		r.Sort.Name = "desc"
	}
	f := &r.Query.Filter
	if len(f.PublishedStatus) == 0 {
		f.PublishedStatus = []PublishedStatus{StatusApproved}
	}
	if len(q.Types) == 0 || slices.Contains(q.Types, SourcePull) {
		f.Type.ID = append(f.Type.ID, wire.TypePull)
	}
	if slices.Contains(q.Types, SourcePush) {
		f.Type.ID = append(f.Type.ID, wire.TypePush)
	}
	s := q.Search
	for i, texts := range [][]string{s.Name, s.Alias, s.Abbreviation, s.MedicalCenter, s.Practitioner, s.City, s.ZipCode} {
		if len(texts) == 0 {
			continue
		}
		if r.Query.Search == nil {
			r.Query.Search = map[string][]string{}
		}
		r.Query.Search[wire.SearchFields[i]] = texts
	}
	return r
}

// QuerySources finds sources, sorted by name, and returns one page of them. digi.me
// asks for a read contract here; a Carrel takes any.
func (c *Client) QuerySources(ctx context.Context, contract *Contract, q SourcesQuery) (SourcesPage, error) {
	for _, t := range q.Types {
		if t != SourcePull && t != SourcePush {
			return SourcesPage{}, fmt.Errorf("query sources: source type %q is neither %q nor %q", t, SourcePull, SourcePush)
		}
	}
	var page SourcesPage
	err := c.discover(ctx, contract, "sources", q.request(), &page)
	return page, err
}

// Sources finds sources as [Client.QuerySources] does and goes through all pages from
// the offset on. It ends with the first error.
func (c *Client) Sources(ctx context.Context, contract *Contract, q SourcesQuery) iter.Seq2[Source, error] {
	return func(yield func(Source, error) bool) {
		if q.Limit == 0 {
			q.Limit = 100
		}
		for {
			page, err := c.QuerySources(ctx, contract, q)
			if err != nil {
				yield(Source{}, err)
				return
			}
			for _, s := range page.Data {
				if !yield(s, nil) {
					return
				}
			}
			q.Offset += len(page.Data)
			if len(page.Data) == 0 || q.Offset >= page.Total {
				return
			}
		}
	}
}

// CatalogueQuery says which of a list are wanted; the zero value asks for all.
type CatalogueQuery struct {
	// IDs are those wanted; empty means all.
	IDs []int
	// Include names the fields that are wanted, such as "name"; empty means all.
	Include []string
}

func (q CatalogueQuery) request() wire.ListRequest {
	return wire.ListRequest{Query: wire.ListQuery{Include: q.Include, Filter: wire.IDFilter{ID: q.IDs}}}
}

// QueryCategories lists the groups of services.
func (c *Client) QueryCategories(ctx context.Context, contract *Contract, q CatalogueQuery) ([]Category, error) {
	var answer wire.CategoriesAnswer
	err := c.discover(ctx, contract, "categories", q.request(), &answer)
	return answer.Data, err
}

// QueryCountries lists the countries.
func (c *Client) QueryCountries(ctx context.Context, contract *Contract, q CatalogueQuery) ([]Country, error) {
	var answer wire.CountriesAnswer
	err := c.discover(ctx, contract, "countries", q.request(), &answer)
	return answer.Data, err
}

// QueryPlatforms lists the platforms.
func (c *Client) QueryPlatforms(ctx context.Context, contract *Contract, q CatalogueQuery) ([]Platform, error) {
	var answer wire.PlatformsAnswer
	err := c.discover(ctx, contract, "platforms", q.request(), &answer)
	return answer.Data, err
}

// SampleDataSets are the invented data that a source can be connected with, by the id
// that [AuthorizeOptions] take. A source without any has none; [ErrNotFound] says that
// there is no such source.
func (c *Client) SampleDataSets(ctx context.Context, contract *Contract, source int) (map[string]SampleDataSet, error) {
	var sets map[string]SampleDataSet
	err := c.callJSON(ctx, contract, call{
		method: http.MethodGet, path: routeOf("permission-access/sample/datasets/{source}", strconv.Itoa(source)),
	}, &sets)
	if err != nil {
		return nil, fmt.Errorf("list sample data sets: %w", err)
	}
	return sets, nil
}

func (c *Client) discover(ctx context.Context, contract *Contract, what string, request, answer any) error {
	err := c.send(ctx, contract, call{
		method: http.MethodPost, path: literal("discovery/" + what), body: jsonBody(request),
	}, jsonAnswer{answer, maxList}.read)
	if err != nil {
		return fmt.Errorf("query %s: %w", what, err)
	}
	return nil
}
