package catalogue_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/catalogue"
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
		{"samples too", catalogue.ConnectQuery{Samples: true}, []int{900202, 900201, 900206}},
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
