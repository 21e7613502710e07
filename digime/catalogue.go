package digime

import (
	"encoding/json"
	"time"
)

// PublishedStatus says whether a source or a service can be used.
type PublishedStatus string

// The statuses. A source can be connected if the source and its service are approved, and with sample data also if the
// source is [SourceSampleDataOnly].
const (
	// SourceApproved can be used.
	SourceApproved PublishedStatus = "approved"
	// SourcePending is not published yet.
	SourcePending PublishedStatus = "pending"
	// SourceDeprecated should no longer be used.
	SourceDeprecated PublishedStatus = "deprecated"
	// SourceBlocked cannot be used.
	SourceBlocked PublishedStatus = "blocked"
	// SourceSampleDataOnly can be used with sample data.
	SourceSampleDataOnly PublishedStatus = "sampledataonly"
)

// Source is what a person can connect: an organisation that data is read from or pushed to. It marshals to the JSON of
// the protocol.
type Source struct {
	// ID identifies the source, also in [AuthorizeOptions] and [OnboardOptions].
	ID SourceID
	// Name is the name that people see.
	Name string
	// Reference is the name for programs.
	Reference string
	// Status says whether the source can be used.
	Status PublishedStatus
	// PublishedAt is when the source was published; zero if that is not known.
	PublishedAt time.Time
	// Onboardable says that the source can be connected.
	Onboardable bool
	// Dynamic says that the source comes from a list that the server updates by itself.
	Dynamic bool
	// Logo is the picture of the source.
	Logo SourceLogo
	// Service is the service that the source belongs to.
	Service Service
	// Categories are the categories of the source.
	Categories []Category
	// Countries are the countries of the source.
	Countries []Country
	// Platforms are the platforms on which the source can be connected.
	Platforms []Platform
	// Types say what can be done with the source.
	Types []SourceTypeInfo
	// Addresses are the postal addresses of the organisation.
	Addresses []SourceAddress
	// JSON is further information. Its form is free, except for authorisation.type: "saas", "sdk" or "none".
	JSON json.RawMessage
}

// Service is the service that a source belongs to.
type Service struct {
	// ID identifies the service, also in [ServiceScope].
	ID ServiceID
	// Name is the name that people see.
	Name string
	// Reference is the name for programs.
	Reference string
	// Status says whether the service can be used.
	Status PublishedStatus
	// PublishedAt is when the service was published; zero if that is not known.
	PublishedAt time.Time
	// TypeID is a number of digi.me's own.
	TypeID int
	// Dynamic says that the service comes from a list that the server updates by itself.
	Dynamic bool
	// JSON is further information, in a free form.
	JSON json.RawMessage
}

// SourceTypeInfo describes a [SourceType].
type SourceTypeInfo struct {
	// ID is the number of the type.
	ID int
	// Name is the name that people see.
	Name string
	// Reference is the type.
	Reference SourceType
}

// SourceLogo is a picture.
type SourceLogo struct {
	// URL is the address of the picture.
	URL string
	// MIMEType is its type, such as "image/png".
	MIMEType string
	// Resize is a text of digi.me's own.
	Resize string
	// Type is a number of digi.me's own.
	Type int
}

// SourceAddress is the postal address of an organisation.
type SourceAddress struct {
	// City is the city.
	City string
	// StreetName is the street without the number.
	StreetName string
	// StreetNumber is the number in the street.
	StreetNumber string
	// ZipCode is the postal code.
	ZipCode string
}

// Category is a group of services. It marshals to the JSON of the protocol.
type Category struct {
	// ID identifies the category.
	ID CategoryID
	// TypeID is a number of digi.me's own.
	TypeID int
	// Name is the name that people see.
	Name string
	// Reference is the name for programs.
	Reference string
	// Logo is the picture of the category.
	Logo SourceLogo
	// Title is a title for a list of the sources.
	Title string
	// SubTitle is the line below Title.
	SubTitle string
	// ExpandedTitle is a title for the same list when it is open.
	ExpandedTitle string
	// ExpandedSubTitle is the line below ExpandedTitle.
	ExpandedSubTitle string
	// JSON is further information, in a free form.
	JSON json.RawMessage
}

// Country is the country of a source. It marshals to the JSON of the protocol.
type Country struct {
	// ID identifies the country.
	ID CountryID
	// Name is the name that people see.
	Name string
	// Code is the code of ISO 3166-1 with two letters, in lower case.
	Code string
	// Logo is the picture of the country.
	Logo SourceLogo
}

// Platform is a kind of device on which a source can be connected.
type Platform struct {
	// ID identifies the platform.
	ID PlatformID `json:"id"`
	// Name is the name that people see.
	Name string `json:"name,omitempty"`
	// Reference is the name for programs.
	Reference string `json:"reference,omitempty"`
	// JSON is further information, in a free form.
	JSON json.RawMessage `json:"json,omitempty"`
}

// SampleDataSet is invented data that can replace the data of a source.
type SampleDataSet struct {
	// Name is the name that people see.
	Name string `json:"name"`
	// Description says what the data is.
	Description string `json:"description"`
}

// SourcesPage is one page of the result of [Contract.ListSources].
type SourcesPage struct {
	// Sources are the sources of this page.
	Sources []Source
	// Total is the number of sources on all pages.
	Total int
	// Limit is the largest number of sources that the page can hold.
	Limit int
	// Offset is the number of sources on the pages before this one.
	Offset int
}
