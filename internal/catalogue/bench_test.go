package catalogue_test

import (
	"fmt"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
)

// manyProviders returns a catalogue with as many care providers as a country has.
func manyProviders(t testing.TB, providers int) (*catalogue.Catalogue, *fakeLister) {
	names := []string{"Huisartsenpraktijk", "Gezondheidscentrum", "Fysiotherapie", "Ziekenhuis", "Apotheek",
		"Tandartsenpraktijk"}
	cities := []string{"Utrecht", "Amsterdam", "’s-Hertogenbosch", "Súdwest-Fryslân", "Groningen", "Nijmegen", "Zwolle",
		"Delft"}
	d := catalogue.Directory{}
	var list []catalogue.Source
	for i := range providers {
		p := fmt.Sprintf("zorg%d", i)
		d[p] = catalogue.Provider{Name: fmt.Sprintf("%s De Linde %d", names[i%len(names)], i),
			Alias: []string{fmt.Sprintf("Linde nummer %d", i)},
			City:  cities[i%len(cities)], ZipCode: fmt.Sprintf("%d AB", 1000+i%9000),
			OrganizationType: catalogue.OrganizationTypes[i%len(catalogue.OrganizationTypes)]}
		list = append(list, catalogue.MedMijSource(delivery.ProviderKey("medmij:"+p+"~53"), p, "53",
			"Meetwaarden vitale functies", d))
	}
	b := &fakeLister{}
	b.write(list...)
	return parse(t, operatorFile, b), b
}

func BenchmarkSearch(b *testing.B) {
	c, _ := manyProviders(b, 10_000)
	push := wire.SourceFilter{Type: wire.IDFilter{ID: []int{wire.TypePush}}}
	for name, r := range map[string]wire.SourcesRequest{
		"all":     {Query: wire.SourceQuery{Filter: push}},
		"words":   {Query: wire.SourceQuery{Filter: push, QueryString: "linde 777"}},
		"nothing": {Query: wire.SourceQuery{Filter: push, QueryString: "zzz"}},
		"fields": {Query: wire.SourceQuery{Filter: push,
			Search: map[string][]string{"name": {"linde"}, "alias": {"linde"}, "address.zipCode": {"3511 AB"}}}},
		"filters": {Query: wire.SourceQuery{Filter: wire.SourceFilter{Type: push.Type,
			Country: wire.IDFilter{ID: []int{528}}, Category: wire.IDFilter{ID: []int{2}},
			Platform: wire.IDFilter{ID: []int{900002}}}}},
		"longpage": {Limit: wire.MaxLimit, Query: wire.SourceQuery{Filter: push}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Search(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkChoose(b *testing.B) {
	c, _ := manyProviders(b, 10_000)
	q := catalogue.ConnectQuery{Push: true, Text: "huisarts utr", DataTypes: []string{"measurements-vital-signs"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := c.ListConnectable(q); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRebuild measures the first search after a list has changed.
func BenchmarkRebuild(b *testing.B) {
	c, lister := manyProviders(b, 10_000)
	list, _, _ := lister.ListSources()
	b.ReportAllocs()
	for b.Loop() {
		lister.write(list...)
		if _, _, err := c.ListConnectable(catalogue.ConnectQuery{Push: true}); err != nil {
			b.Fatal(err)
		}
	}
}
