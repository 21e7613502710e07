package catalogue_test

import (
	"errors"
	"maps"
	"reflect"
	"testing"

	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/sampledata"
)

func TestSource(t *testing.T) {
	t.Parallel()
	c := parse(t, operatorFile)
	got, err := c.Source(900201)
	want := delivery.Source{ID: 900201, Name: "Élan Ziekenhuis", Reference: "elan", Provider: "fhir:elan", Push: true,
		Version:   fhir.STU3,
		ServiceID: 900002, ServiceName: "FHIR", ServiceReference: "fhir", GroupID: 2, GroupName: "Medical",
		Logo: "https://elan.example/logo.svg"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for id, why := range map[int]string{900204: "its service is blocked", 900205: "it is pending",
		900206: "it has sample data only",
		2:      "it has no provider", 77: "there is none", catalogue.FirstListedID + 1: "there is none"} {
		if s, err := c.Source(id); !errors.Is(err, library.ErrNotFound) {
			t.Errorf("source %d (%s): %+v, %v", id, why, s, err)
		}
	}
	for _, id := range []int{900204, 900205, 900206, 2} {
		if s, err := c.Get(id); err != nil || s.ID != id {
			t.Errorf("entry %d: %+v, %v", id, s, err)
		}
	}
	if _, err := c.Get(77); !errors.Is(err, catalogue.ErrNotFound) {
		t.Errorf("entry 77: %v", err)
	}
	var _ delivery.Catalogue = c
}

func TestSampleDataSets(t *testing.T) {
	t.Parallel()
	c := parse(t, operatorFile)
	// The sets that are listed are those that exist, and those that can be connected.
	ambulance := library.SourcesScope{OrganizationType: "ambulance"}
	offers := func(source int, set string, scope library.SourcesScope) bool {
		return c.Offers(source, false, delivery.SampleQuery{Set: set, Scope: scope})
	}
	all := library.SourcesScope{}
	sets, err := c.SampleDataSets(900206)
	if want := sampledata.Sets("medical"); err != nil || len(sets) != len(want) {
		t.Errorf("%v, want %d, %v", sets, len(want), err)
	}
	for id, listed := range sets {
		set, ok := sampledata.Find("medical", id)
		if !ok || listed.Name != set.Name.EN || listed.Description != set.Description.EN ||
			!offers(900206, id, all) || offers(900201, id, all) || offers(900206, id+"x", all) ||
			offers(900206, id, ambulance) {
			t.Errorf("set %s: %+v", id, listed)
		}
	}
	if sets, err := c.SampleDataSets(900201); err != nil || sets == nil || len(sets) != 0 {
		t.Errorf("without: %v, %v", sets, err)
	}
	if _, err := c.SampleDataSets(77); !errors.Is(err, catalogue.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
}

// Each collection of sample data belongs to a source of the default catalogue, in the category that it is about.
func TestDefaultSampleSources(t *testing.T) {
	t.Parallel()
	c := parse(t, "")
	want := map[string]string{
		"medical": "Medical", "social": "Social", "finance": "Finance", "fitness": "Health & Fitness",
		"entertainment": "Entertainment",
	}
	got := map[string]string{}
	for _, found := range search(t, c, `{"query":{"filter":{"publishedStatus":["sampledataonly"]}}}`).Data {
		s, err := c.Get(found.ID)
		if err != nil {
			t.Fatal(err)
		}
		got[s.SampleData] = s.Service.Category.Name
		if s.TitleIn("nl") == s.Title || s.TitleIn("en") != s.Title {
			t.Errorf("source %d is %q in Dutch and %q in English", s.ID, s.TitleIn("nl"), s.TitleIn("en"))
		}
	}
	if !maps.Equal(got, want) || len(want) != len(sampledata.Collections()) {
		t.Errorf("%v, want %v", got, want)
	}
	// Public example applications name this source, and this service in their scope.
	s, err := c.Get(16)
	if err != nil || s.Service.ID != 19 || s.Service.Category.ID != 5 || s.Service.Name != "Spotify" {
		t.Errorf("Spotify: %+v, %v", s, err)
	}
}

// A person finds a source by its name in either language.
func TestTranslatedName(t *testing.T) {
	t.Parallel()
	c := parse(t, operatorFile)
	for _, text := range []string{"sample cl", "voorbeeldkl"} {
		found, _, err := c.ListConnectable(catalogue.ConnectQuery{Text: text,
			Sample: &delivery.SampleQuery{OnlySamples: true}})
		if err != nil || len(found) != 1 || found[0].TitleIn("nl") != "Voorbeeldkliniek" ||
			found[0].TitleIn("en") != "Sample clinic" {
			t.Errorf("%q: %+v, %v", text, found, err)
		}
	}
}
