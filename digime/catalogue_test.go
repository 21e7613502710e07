package digime_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
)

// withCatalogue gives the library three practices and what belongs to them.
func (l *fakeLibrary) withCatalogue() *fakeLibrary {
	answer := func(path string, v any) {
		l.mux.HandleFunc(path, l.signed(false, func(w http.ResponseWriter, _ *http.Request, _ wire.RequestClaims) error {
			writeJSON(w, v)
			return nil
		}))
	}
	l.mux.HandleFunc("POST /v1.7/discovery/sources", l.signed(false, func(w http.ResponseWriter, r *http.Request, _ wire.RequestClaims) error {
		var q wire.SourcesRequest
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			return wire.Validation("sources")
		}
		var found []wire.Source
		for i, name := range []string{"Linde practice", "Oak practice", "Willow practice"} {
			if strings.Contains(strings.ToLower(name), q.Query.QueryString) {
				found = append(found, wire.Source{ID: 900201 + i, Name: name, Service: wire.SourceService{ID: 900002, Name: "FHIR"}})
			}
		}
		total := len(found)
		found = found[min(q.Offset, total):]
		if q.Limit == 0 {
			q.Limit = wire.DefaultLimit
		}
		writeJSON(w, wire.SourcesAnswer{Data: found[:min(q.Limit, len(found))], Limit: q.Limit, Offset: q.Offset, Total: total})
		return nil
	}))
	answer("POST /v1.7/discovery/categories", wire.CategoriesAnswer{Data: []wire.Category{{ID: 2, Name: "Medical"}}})
	answer("POST /v1.7/discovery/countries", wire.CountriesAnswer{Data: []wire.Country{{ID: 528, Name: "Netherlands", Code: "nl"}}})
	answer("POST /v1.7/discovery/platforms", wire.PlatformsAnswer{Data: []wire.Platform{{ID: 900001, Name: "Web"}}})
	answer("GET /v1.7/permission-access/sample/datasets/900201", map[string]wire.SampleDataSet{"default": {Name: "default"}})
	l.mux.HandleFunc("GET /v1.7/permission-access/sample/datasets/{source}", l.signed(false,
		func(http.ResponseWriter, *http.Request, wire.RequestClaims) error { return wire.NotFound("Source") }))
	return l
}

func ExampleClient_QuerySources() {
	library := startLibrary().withCatalogue()
	defer library.Close()
	client, contract := library.exampleClient(), library.writeContract()

	page, err := client.QuerySources(context.Background(), contract, digime.SourcesQuery{
		Text:  "practice",
		Types: []digime.SourceType{digime.SourcePush},
		Limit: 2,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(page.Data), "of", page.Total)
	for _, source := range page.Data {
		fmt.Println(source.ID, source.Name)
	}
	// Output:
	// 2 of 3
	// 900201 Linde practice
	// 900202 Oak practice
}

func ExampleClient_Sources() {
	library := startLibrary().withCatalogue()
	defer library.Close()
	client, contract := library.exampleClient(), library.writeContract()

	for source, err := range client.Sources(context.Background(), contract, digime.SourcesQuery{Limit: 2}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(source.Name)
	}
	// Output:
	// Linde practice
	// Oak practice
	// Willow practice
}

// What a query says is what is sent; type and status are always said, as the public
// client does.
func TestSourcesQuery(t *testing.T) {
	l := start(t).withCatalogue()
	client, contract := l.client(t), l.Read.parse(t)
	for _, tt := range []struct {
		q    digime.SourcesQuery
		want string
	}{
		{digime.SourcesQuery{}, `{"sort":{"name":"asc"},"query":{"filter":{"publishedStatus":["approved"],"type":{"id":[1]}}}}`},
		{digime.SourcesQuery{Types: []digime.SourceType{digime.SourcePush, digime.SourcePull}, Statuses: []digime.PublishedStatus{digime.StatusPending}},
			`{"sort":{"name":"asc"},"query":{"filter":{"publishedStatus":["pending"],"type":{"id":[1,2]}}}}`},
		{digime.SourcesQuery{Text: "linde", Search: digime.SourcesSearch{Name: []string{"a"}, ZipCode: []string{"b", "c"}}, IDs: []int{1}, Services: []int{2},
			Countries: []int{3}, Categories: []int{4}, Platforms: []int{5}, References: []string{"d"}, Aliases: []string{"e"}, Descending: true,
			Include: []string{"id"}, Limit: 7, Offset: 8},
			`{"limit":7,"offset":8,"sort":{"name":"desc"},"query":{"search":{"address.zipCode":["b","c"],"name":["a"]},"queryString":"linde","include":["id"],` +
				`"filter":{"id":[1],"publishedStatus":["approved"],"service":{"id":[2]},"country":{"id":[3]},"category":{"id":[4]},"platform":{"id":[5]},` +
				`"type":{"id":[1]},"reference":["d"],"alias":["e"]}}}`},
	} {
		if _, err := client.QuerySources(t.Context(), contract, tt.q); err != nil {
			t.Error(err)
		}
		seen := l.seen("discovery/sources")
		if last := seen[len(seen)-1]; string(last.body) != tt.want || last.claims.AccessToken != "" {
			t.Errorf("sent %s\nwant %s", last.body, tt.want)
		}
	}
	before := len(l.seen("discovery/sources"))
	if _, err := client.QuerySources(t.Context(), contract, digime.SourcesQuery{Types: []digime.SourceType{"both"}}); err == nil || len(l.seen("discovery/sources")) != before {
		t.Errorf("an unknown type: %v", err)
	}
}

func TestCatalogueLists(t *testing.T) {
	l := start(t).withCatalogue()
	client, contract, ctx := l.client(t), l.Write.parse(t), t.Context()
	q := digime.CatalogueQuery{IDs: []int{528}, Include: []string{"name"}}
	if got, err := client.QueryCategories(ctx, contract, q); err != nil || !reflect.DeepEqual(got, []digime.Category{{ID: 2, Name: "Medical"}}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := client.QueryCountries(ctx, contract, q); err != nil || !reflect.DeepEqual(got, []digime.Country{{ID: 528, Name: "Netherlands", Code: "nl"}}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := client.QueryPlatforms(ctx, contract, q); err != nil || !reflect.DeepEqual(got, []digime.Platform{{ID: 900001, Name: "Web"}}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, what := range []string{"categories", "countries", "platforms"} {
		if body := string(l.seen("discovery/" + what)[0].body); body != `{"query":{"include":["name"],"filter":{"id":[528]}}}` {
			t.Errorf("%s: sent %s", what, body)
		}
	}
	if got, err := client.SampleDataSets(ctx, contract, 900201); err != nil || got["default"].Name != "default" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := client.SampleDataSets(ctx, contract, 7); !errors.Is(err, digime.ErrNotFound) {
		t.Errorf("unknown source: %v", err)
	}
}

// Looking things up is tried again, each time with a nonce of its own.
func TestCatalogueRetries(t *testing.T) {
	l := start(t).withCatalogue()
	l.answerOnce("discovery/sources", status(503), status(500))
	page, err := l.client(t).QuerySources(t.Context(), l.Read.parse(t), digime.SourcesQuery{})
	if err != nil || page.Total != 3 {
		t.Errorf("%v, %v", page, err)
	}
	nonces := map[string]bool{}
	for _, r := range l.seen("discovery/sources") {
		nonces[r.claims.Nonce] = true
	}
	if len(nonces) != 3 {
		t.Errorf("%d nonces", len(nonces))
	}
}

func TestSourcesStopsWithTheFirstError(t *testing.T) {
	l := start(t).withCatalogue()
	var got []string
	l.before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "sources") && len(got) == 2 {
			w.WriteHeader(http.StatusTeapot)
			return true
		}
		return false
	}
	var failed error
	for s, err := range l.client(t).Sources(t.Context(), l.Read.parse(t), digime.SourcesQuery{Limit: 2}) {
		if failed = err; err == nil {
			got = append(got, s.Name)
		}
	}
	var e *digime.Error
	if len(got) != 2 || !errors.As(failed, &e) || e.Status != http.StatusTeapot {
		t.Errorf("%v, then %v", got, failed)
	}
}
