package catalogue

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
)

// Source is a source of a person's data, or a destination for it.
type Source struct {
	ID   int
	Name string
	// Names are translations of the name, by language, such as "nl". There may be none.
	Names map[string]string
	// Detail is the name of the provider's service, which distinguishes sources of the
	// same name. It may be empty.
	Detail string
	// Title is the name, followed by the detail if another source has the same name at
	// the same place. The catalogue sets it.
	Title string
	// Reference is a technical name, such as "huisartslinde~53".
	Reference string

	// Other texts that are searched.
	Alias                                     []string
	Abbreviation, MedicalCenter, Practitioner string
	Address                                   Address

	// A lister sets only the ids of these, and the catalogue fills in the rest. A source
	// without platforms is for all platforms.
	Service   Service
	Countries []wire.Country
	Platforms []wire.Platform

	// Pull and Push are set if data can be collected from the source, and sent to it.
	Pull, Push bool
	// Status and Published are shown to clients. A status other than approved also limits
	// how the source can be connected.
	Status    wire.PublishedStatus
	Published time.Time
	// Dynamic is set if the source comes from a lister.
	Dynamic bool
	// Logo is the URL of an image, or empty.
	Logo string
	// JSON is additional information for clients, or nil.
	JSON json.RawMessage

	// Provider identifies the source to package delivery. It is empty if the source
	// cannot be connected.
	Provider delivery.ProviderKey
	// Version is the version of FHIR that can be sent to the source.
	Version fhir.Version
	// DataTypes and OrganizationType describe the source. An application may restrict the
	// choice of sources to some of the [DataTypes] and [OrganizationTypes].
	DataTypes        []string
	OrganizationType string
	// SampleData is the collection of [sampledata] that can be used instead of a person's
	// data; empty if there is none.
	SampleData string
}

// Address is the address of a provider; any part may be empty.
type Address struct {
	City         string `json:"city"`
	ZipCode      string `json:"zipCode"`
	StreetName   string `json:"streetName"`
	StreetNumber string `json:"streetNumber"`
}

// Service is a service that sources belong to, such as MedMij.
type Service struct {
	ID        int
	Name      string
	Reference string
	Status    wire.PublishedStatus
	Published time.Time
	Category  wire.Category
	JSON      json.RawMessage
}

// Connectable reports whether a person can connect the source now.
func (s *Source) Connectable() bool {
	return s.Status == wire.Approved && s.Service.Status == wire.Approved && s.Provider != ""
}

// HasSampleData reports whether the source can be connected with sample data.
func (s *Source) HasSampleData() bool {
	return (s.Status == wire.Approved || s.Status == wire.SampleDataOnly) && s.Service.Status == wire.Approved &&
		s.SampleData != ""
}

// TitleIn returns the title with the name in a language, if that is translated.
func (s *Source) TitleIn(language string) string {
	if name := s.Names[language]; name != "" {
		return name + strings.TrimPrefix(s.Title, s.Name)
	}
	return s.Title
}

// SourceName returns the title of a source in a language, and without an id that of a source which has the title. It is
// empty if there is no such source.
func (c *Catalogue) SourceName(id int, title, language string) string {
	x := c.currentIndex()
	i, ok := x.byID[id]
	if id == 0 {
		i, ok = x.byTitle[title]
	}
	if !ok {
		return ""
	}
	return x.entries[i].TitleIn(language)
}

// Matches reports whether the source has one of the data types and is an organisation
// of the type. Empty arguments match every source.
func (s *Source) Matches(dataTypes []string, organizationType string) bool {
	return (organizationType == "" || s.OrganizationType == organizationType) &&
		(len(dataTypes) == 0 ||
			slices.ContainsFunc(s.DataTypes, func(t string) bool { return slices.Contains(dataTypes, t) }))
}

// toDelivery returns the parts of the source that package delivery uses.
func (s *Source) toDelivery() delivery.Source {
	return delivery.Source{
		ID:               s.ID,
		Name:             s.Title,
		Reference:        s.Reference,
		Provider:         s.Provider,
		Push:             s.Push,
		Version:          s.Version,
		ServiceID:        s.Service.ID,
		ServiceName:      s.Service.Name,
		ServiceReference: s.Service.Reference,
		GroupID:          s.Service.Category.ID,
		GroupName:        s.Service.Category.Name,
		Logo:             s.Logo,
	}
}

// toWire returns the source with the fields that a query asks for.
func (s *Source) toWire(in includeFields) wire.Source {
	out := wire.Source{
		ID:              s.ID,
		Name:            s.Title,
		PublishedStatus: s.Status,
		Onboardable:     s.Connectable() || s.HasSampleData(),
		Dynamic:         s.Dynamic,
		Resource:        logoResource(s.Logo),
		Service:         wire.SourceService{ID: s.Service.ID, PublishedStatus: s.Service.Status},
		Category:        []wire.Category{pruneCategory(s.Service.Category, in, "category.")},
		Type:            make([]wire.SourceType, 0, 2),
	}
	for i, has := range []bool{s.Pull, s.Push} {
		if has {
			out.Type = append(out.Type, wire.SourceTypes[i])
		}
	}
	if in.has("reference") {
		out.Reference = s.Reference
	}
	if in.has("publishedDate") {
		out.PublishedDate = publishedDate(s.Published)
	}
	if in.has("json") {
		out.JSON = s.JSON
		if out.JSON == nil {
			out.JSON = defaultSourceJSON
		}
	}
	if a := s.Address; in.has("address") && a != (Address{}) {
		out.Address = wire.Addresses{{
			City:         a.City,
			StreetName:   a.StreetName,
			StreetNumber: a.StreetNumber,
			ZipCode:      a.ZipCode,
		}}
	}
	if in.has("service.name") {
		out.Service.Name = s.Service.Name
	}
	if in.has("service.reference") {
		out.Service.Reference = s.Service.Reference
	}
	if in.has("service.publishedDate") {
		out.Service.PublishedDate = publishedDate(s.Service.Published)
	}
	if in.has("service.serviceTypeId") {
		out.Service.ServiceTypeID = s.Service.ID
	}
	if in.has("service.dynamic") {
		out.Service.Dynamic = s.Dynamic
	}
	if in.has("service.json") {
		out.Service.JSON = s.Service.JSON
	}
	if in.hasAnyPart("country") {
		for _, c := range s.Countries {
			out.Country = append(out.Country, pruneCountry(c, in, "country."))
		}
	}
	if in.hasAnyPart("platform") {
		for _, p := range s.Platforms {
			out.Platform = append(out.Platform, prunePlatform(p, in, "platform."))
		}
	}
	return out
}

// defaultSourceJSON says that a source is connected through the web pages.
var defaultSourceJSON = json.RawMessage(`{"authorisation":{"type":"saas"}}`)

func publishedDate(t time.Time) wire.PublishedDate {
	if t.IsZero() {
		return 0
	}
	return wire.PublishedDate(wire.MillisOf(t))
}
