package seal

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// TestHashTurns checks the order of those who wait: the highest priority first, and every fourth turn to the lowest.
func TestHashTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := hashTurns{waiting: make(map[Priority][]chan struct{})}
		if err := turns.take(t.Context()); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []Priority
		for _, p := range []Priority{-1, -1, 0, 0, 0, 1, 1} {
			go func() {
				if err := turns.take(WithPriority(t.Context(), p)); err != nil {
					t.Error(err)
				}
				mu.Lock()
				order = append(order, p)
				mu.Unlock()
				turns.end()
			}()
			synctest.Wait()
		}
		turns.end()
		synctest.Wait()
		if want := []Priority{1, 1, 0, -1, 0, 0, -1}; !slices.Equal(order, want) {
			t.Errorf("the order is %v, want %v", order, want)
		}
		if turns.busy {
			t.Error("the last turn did not end")
		}
	})
}

// TestHashTurnGivenUp checks that whoever stops waiting keeps nobody from their turn.
func TestHashTurnGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := hashTurns{waiting: make(map[Priority][]chan struct{})}
		if err := turns.take(t.Context()); err != nil {
			t.Fatal(err)
		}
		gone, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() { failed <- turns.take(gone) }()
		synctest.Wait()
		taken := make(chan error, 1)
		go func() { taken <- turns.take(t.Context()) }()
		synctest.Wait()
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("the one that stopped waiting: %v", err)
		}
		turns.end()
		if err := <-taken; err != nil {
			t.Error(err)
		}
	})
}
