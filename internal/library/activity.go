package library

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Activity lists what has happened in a library, and verifies that nothing of it was changed.
type Activity struct {
	store     ActivityStore
	integrity *Integrity
	signer    *Signer
	keySetURL string
}

// ActivityStore is all that [Activity] needs of a store.
type ActivityStore interface {
	EventStore
	ChainStore
	SigningKeyStore
}

// NewActivity returns the activity that is stored in store. The signer signs the checkpoints that
// people save; keySetURL is where its key set is.
func NewActivity(store ActivityStore, integrity *Integrity, signer *Signer, keySetURL string) *Activity {
	return &Activity{store, integrity, signer, keySetURL}
}

// EventPage is a page of a person's activity.
type EventPage struct {
	// Events are newest first.
	Events []Event
	// More reports whether there are older ones.
	More bool
	// Fault says what was changed by somebody else; nil if nothing was. The events are there
	// nevertheless.
	Fault *ActivityFault
}

// activityPage is how many events a page has.
const activityPage = 50

// List lists a page of a person's events whose Seq is below before, newest first. Zero means
// from the newest. It verifies them, from the newest checkpoint on or up to the next one.
func (a *Activity) List(ctx context.Context, s *SignedIn, before int64) (EventPage, error) {
	var page EventPage
	events, err := a.store.ListEvents(ctx, s.Library.ID, before, activityPage+1)
	if err != nil {
		return EventPage{}, fmt.Errorf("list events: %w", err)
	}
	page.Events = events
	if len(events) > activityPage {
		page.Events, page.More = events[:activityPage], true
	}
	err = a.verifyShown(ctx, s.Library.ID, page, before)
	if errors.As(err, &page.Fault) {
		return page, nil
	}
	return page, err
}

// verifyShown verifies the events of a page, which begins below an event; zero means with the newest.
func (a *Activity) verifyShown(ctx context.Context, id ID, page EventPage, before int64) error {
	v := &chainVerifier{store: a.store, integrity: a.integrity, library: id, want: map[int64][]byte{}}
	if len(page.Events) == 0 {
		if before == 0 || before > 1 {
			return v.fault("there are no events where some should be")
		}
		return nil
	}
	oldestFirst := slices.Clone(page.Events)
	slices.Reverse(oldestFirst)
	if err := VerifyChain(oldestFirst); err != nil {
		return v.fault("%v", err)
	}
	for _, e := range oldestFirst {
		v.want[e.Seq] = e.Hash
	}
	oldest, newest := oldestFirst[0].Seq, page.Events[0].Seq
	if !page.More && oldest != 1 {
		return v.fault("event %d is missing", oldest-1)
	}
	return v.verifyPart(ctx, oldest, newest)
}
