package library

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
)

// ChainHead is where a library's chain of events ends.
type ChainHead struct {
	// Events is how many events have been counted; Newest is the Seq of the newest one that is
	// stored. They are the same unless somebody else has changed the rows.
	Events, Newest int64
}

// EventCheckpoint remembers that a library's chain has been verified up to an event.
type EventCheckpoint struct {
	Library ID
	Seq     int64
	Hash    []byte
	// MAC authenticates the others under the master keyring.
	MAC []byte
}

// ChainStore stores what a chain of events is verified with.
type ChainStore interface {
	// GetChainHead reads both numbers at one moment.
	GetChainHead(ctx context.Context, id ID) (ChainHead, error)
	// ListEventsAfter returns up to limit events whose Seq is above after, oldest first. It returns
	// an event whose details do not decode without them.
	ListEventsAfter(ctx context.Context, id ID, after int64, limit int) ([]Event, error)
	// AddEventCheckpoints adds checkpoints, in place of those that there are for the same events. It
	// returns ErrNotFound if the library is gone.
	AddEventCheckpoints(ctx context.Context, checkpoints []EventCheckpoint) error
	// GetNewestEventCheckpoint returns ErrNotFound if there is none.
	GetNewestEventCheckpoint(ctx context.Context, id ID) (EventCheckpoint, error)
	// GetEventCheckpointFrom returns the checkpoint with the lowest Seq that is not below seq.
	GetEventCheckpointFrom(ctx context.Context, id ID, seq int64) (EventCheckpoint, error)
	// ListEventCheckpoints returns up to limit checkpoints whose Seq is above after, oldest first.
	ListEventCheckpoints(ctx context.Context, id ID, after int64, limit int) ([]EventCheckpoint, error)
}

// ActivityFault says that the stored activity is not what this server has written.
type ActivityFault struct {
	Library ID
	What    string
}

func (e *ActivityFault) Error() string {
	return fmt.Sprintf("activity of library %s: %s", e.Library, e.What)
}

// The distance of checkpoints.
const (
	// checkpointEvery is the largest number of events between two checkpoints, and so the most that
	// showing an old page verifies beside the page.
	checkpointEvery = 256
	// checkpointAtLeast is the least number of events that are worth a checkpoint.
	checkpointAtLeast = 32
	// chainPage is how many events are read at a time.
	chainPage = 500
)

func (i *Integrity) checkpoint(e Event) EventCheckpoint {
	mac := i.ring.MAC(purposeCheckpoint, checkpointParts(e.Library, e.Seq, e.Hash)...)
	return EventCheckpoint{e.Library, e.Seq, e.Hash, mac}
}

func (i *Integrity) verifyCheckpoint(c EventCheckpoint) error {
	if !i.ring.VerifyMAC(c.MAC, purposeCheckpoint, checkpointParts(c.Library, c.Seq, c.Hash)...) {
		return &ActivityFault{c.Library, fmt.Sprintf("checkpoint %d was not made by this server", c.Seq)}
	}
	return nil
}

func checkpointParts(id ID, seq int64, hash []byte) [][]byte {
	return [][]byte{[]byte(id), binary.BigEndian.AppendUint64(nil, uint64(seq)), hash}
}

// chainVerifier verifies a part of a library's chain.
type chainVerifier struct {
	store     ChainStore
	integrity *Integrity
	library   ID
	// want are hashes that events must have, by their Seq.
	want map[int64][]byte
	// visit is called with each event that has been verified; nil if nobody wants them.
	visit func(Event) error
	// made are the checkpoints that the walk is worth, after the event at trusted.
	trusted int64
	made    []EventCheckpoint
}

// walk verifies the events from one Seq to another, both included. It returns an [*ActivityFault].
func (v *chainVerifier) walk(ctx context.Context, from, to int64) error {
	var last []Event // the event before, if there is one
	for next := from; next <= to; {
		events, err := v.store.ListEventsAfter(ctx, v.library, next-1, int(min(chainPage, to-next+1)))
		if err != nil {
			return fmt.Errorf("list events: %w", err)
		}
		if len(events) == 0 || events[0].Seq != next {
			return v.fault("event %d is missing", next)
		}
		if err := VerifyChain(append(last, events...)); err != nil {
			return v.fault("%v", err)
		}
		for _, e := range events {
			if want := v.want[e.Seq]; want != nil && !bytes.Equal(want, e.Hash) {
				return v.fault("event %d is another than it was", e.Seq)
			}
			if e.Seq >= v.trusted+checkpointEvery || e.Seq == to && e.Seq >= v.trusted+checkpointAtLeast {
				v.made, v.trusted = append(v.made, v.integrity.checkpoint(e)), e.Seq
			}
			if v.visit != nil {
				if err := v.visit(e); err != nil {
					return err
				}
			}
		}
		newest := events[len(events)-1]
		last, next = []Event{newest}, newest.Seq+1
	}
	return nil
}

func (v *chainVerifier) fault(format string, args ...any) error {
	return &ActivityFault{v.library, fmt.Sprintf(format, args...)}
}

// trust returns the head of the chain and the newest checkpoint, which may be none with Seq 0,
// after it has verified that they fit.
func (v *chainVerifier) trust(ctx context.Context) (ChainHead, EventCheckpoint, error) {
	// The checkpoint is read first: one that another server adds meanwhile would be above the head.
	newest, err := v.store.GetNewestEventCheckpoint(ctx, v.library)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return ChainHead{}, newest, fmt.Errorf("get checkpoint: %w", err)
	}
	if err == nil {
		if err := v.integrity.verifyCheckpoint(newest); err != nil {
			return ChainHead{}, newest, err
		}
		v.want[newest.Seq], v.trusted = newest.Hash, newest.Seq
	}
	head, err := v.store.GetChainHead(ctx, v.library)
	if err != nil {
		return ChainHead{}, newest, fmt.Errorf("get head of activity: %w", err)
	}
	switch {
	case head.Events != head.Newest:
		return head, newest, v.fault("%d events have been counted, and the newest is event %d",
			head.Events, head.Newest)
	case head.Events < newest.Seq:
		return head, newest, v.fault("it ends with event %d, and once had event %d", head.Events, newest.Seq)
	}
	return head, newest, nil
}

// verifyPart verifies the events from one Seq to the next checkpoint above another, or to the
// newest event if there is none; and then also those since the newest checkpoint, and remembers
// that.
func (v *chainVerifier) verifyPart(ctx context.Context, from, to int64) error {
	head, newest, err := v.trust(ctx)
	if err != nil {
		return err
	}
	if to <= newest.Seq {
		above, err := v.store.GetEventCheckpointFrom(ctx, v.library, to)
		if err != nil {
			return fmt.Errorf("get checkpoint: %w", err)
		}
		if err := v.integrity.verifyCheckpoint(above); err != nil {
			return err
		}
		v.want[above.Seq] = above.Hash
		return v.walk(ctx, from, above.Seq)
	}
	if err := v.walk(ctx, max(1, min(from, newest.Seq)), head.Events); err != nil {
		return err
	}
	return v.remember(ctx)
}

// remember stores the checkpoints that the walk was worth. A busy store is no error: the next walk
// is longer, and as good.
func (v *chainVerifier) remember(ctx context.Context) error {
	if len(v.made) == 0 {
		return nil
	}
	err := v.store.AddEventCheckpoints(ctx, v.made)
	if err != nil && !errors.Is(err, ErrBusy) && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("remember what has been verified: %w", err)
	}
	return nil
}
