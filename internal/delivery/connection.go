package delivery

import (
	"errors"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// Connection is one connection of a person with a provider, of type PUSH. It
// belongs to the application under which it was made, and to no other.
type Connection struct {
	ID          wire.AccountID
	Reference   library.Reference
	Library     library.ID
	Application wire.ApplicationID
	// Source is the entry of the catalogue as it was when the account was connected.
	Source Source
	// Pending says that the person has connected the account and not yet allowed the
	// application to use it: nobody may see or use it.
	Pending bool
	// Access is what the provider gave us, sealed by the keyring; see [Connections].
	Access []byte
	// AccessVersion counts up with each change of Access.
	AccessVersion int64
	// AccessUntil is when the access ends and cannot be renewed; zero if it can be.
	AccessUntil time.Time
	// EndedAt is when the provider stopped taking what we have: the person has to
	// connect again. Zero means that nothing is known to be wrong.
	EndedAt time.Time
	// Correlation is the id of the run at the provider in which the person consented.
	Correlation string
	CreatedAt   time.Time
	UpdatedAt   time.Time
	LastUsedAt  time.Time
}

// NeedsReconnect reports whether the person has to connect the account again before
// anything can be sent.
func (a Connection) NeedsReconnect(now time.Time) bool {
	return !a.EndedAt.IsZero() || !a.AccessUntil.IsZero() && !now.Before(a.AccessUntil)
}

// Source is an entry of the catalogue, as far as the rules need to know it.
type Source struct {
	ID        int    `json:"id"`
	Name      string `json:"name"`
	Reference string `json:"reference,omitempty"`
	// Provider is what the provider is known by to [Providers]; empty for a source that
	// cannot be connected.
	Provider ProviderKey `json:"provider,omitempty"`
	// Push says that it can be sent to, in the given version of FHIR.
	Push    bool         `json:"push,omitempty"`
	Version fhir.Version `json:"version,omitempty"`

	ServiceID        int    `json:"serviceId"`
	ServiceName      string `json:"serviceName"`
	ServiceReference string `json:"serviceReference,omitempty"`
	GroupID          int    `json:"groupId"`
	GroupName        string `json:"groupName"`
	Logo             string `json:"logo,omitempty"`
}

// ProviderKey names a provider's service to [Providers]: "medmij:huisartslinde~53".
type ProviderKey string

// ErrListUnavailable says that a list of sources cannot be had now: what was looked for may be on it.
var ErrListUnavailable = errors.New("a list of sources cannot be had now")

// Catalogue is where sources are looked up.
type Catalogue interface {
	// Source finds a source that can be connected now. It returns ErrNotFound if there is none,
	// and ErrListUnavailable if a list that cannot be had now may hold it.
	Source(id int) (Source, error)
	// HasPushSources reports whether there is any source that can be sent to. It is true if
	// that cannot be known now.
	HasPushSources() (bool, error)
}

// Authorization is a person's way to a provider and back, in their browser: found by the hash
// of the state that travels with them. It ends once, or by time.
type Authorization struct {
	State seal.Hash
	// AuthRequest is the link that the trip is for.
	Request     seal.Hash
	Application wire.ApplicationID
	Library     library.ID
	// Login is the browser that left; no other may come back.
	Login  library.LoginID
	Source Source
	// Correlation names the run in the provider's log and ours (X-Correlation-ID).
	Correlation string
	// Secrets are what is needed at the return, sealed by the keyring; see [Connections].
	Secrets   []byte
	CreatedAt time.Time
	ExpiresAt time.Time
	EndedAt   time.Time
}
