package library

import (
	"context"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// Collection is what one fetch has stored of one type: it stays when the same is collected again, so that the
// portability report still says so.
type Collection struct {
	Account wire.AccountID
	// At is when the fetch was added. Who asks while one waits or runs adds none.
	At time.Time
	// Provider is the name of the source at that time.
	Provider string
	// Group, Service and ObjectType are those of [Collected].
	Group, Service, ObjectType int
	// From and To are the times of the oldest and the newest object. To is zero if there is one that has no time.
	From, To wire.Millis
	// Files is how many files were new or changed.
	Files int
}

// CollectionCursor is a position in the list of an application's collections, which is ordered by At, then account and
// then type. The zero cursor is the beginning.
type CollectionCursor struct {
	At         time.Time
	Account    wire.AccountID
	ObjectType int
}

// ReportPeriod is the time that a report is about, with both its ends; zero for no limit.
type ReportPeriod struct{ From, To time.Time }

// Report is a list of what was collected for an application when: the portability report.
type Report struct {
	CreatedAt time.Time
	Period    ReportPeriod

	store       FileStore
	library     ID
	application wire.ApplicationID
	scope       sessionScope
}

// NewReport returns the report of what was collected in a period for the bearer's application, as far as the bearer's
// contract may read it. It refuses a contract that may not read with RefusedAccess.
func (f *Files) NewReport(b *Bearer, p ReportPeriod) (*Report, error) {
	if err := b.Require(Read); err != nil {
		return nil, err
	}
	now := f.now()
	return &Report{
		CreatedAt: now, Period: p, store: f.store, library: b.Library.ID, application: b.Client.Application.ID,
		scope: sessionScope{contract: b.Client.Contract.Scope, now: now},
	}, nil
}

// Each calls yield with each collection that began in the period, oldest first, until yield returns an error. No more
// than a page of them is held at a time.
func (r *Report) Each(ctx context.Context, yield func(Collection) error) error {
	if !r.scope.contract.Mapped {
		return nil
	}
	// No type has such a number, so that this is before all of that moment.
	at := CollectionCursor{At: r.Period.From, ObjectType: -1}
	for {
		page, err := r.store.ListCollections(ctx, r.library, r.application, at, r.Period.To, listPage)
		if err != nil {
			return fmt.Errorf("list collections: %w", err)
		}
		for _, c := range page {
			at = CollectionCursor{At: c.At, Account: c.Account, ObjectType: c.ObjectType}
			if !r.scope.includesCollection(c) {
				continue
			}
			if err := yield(c); err != nil {
				return err
			}
		}
		if len(page) < listPage {
			return nil
		}
	}
}

// includesCollection reports whether the scope includes what was collected, as far as its types and times say.
func (s sessionScope) includesCollection(c Collection) bool {
	of := Collected{Group: c.Group, Service: c.Service, ObjectType: c.ObjectType, From: c.From, To: c.To}
	return hasType(s.contract.ServiceGroups, of) && inPeriods(s.contract.TimeRanges, of, s.now)
}
