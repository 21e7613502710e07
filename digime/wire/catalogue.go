package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// The responses of the discovery calls. The members that the iOS SDK requires are always sent: name, publishedStatus,
// resource.url, category, type, and the id and publishedStatus of the service.

// PublishedStatus says whether a source or a service can be used.
type PublishedStatus string

// The statuses. In filters clients may also use their numbers, 1 to 5 in this order.
const (
	Approved       PublishedStatus = "approved"       // can be used
	PendingStatus  PublishedStatus = "pending"        // is not published yet
	Deprecated     PublishedStatus = "deprecated"     // should no longer be used
	Blocked        PublishedStatus = "blocked"        // cannot be used
	SampleDataOnly PublishedStatus = "sampledataonly" // can be used with sample data
)

// Statuses are all statuses, in the order of their numbers.
var Statuses = []PublishedStatus{Approved, PendingStatus, Deprecated, Blocked, SampleDataOnly}

// The ids of the types of a source.
const (
	TypePull = 1 // data is read from it
	TypePush = 2 // data is pushed to it
)

// SourcesAnswer is the response of discovery/sources: one page of the sources that match.
type SourcesAnswer struct {
	Data   []Source `json:"data"`
	Limit  int      `json:"limit"`
	Offset int      `json:"offset"`
	// Total is the number of sources on all pages.
	Total int `json:"total"`
}

// Source is what a person can connect: an organisation that data is read from or pushed to.
type Source struct {
	ID              int             `json:"id"`
	Name            string          `json:"name"`
	Reference       string          `json:"reference,omitempty"`
	PublishedStatus PublishedStatus `json:"publishedStatus"`
	PublishedDate   PublishedDate   `json:"publishedDate,omitzero"`
	// Onboardable says that the source can be connected.
	Onboardable bool `json:"onboardable"`
	// Dynamic says that the source comes from a list that the server updates by itself.
	Dynamic  bool          `json:"dynamic"`
	Resource Resource      `json:"resource"`
	Service  SourceService `json:"service"`
	Category []Category    `json:"category"`
	Country  []Country     `json:"country,omitempty"`
	Platform []Platform    `json:"platform,omitempty"`
	Type     []SourceType  `json:"type"`
	Address  Addresses     `json:"address,omitempty"`
	// JSON is further information. Its form is free, except for authorisation.type: "saas", "sdk" or "none".
	JSON json.RawMessage `json:"json,omitempty"`
}

// SourceService is the service that a source belongs to. Its id is the id of a [ServiceType].
type SourceService struct {
	ID              int             `json:"id"`
	Name            string          `json:"name,omitempty"`
	Reference       string          `json:"reference,omitempty"`
	PublishedStatus PublishedStatus `json:"publishedStatus"`
	PublishedDate   PublishedDate   `json:"publishedDate,omitzero"`
	ServiceTypeID   int             `json:"serviceTypeId,omitempty"`
	Dynamic         bool            `json:"dynamic,omitempty"`
	JSON            json.RawMessage `json:"json,omitempty"`
}

// Category is a group of services.
type Category struct {
	ID               int             `json:"id"`
	CategoryTypeID   int             `json:"categoryTypeId,omitempty"`
	Name             string          `json:"name,omitempty"`
	Reference        string          `json:"reference,omitempty"`
	Resource         *Resource       `json:"resource,omitempty"`
	Title            string          `json:"title,omitempty"`
	SubTitle         string          `json:"subTitle,omitempty"`
	ExpandedTitle    string          `json:"expandedTitle,omitempty"`
	ExpandedSubTitle string          `json:"expandedSubTitle,omitempty"`
	JSON             json.RawMessage `json:"json,omitempty"`
}

// Country is the country of a source. Its code is that of ISO 3166-1 with two letters, in lower case. The iOS SDK
// requires name and code, and refuses a json that is not a text, so that there is none.
type Country struct {
	ID       int       `json:"id"`
	Name     string    `json:"name,omitempty"`
	Code     string    `json:"code,omitempty"`
	Resource *Resource `json:"resource,omitempty"`
}

// Platform is a kind of device on which a source can be connected.
type Platform struct {
	ID        int             `json:"id"`
	Name      string          `json:"name,omitempty"`
	Reference string          `json:"reference,omitempty"`
	JSON      json.RawMessage `json:"json,omitempty"`
}

// SourceType is what is done with a source: pull or push.
type SourceType struct {
	ID        int    `json:"id"`
	Name      string `json:"name,omitempty"`
	Reference string `json:"reference,omitempty"`
}

// SourceTypes are all types.
var SourceTypes = []SourceType{
	{ID: TypePull, Name: "pull", Reference: "pull"},
	{ID: TypePush, Name: "push", Reference: "push"},
}

// Resource is a picture.
type Resource struct {
	URL      string `json:"url,omitempty"`
	MIMEType string `json:"mimetype,omitempty"`
	// Resize and Type have a meaning for digi.me only.
	Resize string `json:"resize,omitempty"`
	Type   int    `json:"type,omitempty"`
}

// UnmarshalJSON also accepts a list, as older responses have it, and takes its first element.
func (r *Resource) UnmarshalJSON(b []byte) error {
	type plain Resource
	return firstOf(b, (*plain)(r))
}

// Address is the postal address of an organisation.
type Address struct {
	City         string `json:"city"`
	StreetName   string `json:"streetName"`
	StreetNumber string `json:"streetNumber"`
	ZipCode      string `json:"zipCode"`
}

// Addresses are the addresses of a source.
type Addresses []Address

// UnmarshalJSON also accepts a single address.
func (a *Addresses) UnmarshalJSON(b []byte) error {
	if !bytes.HasPrefix(b, []byte("{")) {
		return json.Unmarshal(b, (*[]Address)(a))
	}
	*a = make(Addresses, 1)
	return json.Unmarshal(b, &(*a)[0])
}

func firstOf(b []byte, v any) error {
	if !bytes.HasPrefix(b, []byte("[")) {
		return json.Unmarshal(b, v)
	}
	var list []json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil || len(list) == 0 {
		return err
	}
	return json.Unmarshal(list[0], v)
}

// PublishedDate is the time of a publication in Unix milliseconds.
type PublishedDate Millis

// Time returns d as a [time.Time] in UTC, and the zero time for 0.
func (d PublishedDate) Time() time.Time {
	if d == 0 {
		return time.Time{}
	}
	return Millis(d).Time()
}

// UnmarshalJSON also accepts the text of a time, as an older version of the iOS SDK did.
func (d *PublishedDate) UnmarshalJSON(b []byte) error {
	if !bytes.HasPrefix(b, []byte(`"`)) {
		return (*Millis)(d).UnmarshalJSON(b)
	}
	var t time.Time
	if err := json.Unmarshal(b, &t); err != nil {
		return fmt.Errorf("want a number or a text like 2026-11-24T06:00:00Z for a date: %w", err)
	}
	*d = PublishedDate(MillisOf(t))
	return nil
}

// CategoriesAnswer is the response of discovery/categories.
type CategoriesAnswer struct {
	Data []Category `json:"data"`
}

// CountriesAnswer is the response of discovery/countries.
type CountriesAnswer struct {
	Data []Country `json:"data"`
}

// PlatformsAnswer is the response of discovery/platforms.
type PlatformsAnswer struct {
	Data []Platform `json:"data"`
}

// SourceTypesAnswer is the response of discovery/sourceTypes.
type SourceTypesAnswer struct {
	Data []SourceType `json:"data"`
}

// SampleDataSet is invented data that can replace the data of a source. The response of
// permission-access/sample/datasets is an object of them, by their id.
type SampleDataSet struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}
