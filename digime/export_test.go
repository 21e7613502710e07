package digime

import (
	"context"
	"time"
)

// WithoutPauses makes the client not pause.
func WithoutPauses() Option { return WithPauses(func(time.Duration) {}) }

// WithPauses makes the client report its pauses in place of pausing.
func WithPauses(report func(time.Duration)) Option {
	return func(c *Client) error {
		c.sleep = func(ctx context.Context, d time.Duration) error {
			report(d)
			return ctx.Err()
		}
		return nil
	}
}

// SetStaleAfter sets how long a file may wait for its turn. The result restores the old value.
func SetStaleAfter(d time.Duration) (restore func()) {
	old := staleAfter
	staleAfter = d
	return func() { staleAfter = old }
}
