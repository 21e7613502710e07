package library

import (
	"sync"
	"time"
)

// ttlCache caches a bounded number of values, each for a limited time.
type ttlCache[K comparable, V any] struct {
	ttl   time.Duration
	limit int

	mu     sync.RWMutex
	values map[K]cached[V]
}

type cached[V any] struct {
	value V
	until time.Time
}

// get returns the value of k, unless it has expired.
func (c *ttlCache[K, V]) get(k K, now time.Time) (V, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v, ok := c.values[k]
	// A clock that is set back must not make a value live longer.
	if !ok || !now.Before(v.until) || now.Before(v.until.Add(-c.ttl)) {
		var zero V
		return zero, false
	}
	return v.value, true
}

// clear removes all values.
func (c *ttlCache[K, V]) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values = nil
}

// put caches v under k. A full cache is emptied first: what is in use soon comes back.
func (c *ttlCache[K, V]) put(k K, v V, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.values == nil || len(c.values) >= c.limit {
		c.values = make(map[K]cached[V])
	}
	c.values[k] = cached[V]{v, now.Add(c.ttl)}
}
