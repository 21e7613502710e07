package catalogue

import (
	_ "embed" // the picture of what has none of its own
	"encoding/base64"
	"encoding/json"
	"mime"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
)

// Source is where a person's data comes from or can be sent to.
type Source struct {
	ID   int
	Name string
	// Detail tells apart what goes by the same name: which of a provider's services it
	// is. It may be empty.
	Detail string
	// Title is the name, and the detail too if another source has the same name at the
	// same place. The catalogue sets it.
	Title     string
	Reference string

	// What else a source is found by.
	Alias                                     []string
	Abbreviation, MedicalCenter, Practitioner string
	Address                                   Address

	// Of what a source belongs to, a listing gives the ids; the catalogue fills in the
	// rest. Without platforms it is for all of them.
	Service   Service
	Countries []wire.Country
	Platforms []wire.Platform

	Pull, Push bool
	Status     wire.PublishedStatus
	Published  time.Time
	// Dynamic says that it comes from a listing.
	Dynamic bool
	// Logo is the address of a picture; empty if there is none.
	Logo string
	JSON json.RawMessage

	// Provider is what connects it; empty for a source that cannot be connected.
	Provider delivery.ProviderKey
	Version  fhir.Version
	// DataTypes and OrganizationType are what an application may narrow the choice by;
	// see [DataTypes] and [OrganizationTypes].
	DataTypes        []string
	OrganizationType string
	// SampleDataSets are the invented data that can stand in for a person's, by id.
	SampleDataSets map[string]wire.SampleDataSet
}

// Address is where a provider is; any part may be empty.
type Address struct {
	City         string `json:"city"`
	ZipCode      string `json:"zipCode"`
	StreetName   string `json:"streetName"`
	StreetNumber string `json:"streetNumber"`
}

// Service is what sources of one kind belong to.
type Service struct {
	ID        int
	Name      string
	Reference string
	Status    wire.PublishedStatus
	Published time.Time
	Category  wire.Category
	JSON      json.RawMessage
}

// Usable reports whether a person can connect the source now.
func (s *Source) Usable() bool {
	return s.Status == wire.Approved && s.Service.Status == wire.Approved && s.Provider != ""
}

// Sampled reports whether invented data can be had instead of a person's own.
func (s *Source) Sampled() bool {
	return (s.Status == wire.Approved || s.Status == wire.SampleDataOnly) && s.Service.Status == wire.Approved &&
		len(s.SampleDataSets) > 0
}

// Offers reports whether the source has one of some data types and is an organisation
// of a type; what is empty is not asked for.
func (s *Source) Offers(dataTypes []string, organizationType string) bool {
	return (organizationType == "" || s.OrganizationType == organizationType) &&
		(len(dataTypes) == 0 || slices.ContainsFunc(s.DataTypes, func(t string) bool { return slices.Contains(dataTypes, t) }))
}

// library is the source as far as the rules need to know it.
func (s *Source) library() delivery.Source {
	return delivery.Source{
		ID: s.ID, Name: s.Title, Reference: s.Reference, Provider: s.Provider, Push: s.Push, Version: s.Version,
		ServiceID: s.Service.ID, ServiceName: s.Service.Name, ServiceReference: s.Service.Reference,
		GroupID: s.Service.Category.ID, GroupName: s.Service.Category.Name, Logo: s.Logo,
	}
}

// wire is the source as it travels, with those fields that are asked for.
func (s *Source) wire(in fields) wire.Source {
	out := wire.Source{
		ID: s.ID, Name: s.Title, PublishedStatus: s.Status, Onboardable: s.Usable() || s.Sampled(), Dynamic: s.Dynamic,
		Resource: resource(s.Logo), Service: wire.SourceService{ID: s.Service.ID, PublishedStatus: s.Service.Status},
		Category: []wire.Category{pruneCategory(s.Service.Category, in, "category.")},
		Type:     make([]wire.SourceType, 0, 2),
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
		out.PublishedDate = date(s.Published)
	}
	if in.has("json") {
		out.JSON = s.JSON
		if out.JSON == nil {
			out.JSON = saas
		}
	}
	if a := s.Address; in.has("address") && a != (Address{}) {
		out.Address = wire.Addresses{{City: a.City, StreetName: a.StreetName, StreetNumber: a.StreetNumber, ZipCode: a.ZipCode}}
	}
	if in.has("service.name") {
		out.Service.Name = s.Service.Name
	}
	if in.has("service.reference") {
		out.Service.Reference = s.Service.Reference
	}
	if in.has("service.publishedDate") {
		out.Service.PublishedDate = date(s.Service.Published)
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
	if in.any("country") {
		for _, c := range s.Countries {
			out.Country = append(out.Country, pruneCountry(c, in, "country."))
		}
	}
	if in.any("platform") {
		for _, p := range s.Platforms {
			out.Platform = append(out.Platform, prunePlatform(p, in, "platform."))
		}
	}
	return out
}

// saas says that a source is connected through the pages; it stands where nothing
// else is said.
var saas = json.RawMessage(`{"authorisation":{"type":"saas"}}`)

func date(t time.Time) wire.PublishedDate {
	if t.IsZero() {
		return 0
	}
	return wire.PublishedDate(wire.MillisOf(t))
}

//go:embed logo.png
var logo []byte

// noLogo stands for a picture where there is none: the iOS client cannot be without an
// address of one.
var noLogo = wire.Resource{URL: "data:image/png;base64," + base64.StdEncoding.EncodeToString(logo), MIMEType: "image/png"}

func resource(url string) wire.Resource {
	if url == "" {
		return noLogo
	}
	return wire.Resource{URL: url, MIMEType: pictureType(url)}
}

// pictureType is the type of a picture as its address tells it.
func pictureType(url string) string {
	if rest, ok := strings.CutPrefix(url, "data:"); ok {
		kind, _, _ := strings.Cut(rest, ",")
		kind, _, _ = strings.Cut(kind, ";")
		return kind
	}
	url, _, _ = strings.Cut(url, "?")
	kind, _, _ := strings.Cut(mime.TypeByExtension(path.Ext(url)), ";")
	if !strings.HasPrefix(kind, "image/") {
		return "image/png"
	}
	return kind
}

// fields are the names that a query asks to include; nil means all.
type fields map[string]bool

func fieldsOf(include []string) fields {
	if len(include) == 0 {
		return nil
	}
	in := fields{}
	for _, name := range include {
		in[name] = true
	}
	return in
}

// has reports whether a field is asked for, by itself or with the whole that it is a
// part of.
func (in fields) has(name string) bool {
	whole, _, _ := strings.Cut(name, ".")
	return in == nil || in[name] || in[whole]
}

// any reports whether the whole is asked for, or a part of it.
func (in fields) any(whole string) bool {
	if in.has(whole) {
		return true
	}
	for name := range in {
		if strings.HasPrefix(name, whole+".") {
			return true
		}
	}
	return false
}
