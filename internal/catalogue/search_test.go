package catalogue_test

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/library"
)

func TestSearch(t *testing.T) {
	c := parse(t, town)
	const all = `"publishedStatus":["approved","pending","sampledataonly"],"type":{"id":[1,2]}`
	for _, tt := range []struct {
		name, body string
		want       []int
	}{
		{"nothing asked: approved ones to pull from, by name", ``, []int{900202, 900204, 900201, 2}},
		{"as Node asks", `{"query":{"filter":{"type":{"id":[1]},"publishedStatus":["approved"]}}}`, []int{900202, 900204, 900201, 2}},
		{"backwards", `{"sort":{"name":"desc"}}`, []int{2, 900201, 900204, 900202}},
		{"everything", `{"query":{"filter":{` + all + `}}}`, []int{900202, 900204, 900201, 900205, 900206, 2, 900203}},
		{"push", `{"query":{"filter":{"type":{"id":[2]}}}}`, []int{900201, 900203}},
		{"a type that there is not", `{"query":{"filter":{"type":{"id":[3]}}}}`, nil},
		{"empty lists are as good as none", `{"query":{"filter":{"type":{"id":[]},"publishedStatus":[],"id":[],"service":{"id":[]}}}}`, []int{900202, 900204, 900201, 2}},
		{"null is as good as nothing", `{"limit":null,"sort":null,"query":{"search":null,"filter":{"id":null,"type":null}}}`, []int{900202, 900204, 900201, 2}},
		{"statuses as numbers", `{"query":{"filter":{"publishedStatus":[2,5]}}}`, []int{900205, 900206}},
		{"one status, no list", `{"query":{"filter":{"publishedStatus":"pending"}}}`, []int{900205}},

		{"id", `{"query":{"filter":{"id":[900202,2,77]}}}`, []int{900202, 2}},
		{"id as iOS has it", `{"query":{"filter":{"id":{"id":[900202]}}}}`, []int{900202}},
		{"sourceId", `{"query":{"filter":{"sourceId":2}}}`, []int{2}},
		{"service", `{"query":{"filter":{"service":{"id":[3]}}}}`, []int{2}},
		{"category", `{"query":{"filter":{"category":{"id":[1]}}}}`, []int{2}},
		{"country", `{"query":{"filter":{"country":{"id":[528]}}}}`, []int{900201}},
		{"countries", `{"query":{"filter":{"country":{"id":[528,56]}}}}`, []int{900202, 900201}},
		{"platform", `{"query":{"filter":{"platform":{"id":[900002]}}}}`, []int{900202, 900204, 2}},
		{"reference", `{"query":{"filter":{"reference":["elan","zeta"]}}}`, []int{900201}},
		{"alias", `{"query":{"filter":{"alias":["sint jozef"]}}}`, []int{900201}},
		{"all filters must fit", `{"query":{"filter":{"country":{"id":[56]},"reference":["alpha"]}}}`, []int{900202}},

		{"accents and capitals", `{"query":{"queryString":"elan"}}`, []int{900201}},
		{"accents of the query", `{"query":{"queryString":"CLÏNIC ãlpha"}}`, []int{900202}},
		{"all words must fit", `{"query":{"queryString":"clinic zeta"}}`, nil},
		{"beginnings of words", `{"query":{"queryString":"cli al"}}`, []int{900202}},
		{"the middle of a word", `{"query":{"queryString":"linic"}}`, nil},
		{"letters that do not decompose", `{"query":{"queryString":"odegard"}}`, []int{900201}},
		{"a city", `{"query":{"queryString":"hertogenbosch"}}`, []int{900201}},
		{"name and city", `{"query":{"queryString":"alpha utrecht"}}`, []int{900202}},
		{"postcode", `{"query":{"queryString":"5211"}}`, []int{900201}},
		{"postcode with a space", `{"query":{"queryString":"3511 a"}}`, []int{900202}},
		{"postcode without", `{"query":{"queryString":"5211ab"}}`, []int{900201}},
		{"postcode of another", `{"query":{"queryString":"5211 xx"}}`, nil},
		{"medical centre, practitioner, abbreviation", `{"query":{"queryString":"jeroen ode ezh"}}`, []int{900201}},
		{"the reference", `{"query":{"queryString":"twitter"}}`, []int{2}},
		{"blank", `{"query":{"queryString":"  "}}`, []int{900202, 900204, 900201, 2}},

		{"name", `{"query":{"search":{"name":["clinic"]}}}`, []int{900202, 900204}},
		{"one of the names", `{"query":{"search":{"name":["alpha clin","twit"]}}}`, []int{900202, 2}},
		{"a city is no name", `{"query":{"search":{"name":["utrecht"]}}}`, nil},
		{"name or alias", `{"query":{"search":{"name":["jozef"],"alias":["jozef"]}}}`, []int{900201}},
		{"abbreviation", `{"query":{"search":{"abbreviation":["ezh"]}}}`, []int{900201}},
		{"medicalCenter", `{"query":{"search":{"medicalCenter":["bosch"]}}}`, []int{900201}},
		{"practitioner", `{"query":{"search":{"practitioner":"Ødegård"}}}`, []int{900201}},
		{"city, as iOS asks", `{"query":{"search":{"address.city":["Utrecht"]}}}`, []int{900202}},
		{"postcode, as iOS asks", `{"query":{"search":{"address.zipCode":["3511 AB"]}}}`, []int{900202}},
		{"city or postcode", `{"query":{"search":{"address.city":["5211"],"address.zipCode":["5211"]}}}`, []int{900201}},
		{"who and where", `{"query":{"search":{"name":["clinic"],"address.city":["Utrecht"]}}}`, []int{900202}},
		{"who and elsewhere", `{"query":{"search":{"name":["élan"],"address.city":["Utrecht"]}}}`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := search(t, c, tt.body)
			if got := ids(a.Data); !slices.Equal(got, tt.want) || a.Total != len(tt.want) {
				t.Errorf("%v of %d, want %v", got, a.Total, tt.want)
			}
			if err := acceptable(marshal(t, a)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSearchPages(t *testing.T) {
	c := parse(t, town)
	for _, tt := range []struct {
		body                 string
		want                 []int
		limit, offset, total int
	}{
		{``, []int{900202, 900204, 900201, 2}, wire.DefaultLimit, 0, 4},
		{`{"limit":1}`, []int{900202}, 1, 0, 4},
		{`{"limit":2,"offset":1}`, []int{900204, 900201}, 2, 1, 4},
		{`{"limit":2,"offset":3}`, []int{2}, 2, 3, 4},
		{`{"limit":1,"offset":0,"sort":{"name":"desc"}}`, []int{2}, 1, 0, 4},
		{`{"offset":1073741824,"limit":1000}`, nil, 1000, wire.MaxOffset, 4},
	} {
		a := search(t, c, tt.body)
		if got := ids(a.Data); !slices.Equal(got, tt.want) || a.Limit != tt.limit || a.Offset != tt.offset || a.Total != tt.total {
			t.Errorf("%s: %v limit %d offset %d total %d, want %v %d %d %d", tt.body, got, a.Limit, a.Offset, a.Total, tt.want, tt.limit, tt.offset, tt.total)
		}
		if err := acceptable(marshal(t, a)); err != nil {
			t.Errorf("%s: %v", tt.body, err)
		}
	}
}

// always are the members that no answer lacks.
var always = []string{"category", "dynamic", "id", "name", "onboardable", "publishedStatus", "resource", "service", "type"}

func TestInclude(t *testing.T) {
	c := parse(t, town)
	everything := slices.Sorted(slices.Values(append([]string{"reference", "publishedDate", "country", "platform", "address", "json"}, always...)))
	for _, tt := range []struct {
		include string
		members []string // besides those that are always there
		parts   map[string]string
	}{
		{`["id","name","service.id"]`, nil, map[string]string{"service": "id publishedStatus", "category": "id"}},
		{`["reference","publishedDate"]`, []string{"reference", "publishedDate"}, nil},
		{`["service"]`, nil, map[string]string{"service": "id name publishedDate publishedStatus reference serviceTypeId"}},
		{`["service.name","service.reference"]`, nil, map[string]string{"service": "id name publishedStatus reference"}},
		{`["category"]`, nil, map[string]string{"category": "categoryTypeId id name reference"}},
		{`["category.name"]`, nil, map[string]string{"category": "id name"}},
		{`["country.code"]`, []string{"country"}, map[string]string{"country": "code id name"}},
		{`["platform.name"]`, []string{"platform"}, map[string]string{"platform": "id name"}},
		{`["platform"]`, []string{"platform"}, map[string]string{"platform": "id name reference"}},
		{`["address","json"]`, []string{"address", "json"}, nil},
		{`["what.is.this"]`, nil, nil},
	} {
		a := search(t, c, `{"query":{"include":`+tt.include+`,"filter":{"id":[900201]}}}`)
		var got struct{ Data []map[string]any }
		text := marshal(t, a)
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if err := acceptable(text); err != nil {
			t.Errorf("%s: %v", tt.include, err)
		}
		want := slices.Sorted(slices.Values(append(tt.members, always...)))
		if have := slices.Sorted(maps.Keys(got.Data[0])); !slices.Equal(have, want) {
			t.Errorf("%s: %v, want %v", tt.include, have, want)
		}
		for name, parts := range tt.parts {
			v := got.Data[0][name]
			if list, ok := v.([]any); ok {
				v = list[0]
			}
			if have := strings.Join(slices.Sorted(maps.Keys(v.(map[string]any))), " "); have != parts {
				t.Errorf("%s: %s has %q, want %q", tt.include, name, have, parts)
			}
		}
	}

	a := search(t, c, `{"query":{"filter":{"id":[900201]}}}`)
	var got struct{ Data []map[string]any }
	if err := json.Unmarshal(marshal(t, a), &got); err != nil {
		t.Fatal(err)
	}
	if have := slices.Sorted(maps.Keys(got.Data[0])); !slices.Equal(have, everything) {
		t.Errorf("without include: %v, want %v", have, everything)
	}
	s := a.Data[0]
	if s.Resource != (wire.Resource{URL: "https://elan.example/logo.svg", MIMEType: "image/svg+xml"}) || s.PublishedDate != 1767312000000 ||
		s.Address[0].ZipCode != "5211 AB" || len(s.Country) != 2 || s.Country[0].Code != "nl" || s.Country[0].ID != 528 || len(s.Type) != 2 || !s.Onboardable {
		t.Errorf("%+v", s)
	}
}

func TestChoose(t *testing.T) {
	c := parse(t, town)
	for _, tt := range []struct {
		name string
		q    catalogue.Choice
		want []int
	}{
		{"pull", catalogue.Choice{}, []int{900202, 900201}},
		{"push", catalogue.Choice{Push: true}, []int{900201, 900203}},
		{"samples too", catalogue.Choice{Samples: true}, []int{900202, 900201, 900206}},
		{"text", catalogue.Choice{Text: "utr"}, []int{900202}},
		{"postcode", catalogue.Choice{Text: "3511 AB"}, []int{900202}},
		{"signs alone", catalogue.Choice{Text: "?!"}, nil},
		{"blanks", catalogue.Choice{Text: " \t"}, []int{900202, 900201}},
		{"a very long text", catalogue.Choice{Text: strings.Repeat("utrecht ", 1<<16)}, []int{900202}},
		{"data type", catalogue.Choice{DataTypes: []string{"vaccinations", "images"}}, []int{900201}},
		{"organisation type", catalogue.Choice{OrganizationType: "general-practitioner"}, []int{900202}},
		{"both", catalogue.Choice{DataTypes: []string{"gp-data"}, OrganizationType: "hospital"}, nil},
		{"page", catalogue.Choice{Push: true, Offset: 1, Limit: 1}, []int{900203}},
		{"before the first page", catalogue.Choice{Push: true, Offset: -1, Limit: 1}, []int{900201}},
	} {
		found, total, err := c.Choose(tt.q)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		var got []int
		for _, s := range found {
			got = append(got, s.ID)
		}
		if !slices.Equal(got, tt.want) || tt.q.Limit == 0 && total != len(tt.want) || tt.q.Limit == 1 && total != 2 {
			t.Errorf("%s: %v of %d, want %v", tt.name, got, total, tt.want)
		}
	}
}

func TestSource(t *testing.T) {
	c := parse(t, town)
	got, err := c.Source(900201)
	want := delivery.Source{ID: 900201, Name: "Élan Ziekenhuis", Reference: "elan", Provider: "fhir:elan", Push: true, Version: fhir.STU3,
		ServiceID: 900002, ServiceName: "FHIR", ServiceReference: "fhir", GroupID: 2, GroupName: "Medical", Logo: "https://elan.example/logo.svg"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for id, why := range map[int]string{900204: "its service is blocked", 900205: "it is pending", 900206: "it has sample data only",
		2: "it has no provider", 77: "there is none", catalogue.FirstListedID + 1: "there is none"} {
		if s, err := c.Source(id); !errors.Is(err, library.ErrNotFound) {
			t.Errorf("source %d (%s): %+v, %v", id, why, s, err)
		}
	}
	for _, id := range []int{900204, 900205, 900206, 2} {
		if s, err := c.Entry(id); err != nil || s.ID != id {
			t.Errorf("entry %d: %+v, %v", id, s, err)
		}
	}
	if _, err := c.Entry(77); !errors.Is(err, catalogue.ErrNotFound) {
		t.Errorf("entry 77: %v", err)
	}
	var _ delivery.Catalogue = c
}

func TestSampleDataSets(t *testing.T) {
	c := parse(t, town)
	if sets, err := c.SampleDataSets(900206); err != nil || sets["default"].Name != "default" {
		t.Errorf("%v, %v", sets, err)
	}
	if sets, err := c.SampleDataSets(900201); err != nil || sets == nil || len(sets) != 0 {
		t.Errorf("without: %v, %v", sets, err)
	}
	if _, err := c.SampleDataSets(77); !errors.Is(err, catalogue.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
}

func TestLists(t *testing.T) {
	c := parse(t, `{"categories":[{"id":1,"name":"Health","reference":"health","title":"Care","logo":"https://x.example/a.png","json":{"a":1}}],"services":[],"sources":[]}`)
	for _, tt := range []struct{ body, categories, countries, platforms string }{
		{``, `{"data":[{"id":1,"categoryTypeId":1,"name":"Health","reference":"health","resource":{"url":"https://x.example/a.png","mimetype":"image/png"},"title":"Care","json":{"a":1}}]}`, "", ""},
		{`{"query":{"include":["id","name"],"filter":{"id":[1,528,900002]}}}`, `{"data":[{"id":1,"name":"Health"}]}`,
			`{"data":[{"id":528,"name":"Netherlands","code":"nl"}]}`, `{"data":[{"id":900002,"name":"iOS"}]}`},
		{`{"query":{"include":["resource.url","reference"],"filter":{"id":{"id":[1,900002]}}}}`,
			`{"data":[{"id":1,"reference":"health","resource":{"url":"https://x.example/a.png","mimetype":"image/png"}}]}`,
			`{"data":[]}`, `{"data":[{"id":900002,"reference":"ios"}]}`},
		{`{"query":{"filter":{"id":[77]}}}`, `{"data":[]}`, `{"data":[]}`, `{"data":[]}`},
	} {
		q, err := wire.ParseListRequest([]byte(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range []struct {
			want string
			got  any
		}{{tt.categories, c.Categories(q)}, {tt.countries, c.Countries(q)}, {tt.platforms, c.Platforms(q)}} {
			if got := string(marshal(t, one.got)); one.want != "" && got != one.want {
				t.Errorf("%s: %s, want %s", tt.body, got, one.want)
			}
		}
	}
	if got := string(marshal(t, c.SourceTypes(wire.ListRequest{}))); got != `{"data":[{"id":1,"name":"pull","reference":"pull"},{"id":2,"name":"push","reference":"push"}]}` {
		t.Error(got)
	}
}
