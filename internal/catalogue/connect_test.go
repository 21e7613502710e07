package catalogue_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

func TestListConnectable(t *testing.T) {
	t.Parallel()
	c := parse(t, operatorFile)
	for _, tt := range []struct {
		name string
		q    catalogue.ConnectQuery
		want []int
	}{
		{"pull", catalogue.ConnectQuery{}, []int{900202, 900201}},
		{"push", catalogue.ConnectQuery{Push: true}, []int{900201, 900203}},
		{"text", catalogue.ConnectQuery{Text: "utr"}, []int{900202}},
		{"postcode", catalogue.ConnectQuery{Text: "3511 AB"}, []int{900202}},
		{"signs alone", catalogue.ConnectQuery{Text: "?!"}, nil},
		{"blanks", catalogue.ConnectQuery{Text: " \t"}, []int{900202, 900201}},
		{"a very long text", catalogue.ConnectQuery{Text: strings.Repeat("utrecht ", 1<<16)}, []int{900202}},
		{"data type", catalogue.ConnectQuery{DataTypes: []string{"vaccinations", "images"}}, []int{900201}},
		{"organisation type", catalogue.ConnectQuery{OrganizationType: "general-practitioner"}, []int{900202}},
		{"both", catalogue.ConnectQuery{DataTypes: []string{"gp-data"}, OrganizationType: "hospital"}, nil},
		{"page", catalogue.ConnectQuery{Push: true, Offset: 1, Limit: 1}, []int{900203}},
		{"before the first page", catalogue.ConnectQuery{Push: true, Offset: -1, Limit: 1}, []int{900201}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found, total, err := c.ListConnectable(tt.q)
			if err != nil {
				t.Error(err)
			}
			var got []int
			for _, s := range found {
				got = append(got, s.ID)
			}
			if !slices.Equal(got, tt.want) || tt.q.Limit == 0 && total != len(tt.want) ||
				tt.q.Limit == 1 && total != 2 {
				t.Errorf("%v of %d, want %v", got, total, tt.want)
			}
		})
	}
}

// Sources of sample data are chosen by the set that is named. Those that have nothing else have to be wanted.
func TestListSamples(t *testing.T) {
	t.Parallel()
	shipped := parse(t, "")
	beside := parse(t, `{"sources":[
		{"id": 910001, "name": "Bank", "service": 900005, "types": ["pull"], "sampleData": "finance"},
		{"id": 910002, "name": "Blocked", "service": 900005, "types": ["pull"], "sampleData": "finance",
			"publishedStatus": "blocked"}
	]}`)
	gp := library.SourcesScope{OrganizationType: "general-practitioner", DataTypes: []string{"gp-data"}}
	// The bank, as its whole group; of Spotify one type of several; of the social network none that it has.
	services := []wire.ServiceGroup{
		{ID: 5, ServiceTypes: []wire.ServiceType{{ID: 19, ServiceObjectTypes: []wire.ServiceObjectType{{ID: 403}}}}},
		{ID: 3},
		{ID: 1, ServiceTypes: []wire.ServiceType{
			{ID: 900004, ServiceObjectTypes: []wire.ServiceObjectType{{ID: 403}}},
		}},
		{ID: 4, ServiceTypes: []wire.ServiceType{{ID: 19}}},
	}
	all := []int{900104, 900103, 900101, 900102, 16}
	for _, tt := range []struct {
		name string
		c    *catalogue.Catalogue
		q    delivery.SampleQuery
		want []int
	}{
		{"real sources", shipped, delivery.SampleQuery{}, nil},
		{"samples", shipped, delivery.SampleQuery{OnlySamples: true}, all},
		{"a set", shipped, delivery.SampleQuery{Set: "partial", OnlySamples: true}, all},
		{"an unknown set", shipped, delivery.SampleQuery{Set: "none", OnlySamples: true}, nil},
		{"a scope", shipped, delivery.SampleQuery{OnlySamples: true, Scope: gp}, []int{900101}},
		{"a contract's services", shipped, delivery.SampleQuery{OnlySamples: true, Services: services},
			[]int{900103, 16}},
		{"a set of a contract's services", beside, delivery.SampleQuery{Set: "test", Services: services[:1]}, nil},
		{"data of its own", beside, delivery.SampleQuery{OnlySamples: true}, nil},
		{"a set beside data of its own", beside, delivery.SampleQuery{Set: "test"}, []int{910001}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found, total, err := tt.c.ListConnectable(catalogue.ConnectQuery{Sample: &tt.q})
			var got []int
			for _, s := range found {
				got = append(got, s.ID)
				if source, err := tt.c.SampleSource(s.ID, tt.q); err != nil || source.SampleSet == "" {
					t.Errorf("%d is listed, and cannot be connected: %v", s.ID, err)
				}
			}
			if err != nil || !slices.Equal(got, tt.want) || total != len(tt.want) {
				t.Errorf("%v of %d, %v, want %v", got, total, err, tt.want)
			}
			if has, err := tt.c.HasSampleSources(tt.q); err != nil || has != (len(tt.want) > 0) {
				t.Errorf("has %t, %v", has, err)
			}
		})
	}
	// One that is named is connected also if nobody chooses it.
	if s, err := shipped.SampleSource(16, delivery.SampleQuery{}); err != nil || s.SampleSet != "default" {
		t.Errorf("named: %+v, %v", s, err)
	}
	if _, err := shipped.SampleSource(16, delivery.SampleQuery{Scope: gp}); !errors.Is(err, catalogue.ErrNotFound) {
		t.Errorf("beyond the scope: %v", err)
	}
	if shipped.ServiceName(19) != "Spotify" || shipped.ServiceGroupName(5) != "Entertainment" ||
		shipped.ServiceName(1)+shipped.ServiceGroupName(99) != "" {
		t.Error("the names of services differ")
	}
}
