package seal

import (
	"context"
	"slices"
	"sync"
)

// Priority is whose password is hashed first if several wait. The context says it: see [WithPriority].
type Priority int

// The priorities. Zero is the one in the middle.
const (
	PriorityLow Priority = iota - 1
	PriorityNormal
	PriorityHigh
)

// priorities has every priority, the highest first.
var priorities = []Priority{PriorityHigh, PriorityNormal, PriorityLow}

type priorityKey struct{}

// WithPriority returns a context whose passwords are hashed with a priority.
func WithPriority(ctx context.Context, p Priority) context.Context {
	return context.WithValue(ctx, priorityKey{}, p)
}

func priorityOf(ctx context.Context) Priority {
	p, _ := ctx.Value(priorityKey{}).(Priority)
	return p
}

// fairTurn is how many turns there are until one is given to the lowest priority that waits, so that nobody waits for
// ever.
const fairTurn = 4

// hashTurns gives out the turns to hash a password, one at a time, since each hash takes its memory. It does not bound
// how many wait: its callers do.
type hashTurns struct {
	mu      sync.Mutex
	busy    bool
	given   int // how many turns were given to somebody who waited
	waiting map[Priority][]chan struct{}
}

// turns are those of the process.
var turns = hashTurns{waiting: make(map[Priority][]chan struct{})}

// take waits for a turn. It returns the context's error if that ends first.
func (t *hashTurns) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p := priorityOf(ctx)
	t.mu.Lock()
	if !t.busy {
		t.busy = true
		t.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	t.waiting[p] = append(t.waiting[p], turn)
	t.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	i := slices.Index(t.waiting[p], turn)
	if i >= 0 {
		t.waiting[p] = slices.Delete(t.waiting[p], i, i+1)
	}
	t.mu.Unlock()
	if i < 0 { // the turn came at the same moment
		t.end()
	}
	return ctx.Err()
}

// end gives the turn to the next who waits.
func (t *hashTurns) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	order := slices.Clone(priorities)
	if t.given%fairTurn == fairTurn-1 {
		slices.Reverse(order)
	}
	for _, p := range order {
		if len(t.waiting[p]) > 0 {
			close(t.waiting[p][0])
			t.waiting[p] = slices.Delete(t.waiting[p], 0, 1)
			t.given++
			return
		}
	}
	t.busy = false
}
