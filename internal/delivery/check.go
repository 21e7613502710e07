package delivery

import (
	"context"
	"fmt"

	"github.com/carrelhq/carrel/internal/library"
)

// StoredState is the state of a delivery as a check reads it.
type StoredState struct {
	ID         library.DeliveryID
	Library    library.ID
	State      State
	HasPayload bool
}

// CheckStore reads the states of all deliveries.
type CheckStore interface {
	// ListDeliveryStates returns up to limit states, in the order of the ids, after the given one.
	ListDeliveryStates(ctx context.Context, after library.DeliveryID, limit int) ([]StoredState, error)
}

// checkPage is how many states are read at a time.
const checkPage = 500

// Check reports each delivery whose state is none that there is, or does not fit what is stored
// with it: what has not ended has a payload, and what has ended has none.
func Check(ctx context.Context, store CheckStore, report func(fault string)) error {
	var after library.DeliveryID
	for {
		states, err := store.ListDeliveryStates(ctx, after, checkPage)
		if err != nil {
			return err
		}
		for _, s := range states {
			if what := s.fault(); what != "" {
				report(fmt.Sprintf("library %s: delivery %s: %s", s.Library, s.ID, what))
			}
		}
		if len(states) < checkPage {
			return nil
		}
		after = states[len(states)-1].ID
	}
}

func (s StoredState) fault() string {
	switch s.State {
	case Waiting, Posting:
		if !s.HasPayload {
			return "it has not ended, and what is to be sent is gone"
		}
	case Delivered, Refused, Unknown, Expired, Reconnect:
		if s.HasPayload {
			return "it has ended, and what was sent is still there"
		}
	default:
		return fmt.Sprintf("there is no state %q", s.State)
	}
	return ""
}
