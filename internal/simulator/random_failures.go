package simulator

import (
	"math/rand/v2"
	"sync"
)

// randomFailures makes some requests fail, the same ones for the same seed.
type randomFailures struct {
	mu    sync.Mutex
	share float64
	rng   *rand.Rand
	modes []ResourceMode
}

// SetRandomFailures makes a share of the requests at resource endpoints fail, from 0 for
// none to 1 for all, with a random mode, or one of the given modes. With the same seed
// the same requests fail. It does not change requests for which a Behaviour has a mode.
func (s *Simulator) SetRandomFailures(share float64, seed uint64, only ...ResourceMode) {
	kinds := only
	if len(kinds) == 0 {
		kinds = ResourceModes[1:]
	}
	c := &s.failures
	c.mu.Lock()
	defer c.mu.Unlock()
	c.share, c.modes = share, kinds
	c.rng = rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // it must be reproducible, and protects no secret
}

// draw returns the random mode of the next request, which is ResourceOK if it does not fail.
func (c *randomFailures) draw() ResourceMode {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.share <= 0 || c.rng.Float64() >= c.share {
		return ResourceOK
	}
	return c.modes[c.rng.IntN(len(c.modes))]
}
