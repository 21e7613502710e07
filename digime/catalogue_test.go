package digime_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"reflect"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
)

// withPractices gives the library three practices.
func withPractices(l *digimetest.Library) *digimetest.Library {
	var sources []digime.Source
	for i, name := range []string{"Linde practice", "Oak practice", "Willow practice"} {
		sources = append(sources, digime.Source{
			ID: 900201 + digime.SourceID(i), Name: name, Service: digime.Service{ID: 900002, Name: "FHIR"},
			Categories: []digime.Category{{ID: 2, Name: "Medical"}},
			Countries:  []digime.Country{{ID: 528, Name: "Netherlands", Code: "nl"}},
			Platforms:  []digime.Platform{{ID: 900001, Name: "Web"}},
		})
	}
	l.SetSources(sources...)
	return l
}

func ExampleContract_ListSources() {
	library := withPractices(digimetest.NewLibrary())
	defer library.Close()

	page, err := writeContract(library).ListSources(context.Background(), digime.SourcesQuery{
		Text:  "practice",
		Types: []digime.SourceType{digime.SourcePush},
		Limit: 2,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(page.Sources), "of", page.Total)
	for _, source := range page.Sources {
		fmt.Println(source.ID, source.Name)
	}
	// Output:
	// 2 of 3
	// 900201 Linde practice
	// 900202 Oak practice
}

func ExampleContract_Sources() {
	library := withPractices(digimetest.NewLibrary())
	defer library.Close()

	for source, err := range writeContract(library).Sources(context.Background(), digime.SourcesQuery{Limit: 2}) {
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

// What a query says is what is sent. The type and the status are always sent, as by the Node SDK.
func TestSourcesQueryIsSent(t *testing.T) {
	l := start(t)
	contract := l.read(t)
	for _, tt := range []struct {
		q    digime.SourcesQuery
		want string
	}{
		{
			digime.SourcesQuery{},
			`{"sort":{"name":"asc"},"query":{"filter":{"publishedStatus":["approved"],"type":{"id":[1]}}}}`,
		},
		{
			digime.SourcesQuery{
				Types:    []digime.SourceType{digime.SourcePush, digime.SourcePull},
				Statuses: []digime.PublishedStatus{digime.SourcePending},
			},
			`{"sort":{"name":"asc"},"query":{"filter":{"publishedStatus":["pending"],"type":{"id":[1,2]}}}}`,
		},
		{
			digime.SourcesQuery{
				Text: "linde", Search: digime.SourcesSearch{Name: []string{"a"}, ZipCode: []string{"b", "c"}},
				IDs: []digime.SourceID{1}, Services: []digime.ServiceID{2}, Countries: []digime.CountryID{3},
				Categories: []digime.CategoryID{4}, Platforms: []digime.PlatformID{5}, References: []string{"d"},
				Aliases: []string{"e"}, Descending: true, Include: []string{"id"}, Limit: 7, Offset: 8,
			},
			`{"limit":7,"offset":8,"sort":{"name":"desc"},"query":{"search":{"address.zipCode":["b","c"],` +
				`"name":["a"]},"queryString":"linde","include":["id"],"filter":{"id":[1],` +
				`"publishedStatus":["approved"],"service":{"id":[2]},"country":{"id":[3]},"category":{"id":[4]},` +
				`"platform":{"id":[5]},"type":{"id":[1]},"reference":["d"],"alias":["e"]}}}`,
		},
	} {
		if _, err := contract.ListSources(t.Context(), tt.q); err != nil {
			t.Error(err)
		}
		seen := l.Requests(digimetest.EndpointSources)
		if last := seen[len(seen)-1]; string(last.Body) != tt.want || last.Claims.AccessToken != "" {
			t.Errorf("sent %s\nwant %s", last.Body, tt.want)
		}
	}
	before := l.count(digimetest.EndpointSources)
	_, err := contract.ListSources(t.Context(), digime.SourcesQuery{Types: []digime.SourceType{"both"}})
	if !errors.Is(err, digime.ErrValidation) || l.count(digimetest.EndpointSources) != before {
		t.Errorf("an unknown type: %v", err)
	}
}

func TestCatalogueLists(t *testing.T) {
	l := start(t)
	withPractices(l.Library)
	contract, ctx, include := l.write(t), t.Context(), []string{"name"}
	categories, err := contract.ListCategories(ctx, digime.CategoriesQuery{
		IDs: []digime.CategoryID{528}, Include: include,
	})
	if err != nil || !reflect.DeepEqual(categories, []digime.Category{{ID: 2, Name: "Medical"}}) {
		t.Errorf("%v, %v", categories, err)
	}
	countries, err := contract.ListCountries(ctx, digime.CountriesQuery{IDs: []digime.CountryID{528}, Include: include})
	if err != nil || !reflect.DeepEqual(countries, []digime.Country{{ID: 528, Name: "Netherlands", Code: "nl"}}) {
		t.Errorf("%v, %v", countries, err)
	}
	platforms, err := contract.ListPlatforms(ctx, digime.PlatformsQuery{
		IDs: []digime.PlatformID{528}, Include: include,
	})
	if err != nil || !reflect.DeepEqual(platforms, []digime.Platform{{ID: 900001, Name: "Web"}}) {
		t.Errorf("%v, %v", platforms, err)
	}
	for _, endpoint := range []digimetest.Endpoint{
		digimetest.EndpointCategories, digimetest.EndpointCountries, digimetest.EndpointPlatforms,
	} {
		body := string(l.Requests(endpoint)[0].Body)
		if body != `{"query":{"include":["name"],"filter":{"id":[528]}}}` {
			t.Errorf("%s: sent %s", endpoint, body)
		}
	}
	if got, err := contract.ListSampleDataSets(ctx, 900201); err != nil || got["default"].Name != "default" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := contract.ListSampleDataSets(ctx, 7); !errors.Is(err, digime.ErrNotFound) {
		t.Errorf("unknown source: %v", err)
	}
}

// Queries are repeated, each time with a new nonce.
func TestCatalogueRetries(t *testing.T) {
	l := start(t)
	withPractices(l.Library)
	l.FailNext(digimetest.EndpointSources, digimetest.Status(503), digimetest.Status(500))
	page, err := l.read(t).ListSources(t.Context(), digime.SourcesQuery{})
	if err != nil || page.Total != 3 {
		t.Errorf("%v, %v", page, err)
	}
	nonces := map[string]bool{}
	for _, r := range l.Requests(digimetest.EndpointSources) {
		nonces[r.Claims.Nonce] = true
	}
	if len(nonces) != 3 {
		t.Errorf("%d nonces", len(nonces))
	}
}

func TestSourcesStopsWithTheFirstError(t *testing.T) {
	l := start(t)
	withPractices(l.Library)
	var got []string
	var failed error
	for s, err := range l.read(t).Sources(t.Context(), digime.SourcesQuery{Limit: 2}) {
		if failed = err; err == nil {
			got = append(got, s.Name)
		}
		if len(got) == 2 && err == nil {
			l.FailNext(digimetest.EndpointSources, digimetest.Status(http.StatusTeapot))
		}
	}
	var e *digime.Error
	if len(got) != 2 || !errors.As(failed, &e) || e.Status != http.StatusTeapot {
		t.Errorf("%v, then %v", got, failed)
	}
}

// Every field of a source arrives, and is written as it was read.
func TestSourceMarshals(t *testing.T) {
	const text = `{"id":1,"name":"a","reference":"b","publishedStatus":"approved","publishedDate":3,` +
		`"onboardable":true,"dynamic":true,"resource":{"url":"c","mimetype":"d","resize":"e","type":4},` +
		`"service":{"id":5,"name":"f","reference":"g","publishedStatus":"pending","publishedDate":6,` +
		`"serviceTypeId":7,"dynamic":true,"json":{}},` +
		`"category":[{"id":8,"categoryTypeId":9,"name":"h","reference":"i","resource":{"url":"j"},"title":"k",` +
		`"subTitle":"l","expandedTitle":"m","expandedSubTitle":"n","json":{}}],"country":[{"id":10,"name":"o",` +
		`"code":"p","resource":{"url":"q"}}],"platform":[{"id":11,"name":"r","reference":"s","json":{}}],` +
		`"type":[{"id":1,"name":"pull","reference":"pull"}],"address":[{"city":"t","streetName":"u",` +
		`"streetNumber":"v","zipCode":"w"}],"json":{"x":1}}`
	var source digime.Source
	if err := json.Unmarshal([]byte(text), &source); err != nil {
		t.Fatal(err)
	}
	back, err := json.Marshal(source)
	if err != nil || string(back) != text {
		t.Errorf("written as\n%s, error %v, want\n%s", back, err, text)
	}
	if zero := fieldWithZero(reflect.ValueOf(source)); zero != "" {
		t.Errorf("%s is not set", zero)
	}
}
