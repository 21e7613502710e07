package library

import (
	"context"
	"fmt"
)

// Activity lists what has happened in a library.
type Activity struct{ store EventStore }

// NewActivity returns the activity that is stored in store.
func NewActivity(store EventStore) *Activity { return &Activity{store} }

// activityPage is how many events a page has.
const activityPage = 50

// List lists a page of a person's events whose Seq is below before, newest first. Zero means
// from the newest. It reports whether there are older ones.
func (a *Activity) List(ctx context.Context, s *SignedIn, before int64) (events []Event, more bool, err error) {
	events, err = a.store.ListEvents(ctx, s.Library.ID, before, activityPage+1)
	if err != nil {
		return nil, false, fmt.Errorf("list events: %w", err)
	}
	if len(events) > activityPage {
		return events[:activityPage], true, nil
	}
	return events, false, nil
}
