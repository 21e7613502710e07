package simulator

import (
	"math/rand/v2"
	"sync"
)

// chaos spoils some requests, the same ones in each run with the same seed.
type randomFailures struct {
	mu    sync.Mutex
	share float64
	rng   *rand.Rand
	modes []ResourceMode
}

// Chaos has a share of the requests to the resource endpoints fail, from 0 for none
// to 1 for all, in each way that there is, or only in those given. The same seed
// spoils the same requests in the same order. A provider that misbehaves already is
// left to it.
func (s *Simulator) SetRandomFailures(share float64, seed uint64, only ...ResourceMode) {
	kinds := only
	if len(kinds) == 0 {
		kinds = ResourceModes[1:]
	}
	c := &s.failures
	c.mu.Lock()
	defer c.mu.Unlock()
	c.share, c.modes = share, kinds
	c.rng = rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // it must be repeatable, and keeps no secret
}

// draw says how the next request goes.
func (c *randomFailures) draw() ResourceMode {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.share <= 0 || c.rng.Float64() >= c.share {
		return ResourceOK
	}
	return c.modes[c.rng.IntN(len(c.modes))]
}
