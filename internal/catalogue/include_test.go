package catalogue_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
)

func TestInclude(t *testing.T) {
	t.Parallel()
	c := parse(t, operatorFile)
	for _, tt := range []struct {
		include string
		members []string // in addition to those that are always present
		parts   map[string]string
	}{
		{`["id","name","service.id"]`, nil, map[string]string{"service": "id publishedStatus", "category": "id"}},
		{`["reference","publishedDate"]`, []string{"reference", "publishedDate"}, nil},
		{`["service"]`, nil,
			map[string]string{"service": "id name publishedDate publishedStatus reference serviceTypeId"}},
		{`["service.name","service.reference"]`, nil,
			map[string]string{"service": "id name publishedStatus reference"}},
		{`["category"]`, nil, map[string]string{"category": "categoryTypeId id name reference"}},
		{`["category.name"]`, nil, map[string]string{"category": "id name"}},
		{`["country.code"]`, []string{"country"}, map[string]string{"country": "code id name"}},
		{`["platform.name"]`, []string{"platform"}, map[string]string{"platform": "id name"}},
		{`["platform"]`, []string{"platform"}, map[string]string{"platform": "id name reference"}},
		{`["address","json"]`, []string{"address", "json"}, nil},
		{`["what.is.this"]`, nil, nil},
	} {
		t.Run(tt.include, func(t *testing.T) {
			a := search(t, c, `{"query":{"include":`+tt.include+`,"filter":{"id":[900201]}}}`)
			var got struct{ Data []map[string]any }
			text := marshal(t, a)
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatal(err)
			}
			if err := acceptable(text); err != nil {
				t.Error(err)
			}
			want := slices.Sorted(slices.Values(slices.Concat(tt.members, alwaysPresent)))
			if have := slices.Sorted(maps.Keys(got.Data[0])); !slices.Equal(have, want) {
				t.Errorf("%v, want %v", have, want)
			}
			for name, parts := range tt.parts {
				v := got.Data[0][name]
				if list, ok := v.([]any); ok {
					v = list[0]
				}
				if have := strings.Join(slices.Sorted(maps.Keys(v.(map[string]any))), " "); have != parts {
					t.Errorf("%s has %q, want %q", name, have, parts)
				}
			}
		})
	}
}

func TestIncludeEverything(t *testing.T) {
	t.Parallel()
	c := parse(t, operatorFile)
	everything := slices.Sorted(slices.Values(append([]string{"reference", "publishedDate", "country", "platform",
		"address", "json"}, alwaysPresent...)))
	a := search(t, c, `{"query":{"filter":{"id":[900201]}}}`)
	var got struct{ Data []map[string]any }
	if err := json.Unmarshal(marshal(t, a), &got); err != nil {
		t.Fatal(err)
	}
	if have := slices.Sorted(maps.Keys(got.Data[0])); !slices.Equal(have, everything) {
		t.Errorf("without include: %v, want %v", have, everything)
	}
	s := a.Data[0]
	if s.Resource != (wire.Resource{URL: "https://elan.example/logo.svg", MIMEType: "image/svg+xml"}) ||
		s.PublishedDate != 1767312000000 ||
		s.Address[0].ZipCode != "5211 AB" || len(s.Country) != 2 || s.Country[0].Code != "nl" ||
		s.Country[0].ID != 528 || len(s.Type) != 2 || !s.Onboardable {
		t.Errorf("%+v", s)
	}
}

// alwaysPresent are the members that every source has.
var alwaysPresent = []string{
	"category", "dynamic", "id", "name", "onboardable", "publishedStatus", "resource", "service",
	"type"}
