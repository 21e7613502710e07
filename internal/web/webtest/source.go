package webtest

import (
	"fmt"

	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
)

// Sources to connect. Oosterwal takes documents and answers, the others measurements.
var (
	Lucas     = newSource("lucas", "53", "Sint Lucas Hospital", "hospital", "Utrecht")
	Linde     = newSource("linde", "53", "De Linde general practice", "general-practitioner", "Nieuwegein")
	Oosterwal = newSource("oosterwal", "57", "Oosterwal", "physiotherapy", "Zeist")
)

func newSource(provider, service, name, kind, city string) catalogue.Source {
	key := delivery.ProviderKey("fake:" + provider + "~" + service)
	return catalogue.MedMijSource(key, provider+"@medmij", service, "Service "+service, catalogue.Directory{
		provider: {Name: name, City: city, ZipCode: "3511 AB", OrganizationType: kind},
	})
}

// ManySources are Lucas, Linde, and n general practices.
func ManySources(n int) []catalogue.Source {
	list := []catalogue.Source{Lucas, Linde}
	for i := range n {
		key := fmt.Sprintf("praktijk%c%c%c", 'a'+i/676%26, 'a'+i/26%26, 'a'+i%26)
		list = append(list, newSource(key, "53", fmt.Sprintf("Practice %03d", i), "general-practitioner", "Almere"))
	}
	return list
}

// SourceID is the data-testid of a source's button.
func SourceID(s catalogue.Source) string { return fmt.Sprintf("service-%d", s.ID) }
