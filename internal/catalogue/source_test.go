package catalogue_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/library"
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
