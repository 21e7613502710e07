package digime

import (
	"context"
	"errors"
	"time"
)

// Attempt is one HTTP request, as [Observe] sees it.
type Attempt struct {
	// Method and Path say which call it was. Path is a pattern below the base URL,
	// such as permission-access/query/{session}: it names nobody and is fit for a
	// metric's label.
	Method, Path string
	// Number counts the attempts of one call from 1.
	Number int
	// Status is the answer's HTTP status; 0 when there was none.
	Status int
	// Duration runs until the answer has been read, or, for a file's content, until
	// it begins.
	Duration time.Duration
	// Err is what came of the attempt; nil for a success.
	Err error
}

// Observe calls hook after each HTTP request, for logs, metrics and traces. The
// context is that of the call. Hooks run on the goroutine of the call, many at
// once; nothing in an [Attempt] is secret.
func Observe(hook func(context.Context, Attempt)) Option {
	return func(c *Client) error {
		if hook == nil {
			return errors.New("observe: the hook is nil")
		}
		c.observe = hook
		return nil
	}
}
