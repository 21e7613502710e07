package delivery

import "sync"

// crowd counts the attempts under way at each provider, so that one that is slow does
// not take every place.
type perProviderLimit struct {
	mu      sync.Mutex
	running map[ProviderKey]int
}

// enter reports whether there is room for one more at a provider, and takes it.
func (c *perProviderLimit) acquire(key ProviderKey, most int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running[key] >= most {
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
