package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// sendAll sends each request once and records what came of it. It returns an error if there is no connection.
func sendAll(
	ctx context.Context, l Load, t Target, requests []Request, check func(*Request, Answer) error, into *recorder,
) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		next  atomic.Int64
		wait  sync.WaitGroup
		began = time.Now()
	)
	for range min(l.Clients, len(requests)) {
		wait.Go(func() {
			c := client{target: t, check: check}
			defer c.close()
			for {
				i := int(next.Add(1)) - 1
				if i >= len(requests) {
					return
				}
				start, err := l.await(ctx, began, i)
				if err != nil {
					return
				}
				content, err := c.send(ctx, &requests[i])
				if ctx.Err() != nil {
					return
				}
				var lost *dialError
				if errors.As(err, &lost) {
					cancel(lost)
					return
				}
				into.record(requests[i].Kind, time.Since(start), content, err)
			}
		})
	}
	wait.Wait()
	return context.Cause(ctx)
}

// await waits until the i-th request is to start, and returns when that is. In a closed loop that is now.
func (l Load) await(ctx context.Context, began time.Time, i int) (time.Time, error) {
	if l.Rate == 0 {
		return time.Now(), ctx.Err()
	}
	start := began.Add(time.Duration(float64(i) / l.Rate * float64(time.Second)))
	timer := time.NewTimer(time.Until(start))
	defer timer.Stop()
	select {
	case <-timer.C:
		return start, nil
	case <-ctx.Done():
		return start, ctx.Err()
	}
}

// client sends requests over one connection at a time.
type client struct {
	target Target
	check  func(*Request, Answer) error
	conn   *connection // nil before the first request, and after a failure
}

func (c *client) close() {
	if c.conn != nil {
		c.conn.close()
		c.conn = nil
	}
}

// send sends a request and returns how much content it has moved, and an error unless the answer is a success.
func (c *client) send(ctx context.Context, r *Request) (content int64, err error) {
	if c.conn == nil {
		conn, err := c.target.connect(ctx)
		if err != nil {
			return 0, &dialError{err}
		}
		c.conn = conn
	}
	answer, reusable, err := c.conn.roundTrip(r)
	if err == nil {
		if answer.Status/100 != 2 {
			err = fmt.Errorf("refused with status %d: %s", answer.Status, excerpt(answer.Body))
		} else {
			err = c.check(r, answer)
		}
	}
	if !reusable {
		c.close()
	}
	if r.Content == AnswerSize {
		return answer.Size, err
	}
	return r.Content, err
}
