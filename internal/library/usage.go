package library

import (
	"context"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// UsageStore stores how much room files take. What it says always equals the sum over the files: [FileStore.AddFile]
// and [LibraryStore.DeleteLibrary] keep it in their transactions.
type UsageStore interface {
	// ListUsage returns the usage of a library, by application and then contract, without those that have no files.
	ListUsage(ctx context.Context, library ID) ([]Usage, error)
	// SumUsage returns the usage of an application over all libraries, by contract. It reads as many rows as the
	// application has libraries.
	SumUsage(ctx context.Context, application wire.ApplicationID) ([]Usage, error)
	// AddQuotaEvent adds the event, unless it has added one about the same application to the library after since. It
	// reports whether it has.
	AddQuotaEvent(ctx context.Context, e Event, since time.Time) (bool, error)
}
