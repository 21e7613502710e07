package store

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/carrelhq/carrel/internal/library"
)

// A batchQueue holds work that waits for one goroutine, which takes all that waits and does it together.
type batchQueue[T any] struct {
	mu     sync.RWMutex // held for writing to close the queue
	closed bool
	queue  chan *job[T]
}

// A job is work that waits, and the place for its result.
type job[T any] struct {
	ctx     context.Context
	work    T
	claimed atomic.Bool // by the worker, to do it, or by its caller, to give up
	result  chan error
}

// newBatchQueue returns a queue in which so many jobs may wait.
func newBatchQueue[T any](most int) *batchQueue[T] {
	return &batchQueue[T]{queue: make(chan *job[T], most)}
}

// do has the work done and returns its result. It returns library.ErrBusy if too much waits. If ctx ends while the work
// waits, it is not done; once begun, it is done to its end.
func (q *batchQueue[T]) do(ctx context.Context, work T) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := &job[T]{ctx: context.WithoutCancel(ctx), work: work, result: make(chan error, 1)}
	if err := q.enqueue(j); err != nil {
		return err
	}
	select {
	case err := <-j.result:
		return err
	case <-ctx.Done():
		if j.claimed.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return <-j.result
	}
}

func (q *batchQueue[T]) enqueue(j *job[T]) error {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if q.closed {
		return errClosed
	}
	select {
	case q.queue <- j:
		return nil
	default:
		return library.ErrBusy
	}
}

// close lets no more work in. The worker still does what waits.
func (q *batchQueue[T]) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		close(q.queue)
	}
}

// batches calls f with what waits, at most so many jobs at a time, until the queue is closed and empty. Jobs whose
// callers have given up are left out. There is no timer: while f works, the next batch gathers.
func (q *batchQueue[T]) batches(most int, f func(batch []*job[T])) {
	batch := make([]*job[T], 0, most)
	for first := range q.queue {
		batch = q.gather(append(batch[:0], first), most)
		if len(batch) > 0 {
			f(batch)
		}
		clear(batch)
	}
}

// gather adds the jobs that wait to the batch, without those whose callers have given up.
func (q *batchQueue[T]) gather(batch []*job[T], most int) []*job[T] {
	if !batch[0].claimed.CompareAndSwap(false, true) {
		batch = batch[:0]
	}
	for len(batch) < most {
		select {
		case j, open := <-q.queue:
			if !open {
				return batch
			}
			if j.claimed.CompareAndSwap(false, true) {
				batch = append(batch, j)
			}
		default:
			return batch
		}
	}
	return batch
}
