package delivery

import (
	"errors"

	"github.com/carrelhq/carrel/internal/fhir"
)

// Source is an entry of the catalogue, as far as this package knows it.
type Source struct {
	ID        int    `json:"id"`
	Name      string `json:"name"`
	Reference string `json:"reference,omitempty"`
	// Provider is the provider's key; empty for a source that cannot be connected.
	Provider ProviderKey `json:"provider,omitempty"`
	// Push says that resources can be sent to it, in the given version of FHIR.
	Push    bool         `json:"push,omitempty"`
	Version fhir.Version `json:"version,omitempty"`

	// SampleData and SampleSet name the invented data that an account with it is fetched from.
	SampleData string `json:"sampleData,omitempty"`
	SampleSet  string `json:"sampleSet,omitempty"`
	// SampleReauthorized says that the person has connected the account again after its source had asked for that.
	SampleReauthorized bool `json:"sampleReauthorized,omitempty"`

	ServiceID        int    `json:"serviceId"`
	ServiceName      string `json:"serviceName"`
	ServiceReference string `json:"serviceReference,omitempty"`
	GroupID          int    `json:"groupId"`
	GroupName        string `json:"groupName"`
	Logo             string `json:"logo,omitempty"`
}

// ProviderKey names a provider's service to [Providers]: "medmij:huisartslinde~53".
type ProviderKey string

// ErrListUnavailable says that a list of sources cannot be had now, and that the source may be on
// it.
var ErrListUnavailable = errors.New("a list of sources cannot be had now")

// Catalogue is the list of sources.
type Catalogue interface {
	// Source finds a source that can be connected now. It returns ErrNotFound if there is none,
	// and ErrListUnavailable if a list that cannot be had now may hold it.
	Source(id int) (Source, error)
	// HasPushSources reports whether there is any source that can be sent to. It is true if
	// that cannot be known now.
	HasPushSources() (bool, error)
}
