package simulator

import (
	"math/rand/v2"
	"sync"
)

// chaos spoils some requests, the same ones in each run with the same seed.
type chaos struct {
	mu     sync.Mutex
	share  float64
	chance *rand.Rand
	kinds  []ResourceMode
}

// Chaos has a share of the requests to the resource endpoints fail, from 0 for none
// to 1 for all, in each way that there is, or only in those given. The same seed
// spoils the same requests in the same order. A provider that misbehaves already is
// left to it.
func (s *Simulator) Chaos(share float64, seed uint64, only ...ResourceMode) {
	kinds := only
	if len(kinds) == 0 {
		kinds = ResourceModes[1:]
	}
	c := &s.chaos
	c.mu.Lock()
	defer c.mu.Unlock()
	c.share, c.kinds = share, kinds
	c.chance = rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // it must be repeatable, and keeps no secret
}

// draw says how the next request goes.
func (c *chaos) draw() ResourceMode {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.share <= 0 || c.chance.Float64() >= c.share {
		return ResourceRight
	}
	return c.kinds[c.chance.IntN(len(c.kinds))]
}
