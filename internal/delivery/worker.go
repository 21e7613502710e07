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
func (d *Queue) Run(ctx context.Context) {
	for ctx.Err() == nil {
		wait := pollInterval
		due, err := d.runOnce(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			d.log.Error("deliveries", "error", err)
		case !due.IsZero():
			wait = min(wait, max(due.Sub(d.now()), time.Millisecond))
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-d.woken:
		}
		timer.Stop()
	}
}

// runOnce ends abandoned deliveries, begins those that are due while there are free slots, and
// returns when the next one is due.
func (d *Queue) runOnce(ctx context.Context) (next time.Time, err error) {
	if err := d.endAbandoned(ctx); err != nil {
		return time.Time{}, err
	}
	free := min(cap(d.slots)-len(d.slots), maxClaims)
	if free == 0 {
		d.slotWanted.Store(true)
		return time.Time{}, nil
	}
	now := d.now()
	claimed, err := d.store.ClaimDeliveries(ctx, newLease(), now, now.Add(d.leaseLifetime()), free)
	if err != nil {
		return time.Time{}, fmt.Errorf("claim deliveries: %w", err)
	}
	for _, v := range claimed {
		select {
		case d.slots <- struct{}{}: // waits if a push has taken the slot in between
			d.begin(v)
		case <-ctx.Done():
			return time.Time{}, ctx.Err() // the leases will end
		}
	}
	if len(claimed) == free {
		d.wake() // there may be more
	}
	if next, err = d.store.NextDue(ctx); err != nil {
		return time.Time{}, fmt.Errorf("next delivery: %w", err)
	}
	return next, nil
}

// endAbandoned ends deliveries whose server died while it posted them: it is not known whether
// they were filed.
func (d *Queue) endAbandoned(ctx context.Context) error {
	lost, err := d.store.ListAbandoned(ctx, d.now(), abandonedPage)
	if err != nil {
		return fmt.Errorf("list abandoned deliveries: %w", err)
	}
	for _, v := range lost {
		err := d.end(ctx, &v, Unknown, "the server stopped while it was being sent", nil)
		if err != nil && !errors.Is(err, library.ErrUsed) &&
			!errors.Is(err, library.ErrNotFound) { // another server has ended it
			return fmt.Errorf("end abandoned delivery: %w", err)
		}
	}
	return nil
}

func (d *Queue) wake() {
	select {
	case d.woken <- struct{}{}:
	default:
	}
}

// Close waits for the attempts under way until the context ends, and then cancels them: their
// deliveries end as unknown.
func (d *Queue) Close(ctx context.Context) {
	cut := context.AfterFunc(ctx, d.stop)
	d.attempts.Wait()
	cut()
	d.stop()
}

// ForgetAnswers deletes the providers' answers that are older than their lifetime.
func (d *Queue) ForgetAnswers(ctx context.Context) error {
	if err := d.store.ForgetAnswers(ctx, d.now().Add(-d.config.AnswerLifetime)); err != nil {
		return fmt.Errorf("forget answers: %w", err)
	}
	return nil
}
