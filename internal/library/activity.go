package library

import (
	"context"
	"fmt"
)

// Activity shows what has happened in a library.
type Activity struct{ store EventStore }

// NewActivity returns the activity kept in store.
func NewActivity(store EventStore) *Activity { return &Activity{store} }

// activityPage is how many events are shown at a time.
const activityPage = 50

// List lists a person's events, newest first, before the given one (0: from the
// newest); more says that there are older ones.
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
