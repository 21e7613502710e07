package digime

import (
	"encoding/json"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// MarshalJSON writes the JSON of the protocol.
func (s Source) MarshalJSON() ([]byte, error) {
	return json.Marshal(wire.Source{
		ID: int(s.ID), Name: s.Name, Reference: s.Reference, PublishedStatus: wire.PublishedStatus(s.Status),
		PublishedDate: wire.PublishedDate(millisOf(s.PublishedAt)), Onboardable: s.Onboardable, Dynamic: s.Dynamic,
		Resource: wire.Resource(s.Logo),
		Service: wire.SourceService{
			ID: int(s.Service.ID), Name: s.Service.Name, Reference: s.Service.Reference,
			PublishedStatus: wire.PublishedStatus(s.Service.Status),
			PublishedDate:   wire.PublishedDate(millisOf(s.Service.PublishedAt)),
			ServiceTypeID:   s.Service.TypeID, Dynamic: s.Service.Dynamic, JSON: s.Service.JSON,
		},
		Category: mapAll(s.Categories, Category.wire),
		Country:  mapAll(s.Countries, Country.wire),
		Platform: mapAll(s.Platforms, func(p Platform) wire.Platform {
			return wire.Platform{ID: int(p.ID), Name: p.Name, Reference: p.Reference, JSON: p.JSON}
		}),
		Type: mapAll(s.Types, func(t SourceTypeInfo) wire.SourceType {
			return wire.SourceType{ID: t.ID, Name: t.Name, Reference: string(t.Reference)}
		}),
		Address: mapAll(s.Addresses, func(a SourceAddress) wire.Address { return wire.Address(a) }),
		JSON:    s.JSON,
	})
}

// UnmarshalJSON reads the JSON of the protocol.
func (s *Source) UnmarshalJSON(data []byte) error {
	var w wire.Source
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*s = Source{
		ID: SourceID(w.ID), Name: w.Name, Reference: w.Reference, Status: PublishedStatus(w.PublishedStatus),
		PublishedAt: publishedAt(w.PublishedDate), Onboardable: w.Onboardable, Dynamic: w.Dynamic,
		Logo: SourceLogo(w.Resource),
		Service: Service{
			ID: ServiceID(w.Service.ID), Name: w.Service.Name, Reference: w.Service.Reference,
			Status: PublishedStatus(w.Service.PublishedStatus), PublishedAt: publishedAt(w.Service.PublishedDate),
			TypeID: w.Service.ServiceTypeID, Dynamic: w.Service.Dynamic, JSON: w.Service.JSON,
		},
		Categories: mapAll(w.Category, categoryOf),
		Countries:  mapAll(w.Country, countryOf),
		Platforms: mapAll(w.Platform, func(p wire.Platform) Platform {
			return Platform{ID: PlatformID(p.ID), Name: p.Name, Reference: p.Reference, JSON: p.JSON}
		}),
		Types: mapAll(w.Type, func(t wire.SourceType) SourceTypeInfo {
			return SourceTypeInfo{ID: t.ID, Name: t.Name, Reference: SourceType(t.Reference)}
		}),
		Addresses: mapAll(w.Address, func(a wire.Address) SourceAddress { return SourceAddress(a) }),
		JSON:      w.JSON,
	}
	return nil
}

func publishedAt(d wire.PublishedDate) time.Time { return timeOf(wire.Millis(d)) }

func (c Category) wire() wire.Category {
	return wire.Category{
		ID: int(c.ID), CategoryTypeID: c.TypeID, Name: c.Name, Reference: c.Reference, Resource: c.Logo.wire(),
		Title: c.Title, SubTitle: c.SubTitle, ExpandedTitle: c.ExpandedTitle, ExpandedSubTitle: c.ExpandedSubTitle,
		JSON: c.JSON,
	}
}

func categoryOf(w wire.Category) Category {
	return Category{
		ID: CategoryID(w.ID), TypeID: w.CategoryTypeID, Name: w.Name, Reference: w.Reference, Logo: logoOf(w.Resource),
		Title: w.Title, SubTitle: w.SubTitle, ExpandedTitle: w.ExpandedTitle, ExpandedSubTitle: w.ExpandedSubTitle,
		JSON: w.JSON,
	}
}

// MarshalJSON writes the JSON of the protocol.
func (c Category) MarshalJSON() ([]byte, error) { return json.Marshal(c.wire()) }

// UnmarshalJSON reads the JSON of the protocol.
func (c *Category) UnmarshalJSON(data []byte) error {
	var w wire.Category
	err := json.Unmarshal(data, &w)
	*c = categoryOf(w)
	return err
}

func (c Country) wire() wire.Country {
	return wire.Country{ID: int(c.ID), Name: c.Name, Code: c.Code, Resource: c.Logo.wire()}
}

func countryOf(w wire.Country) Country {
	return Country{ID: CountryID(w.ID), Name: w.Name, Code: w.Code, Logo: logoOf(w.Resource)}
}

// MarshalJSON writes the JSON of the protocol.
func (c Country) MarshalJSON() ([]byte, error) { return json.Marshal(c.wire()) }

// UnmarshalJSON reads the JSON of the protocol.
func (c *Country) UnmarshalJSON(data []byte) error {
	var w wire.Country
	err := json.Unmarshal(data, &w)
	*c = countryOf(w)
	return err
}

func logoOf(w *wire.Resource) SourceLogo {
	if w == nil {
		return SourceLogo{}
	}
	return SourceLogo(*w)
}

func (l SourceLogo) wire() *wire.Resource {
	if l == (SourceLogo{}) {
		return nil
	}
	w := wire.Resource(l)
	return &w
}
