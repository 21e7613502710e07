package server_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
)

// TestServerCatalogue calls the catalogue of a server with the SDK.
func TestServerCatalogue(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "catalogue.json")
	var sources []string
	for i := range 25 {
		sources = append(
			sources,
			fmt.Sprintf(
				`{"id":%d,"name":"Practice %02d","service":900002,"types":["pull","push"],
					"countries":["nl"],"publishedDate":"2026-11-24",
			"address":{"city":"Utrecht","zipCode":"3511 AB"},"provider":"fhir:p%d","fhirVersion":"3.0"}`,
				900201+i,
				i,
				i,
			),
		)
	}
	if err := os.WriteFile(path, []byte(`{"sources":[`+strings.Join(sources, ",")+`]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := carreltest.Serve(t, func(c *server.Config) { c.Catalogue = path })
	app := s.Application()
	for _, access := range []library.Access{library.Read, library.Write} {
		contract, ctx, n := app.Contract(access).SDK(), t.Context(), 0
		q := digime.SourcesQuery{
			Types: []digime.SourceType{digime.SourcePush}, Search: digime.SourcesSearch{City: []string{"utrecht"}},
			Countries: []digime.CountryID{528}, Limit: 10,
		}
		for source, err := range contract.Sources(ctx, q) {
			if err != nil {
				t.Fatal(err)
			}
			published := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
			if source.ID != 900201+digime.SourceID(n) || !source.PublishedAt.Equal(published) ||
				source.Addresses[0].ZipCode != "3511 AB" {
				t.Errorf("%+v", source)
			}
			n++
		}
		if n != 25 {
			t.Errorf("%d sources", n)
		}
		countries, err := contract.ListCountries(ctx, digime.CountriesQuery{IDs: []digime.CountryID{528}})
		if err != nil || len(countries) != 1 || countries[0].Code != "nl" {
			t.Errorf("%v, %v", countries, err)
		}
		if _, err := contract.ListSampleDataSets(ctx, 7); !errors.Is(err, digime.ErrNotFound) {
			t.Errorf("unknown source: %v", err)
		}
	}
}
