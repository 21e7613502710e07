package library

import (
	"context"
	"fmt"
	"sync"

	"github.com/carrelhq/carrel/internal/netaddr"
	"github.com/carrelhq/carrel/internal/seal"
)

// hashers are who has passwords hashed. Each kind has places of its own, so that none keeps another out.
type hashers int

const (
	hashersKnown     hashers = iota // who is signed in, or uses a browser that has signed in before
	hashersStrangers                // who signs in with another browser, or recovers a library
	hashersNew                      // who creates a library
	kindsOfHashers
)

// How many of a kind have or await a turn to hash at once; the priority of their turns; and how many of them may come
// from one network address. A turn takes about 30 ms, so that those who are admitted wait for some seconds at most.
var hashLimits = [kindsOfHashers]struct {
	places, perNetwork int
	priority           seal.Priority
}{
	hashersKnown:     {places: 64, perNetwork: 16, priority: seal.PriorityHigh},
	hashersStrangers: {places: 64, perNetwork: 16, priority: seal.PriorityNormal},
	hashersNew:       {places: 16, perNetwork: 4, priority: seal.PriorityLow},
}

// hashPlaces bounds how many people have or await a turn to hash a password.
type hashPlaces struct {
	mu        sync.Mutex
	taken     [kindsOfHashers]int
	ofNetwork [kindsOfHashers]map[string]int
}

// take takes a place for somebody at a network address, if that is known. The context that it returns has their
// priority. It returns ErrBusy if there is no place; nobody waits for one. Call leave at the end.
func (h *hashPlaces) take(ctx context.Context, kind hashers, address string) (
	_ context.Context, leave func(), err error,
) {
	limit, network := hashLimits[kind], ""
	if address != "" {
		network = netaddr.NetworkOf(address)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ofNetwork[kind] == nil {
		h.ofNetwork[kind] = make(map[string]int)
	}
	if h.taken[kind] >= limit.places || network != "" && h.ofNetwork[kind][network] >= limit.perNetwork {
		return ctx, nil, fmt.Errorf("too many passwords wait to be hashed: %w", ErrBusy)
	}
	h.taken[kind]++
	h.ofNetwork[kind][network]++
	return seal.WithPriority(ctx, limit.priority), func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.taken[kind]--
		if h.ofNetwork[kind][network]--; h.ofNetwork[kind][network] == 0 {
			delete(h.ofNetwork[kind], network)
		}
	}, nil
}
