package carreltest

import (
	"sync"
	"time"
)

// Clock is the clock of a world. It runs with the machine's until a test stops it.
type Clock struct {
	mu    sync.Mutex
	fixed time.Time
	moved time.Duration
}

// Now returns the time on the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.fixed.IsZero() {
		return c.fixed
	}
	return time.Now().Add(c.moved)
}

// Moves moves the clock on.
func (c *Clock) Moves(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fixed.IsZero() {
		c.moved += d
	} else {
		c.fixed = c.fixed.Add(d)
	}
}

// StopsAt makes the clock stand still at a time.
func (c *Clock) StopsAt(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fixed = t
}
