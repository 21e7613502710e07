package delivery

import "sync"

// perProviderLimit limits the attempts under way at each provider, so that a slow one does not
// take all slots.
type perProviderLimit struct {
	mu      sync.Mutex
	running map[ProviderKey]int
}

// acquire reports whether fewer than limit attempts are under way at a provider, and counts one
// more if so.
func (c *perProviderLimit) acquire(key ProviderKey, limit int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running[key] >= limit {
		return false
	}
	if c.running == nil {
		c.running = map[ProviderKey]int{}
	}
	c.running[key]++
	return true
}

func (c *perProviderLimit) release(key ProviderKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running[key]--; c.running[key] == 0 {
		delete(c.running, key)
	}
}
