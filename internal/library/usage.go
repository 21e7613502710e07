package library

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
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

// SumUsage returns how much an application has stored in all libraries, by contract.
func (c *Clients) SumUsage(ctx context.Context, application wire.ApplicationID) ([]Usage, error) {
	list, err := c.store.SumUsage(ctx, application)
	if err != nil {
		return nil, fmt.Errorf("sum usage of application %s: %w", application, err)
	}
	return list, nil
}

// LibraryUsage is how much room the files of a library take.
type LibraryUsage struct {
	Used
	// Quota is what the library may have.
	Quota Quota
	// Applications are those that have pushed files, with what they have pushed.
	Applications []ApplicationUsage
}

// ApplicationUsage is what one application has stored in a library.
type ApplicationUsage struct {
	Application Application
	Used
}

// Usage returns how much room a person's files take, and whose they are. It reads a row for each contract that pushed.
func (f *Files) Usage(ctx context.Context, s *SignedIn) (LibraryUsage, error) {
	list, err := f.store.ListUsage(ctx, s.Library.ID)
	if err != nil {
		return LibraryUsage{}, fmt.Errorf("list usage: %w", err)
	}
	usage := LibraryUsage{Quota: f.config.Quotas.Library}
	for _, u := range list {
		usage.Used = usage.plus(u.Used)
		if n := len(usage.Applications); n > 0 && usage.Applications[n-1].Application.ID == u.Application {
			usage.Applications[n-1].Used = usage.Applications[n-1].plus(u.Used)
			continue
		}
		application, err := f.clients.GetApplication(ctx, u.Application)
		if errors.Is(err, ErrNotFound) {
			application, err = Application{ID: u.Application, Name: string(u.Application)}, nil
		}
		if err != nil {
			return LibraryUsage{}, fmt.Errorf("get application: %w", err)
		}
		usage.Applications = append(usage.Applications, ApplicationUsage{Application: application, Used: u.Used})
	}
	slices.SortStableFunc(usage.Applications, func(a, b ApplicationUsage) int { return cmp.Compare(b.Bytes, a.Bytes) })
	return usage, nil
}
