package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// The shapes of the discovery calls' answers. What the iOS client refuses to be
// without is always sent: name, publishedStatus, resource.url, category, type and a
// service's id and publishedStatus.

// PublishedStatus says whether something can be used.
type PublishedStatus string

// The statuses. In filters clients may also give them as numbers, 1 to 5 in this
// order.
const (
	Approved       PublishedStatus = "approved"
	PendingStatus  PublishedStatus = "pending"
	Deprecated     PublishedStatus = "deprecated"
	Blocked        PublishedStatus = "blocked"
	SampleDataOnly PublishedStatus = "sampledataonly"
)

// Statuses are all of them, in the order of their numbers.
var Statuses = []PublishedStatus{Approved, PendingStatus, Deprecated, Blocked, SampleDataOnly}

// Types of a source.
const (
	TypePull = 1
	TypePush = 2
)

// SourcesAnswer is the answer of discovery/sources: one page of what was found.
type SourcesAnswer struct {
	Data   []Source `json:"data"`
	Limit  int      `json:"limit"`
	Offset int      `json:"offset"`
	// Total is how many there are on all pages together.
	Total int `json:"total"`
}

// Source is where a person's data comes from or can be sent to: its id is what
// connecting takes.
type Source struct {
	ID              int             `json:"id"`
	Name            string          `json:"name"`
	Reference       string          `json:"reference,omitempty"`
	PublishedStatus PublishedStatus `json:"publishedStatus"`
	PublishedDate   PublishedDate   `json:"publishedDate,omitzero"`
	// Onboardable says that the source can be connected.
	Onboardable bool `json:"onboardable"`
	// Dynamic says that the source comes from a list that changes by itself.
	Dynamic  bool          `json:"dynamic"`
	Resource Resource      `json:"resource"`
	Service  SourceService `json:"service"`
	Category []Category    `json:"category"`
	Country  []Country     `json:"country,omitempty"`
	Platform []Platform    `json:"platform,omitempty"`
	Type     []SourceType  `json:"type"`
	Address  Addresses     `json:"address,omitempty"`
	// JSON is what else is to be known of it, free in form but for
	// authorisation.type: "saas", "sdk" or "none".
	JSON json.RawMessage `json:"json,omitempty"`
}

// SourceService is the service that a source belongs to: its id is what a scope
// takes.
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

// Country is where a source is at home. Its code is that of ISO 3166-1 with two
// letters, in lower case. The iOS client cannot be without name and code, and takes
// text only for a json: so there is none.
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

// SourceType is a direction: pull or push.
type SourceType struct {
	ID        int    `json:"id"`
	Name      string `json:"name,omitempty"`
	Reference string `json:"reference,omitempty"`
}

// SourceTypes are all types there are.
var SourceTypes = []SourceType{
	{ID: TypePull, Name: "pull", Reference: "pull"},
	{ID: TypePush, Name: "push", Reference: "push"},
}

// Resource is a picture.
type Resource struct {
	URL      string `json:"url,omitempty"`
	MIMEType string `json:"mimetype,omitempty"`
	// Resize and Type are digi.me's own.
	Resize string `json:"resize,omitempty"`
	Type   int    `json:"type,omitempty"`
}

// UnmarshalJSON takes a list too, as older answers have it, and of that the first.
func (r *Resource) UnmarshalJSON(b []byte) error {
	type plain Resource
	return firstOf(b, (*plain)(r))
}

// Address is where a provider is.
type Address struct {
	City         string `json:"city"`
	StreetName   string `json:"streetName"`
	StreetNumber string `json:"streetNumber"`
	ZipCode      string `json:"zipCode"`
}

// Addresses are those of a source.
type Addresses []Address

// UnmarshalJSON takes a single address too.
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

// PublishedDate is when something was published: Unix milliseconds.
type PublishedDate Millis

// Time is d as a [time.Time] in UTC; the zero time if nothing is known.
func (d PublishedDate) Time() time.Time {
	if d == 0 {
		return time.Time{}
	}
	return Millis(d).Time()
}

// UnmarshalJSON takes the text of a time too, as the iOS client once did.
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

// CategoriesAnswer is the answer of discovery/categories.
type CategoriesAnswer struct {
	Data []Category `json:"data"`
}

// CountriesAnswer is the answer of discovery/countries.
type CountriesAnswer struct {
	Data []Country `json:"data"`
}

// PlatformsAnswer is the answer of discovery/platforms.
type PlatformsAnswer struct {
	Data []Platform `json:"data"`
}

// SourceTypesAnswer is the answer of discovery/sourceTypes.
type SourceTypesAnswer struct {
	Data []SourceType `json:"data"`
}

// SampleDataSet is invented data that stands in for a person's: an answer of
// permission-access/sample/datasets names each by its id.
type SampleDataSet struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}
