package library

import (
	"sync"
	"time"
)

// recent remembers a bounded number of values for a while.
type ttlCache[K comparable, V any] struct {
	ttl time.Duration
	max int

	mu     sync.RWMutex
	values map[K]remembered[V]
}

type remembered[V any] struct {
	value V
	until time.Time
}

// get returns what was put under k, unless it is too old.
func (r *ttlCache[K, V]) get(k K, now time.Time) (V, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	v, ok := r.values[k]
	// A clock that was set back must not make a value live longer.
	if !ok || !now.Before(v.until) || now.Before(v.until.Add(-r.ttl)) {
		var zero V
		return zero, false
	}
	return v.value, true
}

// forget forgets everything.
func (r *ttlCache[K, V]) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.values = nil
}

// put remembers v. A full memory starts anew: what is in use comes back at once.
func (r *ttlCache[K, V]) put(k K, v V, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.values == nil || len(r.values) >= r.max {
		r.values = make(map[K]remembered[V])
	}
	r.values[k] = remembered[V]{v, now.Add(r.ttl)}
}
