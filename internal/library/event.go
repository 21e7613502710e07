package library

import (
	"context"
	"encoding/json"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// EventKind says what happened. The pages have a sentence for each kind.
type EventKind string

// The kinds of events.
const (
	EventLibraryCreated  EventKind = "you.created"
	EventSignedIn        EventKind = "you.signed_in"
	EventWrongPassword   EventKind = "you.wrong"
	EventRecovered       EventKind = "you.recovered"
	EventPasswordChanged EventKind = "you.password"
	EventCodeMade        EventKind = "you.code"
	EventShut            EventKind = "you.shut"
	EventReopened        EventKind = "you.reopened"
	EventAllowed         EventKind = "app.allowed"
	EventRenewed         EventKind = "app.renewed"
	EventDenied          EventKind = "app.denied"
	EventStopped         EventKind = "app.stopped"
	EventStoppedAll      EventKind = "app.stopped_all"
	EventLeft            EventKind = "app.left"
	EventShutByApp       EventKind = "app.shut"
	EventCodeReused      EventKind = "app.code_reused"
	// EventCodeRevoked says that a code was used a second time by whoever should not have it, so that the tokens of the
	// first use have ended.
	EventCodeRevoked    EventKind = "app.code_revoked"
	EventFileAdded      EventKind = "file.added"
	EventFileRead       EventKind = "file.read"
	EventFileDownloaded EventKind = "file.downloaded"
	// EventFileImported says that the person has added a file.
	EventFileImported EventKind = "file.imported"
	// EventNoRoom says that a quota left no room for a file that an application pushed.
	EventNoRoom       EventKind = "file.no_room"
	EventConnected    EventKind = "account.connected"
	EventNotConnected EventKind = "account.refused"
	EventAccountEnded EventKind = "account.ended"
	EventDisconnected EventKind = "account.removed"
	// EventNotAllowed says that an account that had been connected was removed, because no application was allowed to
	// use it.
	EventNotAllowed EventKind = "account.dropped"
	// EventCollected says how many files a fetch from a source has added or changed.
	EventCollected    EventKind = "account.collected"
	EventSentAccepted EventKind = "sent.accepted"
	EventSentRefused  EventKind = "sent.refused"
	EventSentUnknown  EventKind = "sent.unknown"
	EventSentGivenUp  EventKind = "sent.given_up"
	// EventStorageConnected says that an application has got a storage, and the others that all files in it were
	// deleted: by the person, or by the application. Single files are not in the activity: an application may change
	// them at any moment, and the person can open none of them.
	EventStorageConnected    EventKind = "storage.connected"
	EventStorageDeleted      EventKind = "storage.deleted"
	EventStorageDeletedByApp EventKind = "storage.deleted_by_app"
	EventTampered            EventKind = "library.tampered"
)

// Event is one entry of a library's activity. Entries are chained by hash.
type Event struct {
	Library ID
	// Seq counts from 1. The store sets it, and Previous and Hash with it.
	Seq     int64
	At      time.Time
	Kind    EventKind
	Details EventDetails
	// DetailsJSON is the text of Details as it is stored and hashed; empty for an event that has not
	// been stored. It may have members that this program does not know.
	DetailsJSON string
	Previous    []byte
	Hash        []byte
}

// isArrival reports whether an event of this kind is the line of a file's arrival.
func (k EventKind) isArrival() bool { return k == EventFileAdded || k == EventFileImported }

// EventDetails says which application, file or provider an event is about. Names are those at
// the time of the event: they stay as they are if something is renamed or deleted.
type EventDetails struct {
	Application     wire.ApplicationID `json:"application,omitempty"`
	ApplicationName string             `json:"applicationName,omitempty"`
	Contract        wire.ContractID    `json:"contract,omitempty"`
	Grant           GrantID            `json:"grant,omitempty"`
	Access          Access             `json:"access,omitempty"`
	File            wire.FileName      `json:"file,omitempty"`
	FileName        string             `json:"fileName,omitempty"`
	Agent           string             `json:"agent,omitempty"`
	Account         wire.AccountID     `json:"account,omitempty"`
	Provider        string             `json:"provider,omitempty"`
	Delivery        DeliveryID         `json:"delivery,omitempty"`
	// Files is how many files a fetch has added or changed.
	Files int `json:"files,omitempty"`
	// Types are the types of the resources of a delivery.
	Types []string `json:"types,omitempty"`
	// Ciphertext is the SHA-256 of the sealed content of a file that has arrived, in hexadecimal.
	// The hash of the content itself would let a thief of the database confirm a guess at it.
	Ciphertext string `json:"ciphertext,omitempty"`
	// Metadata is the hash of what is stored in the clear about a file that has arrived, in
	// hexadecimal, so that a change is seen without the key of the library.
	Metadata string `json:"metadata,omitempty"`
	// Quota is the one that left no room for a file.
	Quota QuotaKind `json:"quota,omitempty"`
}

// Marshal returns the JSON text of the details, as it is stored and hashed.
func (d EventDetails) Marshal() []byte {
	b, err := json.Marshal(d)
	if err != nil {
		panic("library: event details do not encode: " + err.Error()) // strings only
	}
	return b
}

// EventStore stores each library's activity. AddEvent adds an event by
// itself; most events are added by the store method that makes the change that they record.
type EventStore interface {
	// ListEvents returns up to limit events whose Seq is below before, newest first. Zero means
	// from the newest. It returns an event whose details do not decode without them.
	ListEvents(ctx context.Context, id ID, before int64, limit int) ([]Event, error)
	// AddEvent adds an event by itself.
	AddEvent(ctx context.Context, e Event) error
	// SpendEventTime takes as long as AddEvent and adds no event: nobody can measure whether there is a library. What
	// it writes is not kept.
	SpendEventTime(ctx context.Context, e Event) error
}
