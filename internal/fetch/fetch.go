package fetch

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// State is the state of a fetch.
type State string

// The states of a fetch. Completed and Partial are final.
const (
	Pending   State = wire.StatePending
	Running   State = wire.StateRunning
	Completed State = wire.StateCompleted
	Partial   State = wire.StatePartial
)

// Final reports whether a fetch in this state has ended.
func (s State) Final() bool { return s == Completed || s == Partial }

// Fetch is the newest fetch from an account.
type Fetch struct {
	Account     wire.AccountID
	Library     library.ID
	Application wire.ApplicationID
	Contract    wire.ContractID
	Grant       library.GrantID
	State       State
	// Position is where the source goes on, in its own words; empty at the beginning.
	Position string
	// Problem is why the fetch is partial; nil if it is not.
	Problem *wire.AccountError
	// Files is how many files were new or changed.
	Files int
	// Attempts is how many attempts have failed since the last step forward.
	Attempts int
	// Lease is the name under which a server holds the fetch until LeaseUntil; empty if none does.
	Lease      string
	LeaseUntil time.Time
	NextAt     time.Time
	// Deadline is when to stop; zero for never.
	Deadline  time.Time
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Store stores fetches. A method that takes a lease returns ErrUsed if the lease has ended or is another's, and
// ErrNotFound if the account has been disconnected, its grant is not in force, or the library is shut or deleted.
type Store interface {
	// RequestFetch makes a fetch pending, from the beginning. One that is under way for the same grant goes on instead.
	RequestFetch(ctx context.Context, f Fetch) error
	// GetFetch returns the newest fetch from an account. It returns ErrNotFound if there is none.
	GetFetch(ctx context.Context, id library.ID, account wire.AccountID) (Fetch, error)
	// ListFetches lists the newest fetch of each account of a library.
	ListFetches(ctx context.Context, id library.ID) ([]Fetch, error)
	// ClaimFetches gives up to limit fetches that are due to the lease, and no application more than places at a time.
	// They are running from then on.
	ClaimFetches(ctx context.Context, lease string, now, until time.Time, places, limit int) ([]Fetch, error)
	// ExtendFetch extends the lease.
	ExtendFetch(ctx context.Context, account wire.AccountID, lease string, now, until time.Time) error
	// StoreItem moves the position of a fetch and stores the file in the same transaction, unless it is nil. It
	// returns a [*library.QuotaError] if the library has no room for it.
	StoreItem(ctx context.Context, s Step, file *library.CollectedFile) error
	// PostponeFetch counts a failed attempt and ends the lease.
	PostponeFetch(ctx context.Context, account wire.AccountID, lease string, now, next time.Time) error
	// EndFetch sets State and Problem, ends the lease and adds the event, unless its library is empty.
	EndFetch(ctx context.Context, f Fetch, e library.Event) error
	// NextFetch returns when the next fetch is due; zero if there is none.
	NextFetch(ctx context.Context) (time.Time, error)
}

// Step is a step forward of a fetch.
type Step struct {
	Account  wire.AccountID
	Lease    string
	Now      time.Time
	Position string
}

// Sources are the sources that can be fetched from.
type Sources interface {
	// Fetch calls yield with each item of the account after the position, in order, until yield returns an error, which
	// Fetch returns. It returns a [*Problem] if the source has given only a part, and any other error if the attempt
	// failed and may be made again.
	Fetch(ctx context.Context, account delivery.Connection, position string, yield func(Item) error) error
}

// Item is a file of a source.
type Item struct {
	// Key identifies the file in the source whenever it is fetched.
	Key string
	// Position is where to go on after this file.
	Position string
	// ObjectType is the id of the type of a mapped file.
	ObjectType int
	// From and To are the times of the oldest and the newest object; zero for what has no time.
	From, To time.Time
	// Raw describes the file for the person, and for its readers if it is not mapped. Mapped is nil then.
	Raw     wire.RawMetadata
	Mapped  *wire.MappedMetadata
	Content io.Reader
}

// Problem says why a source has given only a part.
type Problem struct{ wire.AccountError }

func (p *Problem) Error() string { return fmt.Sprintf("%s (%d %s)", p.Message, p.StatusCode, p.Code) }

// The problems that this package finds itself.
func problemDuration() *Problem {
	return &Problem{wire.AccountError{Code: "SourceFetchDurationQuotaReached", StatusCode: 206,
		Message: "The time limit for fetching from sources has been reached"}}
}

func problemUnavailable() *Problem {
	return &Problem{wire.AccountError{Code: "SourceUnavailable", StatusCode: 503,
		Message: "The source could not be reached to the end"}}
}

func problemReauthorize() *Problem {
	return &Problem{wire.AccountError{Code: "ServiceAuthorizationError", StatusCode: 511,
		Message: "Service authorization required", Reauthorize: true}}
}

func problemQuota(of library.QuotaKind) *Problem {
	return &Problem{wire.AccountError{Code: "QuotaReached", StatusCode: 507,
		Message: "The quota of the " + string(of) + " leaves no room for more files"}}
}

func problemFull() *Problem {
	return &Problem{wire.AccountError{Code: string(wire.CodeStorageFull), StatusCode: 507,
		Message: "The server has no space left for more files"}}
}

func problemTooLarge() *Problem {
	return &Problem{wire.AccountError{Code: "PartialObjectTypes", StatusCode: 206,
		Message: "Some files of the source are too large"}}
}
