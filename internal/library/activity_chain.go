package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// ChainHead is where a library's chain of events ends, as it was recorded and as it is.
type ChainHead struct {
	// End was recorded with the newest event.
	End ChainEnd
	// Newest is the Seq of the newest event that is stored, and NewestHash the hash of the event with
	// the Seq of End. They are those of End unless somebody else has changed the rows.
	Newest     int64
	NewestHash []byte
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
	// GetChainHead reads all of it at one moment.
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
	mac := i.ring.MAC(purposeCheckpoint, chainParts(e.Library, e.Seq, e.Hash)...)
	return EventCheckpoint{e.Library, e.Seq, e.Hash, mac}
}

func (i *Integrity) verifyCheckpoint(c EventCheckpoint) error {
	if !i.ring.VerifyMAC(c.MAC, purposeCheckpoint, chainParts(c.Library, c.Seq, c.Hash)...) {
		return &ActivityFault{c.Library, fmt.Sprintf("checkpoint %d was not made by this server", c.Seq)}
	}
	return nil
}

// chainVerifier verifies a part of a library's chain.
type chainVerifier struct {
	store     ChainStore
	integrity *Integrity
	library   ID
	// want are hashes that events must have, by their Seq.
	want map[int64][]byte
	// notAdopted says that no server of this version has started on the database yet, so that the
	// ends of chains have no MACs.
	notAdopted bool
	// withoutEnd compares the lines also if the end has no valid MAC, and says that in endFault.
	withoutEnd bool
	endFault   *ActivityFault
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

// expect says which hash an event must have. It returns an [*ActivityFault] if another one was
// expected.
func (v *chainVerifier) expect(seq int64, hash []byte) error {
	if want := v.want[seq]; want != nil && !bytes.Equal(want, hash) {
		return v.fault("event %d is another than it was", seq)
	}
	v.want[seq] = hash
	return nil
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
		if err := v.expect(newest.Seq, newest.Hash); err != nil {
			return ChainHead{}, newest, err
		}
		v.trusted = newest.Seq
	}
	head, err := v.store.GetChainHead(ctx, v.library)
	if err != nil {
		return ChainHead{}, newest, fmt.Errorf("get head of activity: %w", err)
	}
	end := head.End
	switch {
	case end.Seq != head.Newest:
		return head, newest, v.fault("%d events have been counted, and the newest is event %d", end.Seq, head.Newest)
	case end.Seq < newest.Seq:
		return head, newest, v.fault("it ends with event %d, and once had event %d", end.Seq, newest.Seq)
	case v.notAdopted && end.MAC == nil:
		return head, newest, nil
	case !v.integrity.IsChainEndBound(end):
		fault := &ActivityFault{v.library, fmt.Sprintf("its end, event %d, was not made by this server", end.Seq)}
		if v.withoutEnd {
			v.endFault = fault
			return head, newest, nil
		}
		return head, newest, fault
	case !bytes.Equal(end.Hash, head.NewestHash):
		return head, newest, v.fault("event %d is another than it was", end.Seq)
	}
	return head, newest, v.expect(end.Seq, end.Hash)
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
		if err := v.expect(above.Seq, above.Hash); err != nil {
			return err
		}
		return v.walk(ctx, from, above.Seq)
	}
	if err := v.walk(ctx, max(1, min(from, newest.Seq)), head.End.Seq); err != nil {
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
