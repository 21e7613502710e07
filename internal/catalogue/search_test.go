package catalogue_test

import (
	"slices"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
)

func TestSearch(t *testing.T) {
	t.Parallel()
	c := parse(t, operatorFile)
	const all = `"publishedStatus":["approved","pending","sampledataonly"],"type":{"id":[1,2]}`
	for _, tt := range []struct {
		name, body string
		want       []int
	}{
		{"empty query: approved sources to pull from, by name", ``, []int{900202, 900204, 900201, 2}},
		{"as Node asks", `{"query":{"filter":{"type":{"id":[1]},"publishedStatus":["approved"]}}}`,
			[]int{900202, 900204, 900201, 2}},
		{"backwards", `{"sort":{"name":"desc"}}`, []int{2, 900201, 900204, 900202}},
		{"everything", `{"query":{"filter":{` + all + `}}}`, []int{900202, 900204, 900201, 900205, 900206, 2, 900203}},
		{"push", `{"query":{"filter":{"type":{"id":[2]}}}}`, []int{900201, 900203}},
		{"an unknown type", `{"query":{"filter":{"type":{"id":[3]}}}}`, nil},
		{"empty lists count as absent",
			`{"query":{"filter":{"type":{"id":[]},"publishedStatus":[],"id":[],"service":{"id":[]}}}}`,
			[]int{900202, 900204, 900201, 2}},
		{"null counts as absent",
			`{"limit":null,"sort":null,"query":{"search":null,"filter":{"id":null,"type":null}}}`,
			[]int{900202, 900204, 900201, 2}},
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
		{"city or postcode", `{"query":{"search":{"address.city":["5211"],"address.zipCode":["5211"]}}}`,
			[]int{900201}},
		{"name and its city", `{"query":{"search":{"name":["clinic"],"address.city":["Utrecht"]}}}`, []int{900202}},
		{"name and another city", `{"query":{"search":{"name":["élan"],"address.city":["Utrecht"]}}}`, nil},
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
	t.Parallel()
	c := parse(t, operatorFile)
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
		if got := ids(a.Data); !slices.Equal(got, tt.want) || a.Limit != tt.limit || a.Offset != tt.offset ||
			a.Total != tt.total {
			t.Errorf("%s: %v limit %d offset %d total %d, want %v %d %d %d", tt.body, got, a.Limit, a.Offset, a.Total,
				tt.want, tt.limit, tt.offset, tt.total)
		}
		if err := acceptable(marshal(t, a)); err != nil {
			t.Errorf("%s: %v", tt.body, err)
		}
	}
}
