package digime

import (
	"context"
	"time"
)

// Hasty makes a client whose pauses take no time.
func Hasty() Option { return Paused(func(time.Duration) {}) }

// Paused makes a client that tells of its pauses instead of taking them.
func Paused(tell func(time.Duration)) Option {
	return func(c *Client) error {
		c.sleep = func(ctx context.Context, d time.Duration) error {
			tell(d)
			return ctx.Err()
		}
		return nil
	}
}

// GoesStaleAfter sets how long a file may wait for its turn, until undone.
func GoesStaleAfter(d time.Duration) (undo func()) {
	old := goesStale
	goesStale = d
	return func() { goesStale = old }
}
