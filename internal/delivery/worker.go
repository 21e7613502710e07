package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

const (
	// pollInterval is how often to look for deliveries that other servers have left or postponed.
	pollInterval = 5 * time.Second
	// maxClaims is how many deliveries are claimed at a time.
	maxClaims = 16
	// abandonedPage is how many abandoned deliveries are ended at a time.
	abandonedPage = 100
)

// Run sends the deliveries that are due until the context ends. Other servers may run on the same
// store. Attempts under way then go on; see Close.
func (q *Queue) Run(ctx context.Context) {
	for ctx.Err() == nil {
		wait := pollInterval
		due, err := q.runOnce(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			q.log.Error("deliveries", "error", err)
		case !due.IsZero():
			wait = min(wait, max(due.Sub(q.now()), time.Millisecond))
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-q.wakeups:
		}
		timer.Stop()
	}
}

// runOnce ends abandoned deliveries, begins those that are due while there are free slots, and
// returns when the next one is due.
func (q *Queue) runOnce(ctx context.Context) (next time.Time, err error) {
	if err := q.endAbandoned(ctx); err != nil {
		return time.Time{}, err
	}
	free := min(cap(q.slots)-len(q.slots), maxClaims)
	if free == 0 {
		q.slotWanted.Store(true)
		return time.Time{}, nil
	}
	now := q.now()
	claimed, err := q.store.ClaimDeliveries(ctx, newLease(), now, now.Add(q.leaseLifetime()), free)
	if err != nil {
		return time.Time{}, fmt.Errorf("claim deliveries: %w", err)
	}
	for _, d := range claimed {
		select {
		case q.slots <- struct{}{}: // waits if a push has taken the slot in between
			q.begin(d)
		case <-ctx.Done():
			return time.Time{}, ctx.Err() // the leases will end
		}
	}
	if len(claimed) == free {
		q.wake() // there may be more
	}
	if next, err = q.store.NextDue(ctx); err != nil {
		return time.Time{}, fmt.Errorf("next delivery: %w", err)
	}
	return next, nil
}

// endAbandoned ends deliveries whose server died while it posted them: it is not known whether
// they were filed.
func (q *Queue) endAbandoned(ctx context.Context) error {
	lost, err := q.store.ListAbandoned(ctx, q.now(), abandonedPage)
	if err != nil {
		return fmt.Errorf("list abandoned deliveries: %w", err)
	}
	for _, d := range lost {
		err := q.end(ctx, &d, Unknown, "the server stopped while it was being sent", nil)
		if err != nil && !errors.Is(err, library.ErrUsed) &&
			!errors.Is(err, library.ErrNotFound) { // another server has ended it
			return fmt.Errorf("end abandoned delivery: %w", err)
		}
	}
	return nil
}

func (q *Queue) wake() {
	select {
	case q.wakeups <- struct{}{}:
	default:
	}
}

// Close waits for the attempts under way until the context ends, and then cancels them: their
// deliveries end as unknown.
func (q *Queue) Close(ctx context.Context) {
	cut := context.AfterFunc(ctx, q.stop)
	q.attempts.Wait()
	cut()
	q.stop()
}

// ForgetAnswers deletes the providers' answers that are older than their lifetime.
func (q *Queue) ForgetAnswers(ctx context.Context) error {
	if err := q.store.ForgetAnswers(ctx, q.now().Add(-q.config.AnswerLifetime)); err != nil {
		return fmt.Errorf("forget answers: %w", err)
	}
	return nil
}
