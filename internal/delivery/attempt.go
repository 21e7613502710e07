package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// attempt makes one attempt at a delivery that is held under v's lease, and stores the result. If
// it cannot store it, another server finds the delivery when the lease has ended.
func (d *Queue) attempt(ctx context.Context, v Delivery) Result {
	answer, err := d.attemptOnce(ctx, &v)
	if err != nil {
		// It was ended or taken over by somebody else, or the result was not stored: only the
		// store knows its state.
		v.State, answer = Posting, nil
		if current, err := d.store.GetDelivery(context.WithoutCancel(ctx), v.Library, v.ID); err == nil {
			v = current
		}
		level := slog.LevelError
		if errors.Is(err, library.ErrUsed) || errors.Is(err, library.ErrNotFound) {
			level = slog.LevelInfo
		}
		d.log.LogAttrs(ctx, level, "delivery", slog.String("delivery", string(v.ID)),
			slog.String("state", string(v.State)), slog.String("error", err.Error()))
	} else {
		d.log.LogAttrs(ctx, slog.LevelInfo, "delivery", slog.String("delivery", string(v.ID)),
			slog.String("state", string(v.State)),
			slog.Int("status", v.Status), slog.Int("attempts", v.Attempts), slog.String("reason", v.Reason))
	}
	return Result{Delivery: v, Answer: answer}
}

func (d *Queue) attemptOnce(ctx context.Context, v *Delivery) (answer []byte, err error) {
	if !d.now().Before(v.ExpiresAt) {
		return nil, d.end(ctx, v, Expired, "its time was over", nil)
	}
	account, err := d.connections.store.GetConnection(ctx, v.Library, v.Account, true)
	if errors.Is(err, library.ErrNotFound) {
		return nil, d.end(ctx, v, Expired, "the account was disconnected", nil)
	}
	if err != nil {
		return nil, d.retryLater(ctx, v, "the store did not answer", 0, err)
	}
	access, err := d.connections.access(ctx, account)
	switch {
	case errors.Is(err, ErrReconnect):
		return nil, d.end(ctx, v, Reconnect, "the provider's consent is over", nil)
	case errors.Is(err, library.ErrNotFound):
		return nil, d.end(ctx, v, Expired, "the account was disconnected", nil)
	case err != nil:
		return nil, d.retryLater(ctx, v, "access could not be renewed", 0, err)
	}
	if !d.perProvider.acquire(account.Source.Provider, max(1, d.config.MaxAttempts/4)) {
		return nil, d.retryLater(ctx, v, "others are being sent there", 0, nil)
	}
	defer d.perProvider.release(account.Source.Provider)
	weight := min(memoryOf(v.Size), maxMemory)
	if !d.memory.TryAcquire(weight) {
		return nil, d.retryLater(ctx, v, "the server has as much under way as it can hold", 0, nil)
	}
	defer d.memory.Release(weight)
	payload, err := d.store.GetPayload(ctx, v.ID)
	if errors.Is(err, library.ErrNotFound) {
		return nil, err // ended in between
	}
	if err != nil {
		return nil, d.retryLater(ctx, v, "the store did not answer", 0, err)
	}
	r, err := d.openPayload(v.ID, payload)
	if err != nil {
		return nil, d.retryLater(ctx, v, "the payload does not open", 0, err)
	}
	return d.post(ctx, v, account, access, r)
}

// maxMemory is how much memory the attempts under way may take, as memoryOf counts it.
const maxMemory = 256 << 20

// memoryOf returns about how much memory an attempt takes: the resource, sealed and opened, and
// the provider's answer, which may repeat it.
func memoryOf(size int64) int64 { return 64<<10 + 5*size }

// post sends the resource. Once BeginPosting has succeeded and until the result is stored, nobody
// may send it again.
func (d *Queue) post(
	ctx context.Context,
	v *Delivery,
	account Connection,
	access accessToken,
	r Resource,
) (answer []byte, err error) {
	now := d.now()
	err = d.store.BeginPosting(ctx, v.ID, v.Lease, now, now.Add(d.leaseLifetime()))
	if errors.Is(err, library.ErrNotFound) {
		return nil, d.end(ctx, v, Expired, "it was called off", nil)
	}
	if err != nil {
		return nil, err // not held any more, or the store failed: the lease decides
	}
	v.State = Posting
	v.Attempts++
	// One timeout for all that follows, so that it ends before the lease does.
	ctx, cancel := context.WithTimeout(ctx, d.config.AttemptTimeout)
	defer cancel()
	out := d.send(ctx, account, access, r)
	if out.Kind == OutcomeUnauthorized && access.renewable {
		// Certainly not filed: send it again with new access.
		account.AccessVersion = access.version
		renewed, err := d.connections.refresh(ctx, account)
		switch {
		case err == nil && ctx.Err() != nil:
			return nil, d.retryLater(ctx, v, "no time was left after access was renewed", 0, nil)
		case err == nil:
			access = renewed
			out = d.send(ctx, account, access, r)
		case errors.Is(err, ErrReconnect):
			v.Status = out.Status
			return nil, d.end(ctx, v, Reconnect, "the provider's consent is over", nil)
		default:
			return nil, d.retryLater(ctx, v, "access could not be renewed", 0, err)
		}
	}
	v.Status = out.Status
	if !json.Valid(out.Answer) {
		out.Answer = nil // the application gets it as JSON
	}
	switch out.Kind {
	case OutcomeDelivered:
		return out.Answer, d.end(ctx, v, Delivered, out.Reason, out.Answer)
	case OutcomeRefused:
		return out.Answer, d.end(ctx, v, Refused, out.Reason, out.Answer)
	case OutcomeUnauthorized, OutcomeForbidden:
		account.AccessVersion = access.version
		switch err := d.connections.endAccess(context.WithoutCancel(ctx), account); {
		case errors.Is(err, library.ErrUsed): // the person has connected it again
			return nil, d.retryLater(ctx, v, "the account's access has changed meanwhile", 0, nil)
		case !errors.Is(err, ErrReconnect):
			return nil, d.retryLater(ctx, v, "the store did not answer", 0, err)
		}
		return out.Answer, d.end(ctx, v, Reconnect, out.Reason, out.Answer)
	case OutcomeNotFiled:
		return nil, d.retryLater(ctx, v, out.Reason, out.RetryAfter, nil)
	default:
		return out.Answer, d.end(ctx, v, Unknown, out.Reason, out.Answer)
	}
}

func (d *Queue) send(ctx context.Context, account Connection, access accessToken, r Resource) Outcome {
	return d.providers.Send(
		ctx,
		account.Source.Provider,
		SendRequest{Resource: r, Token: access.token, Correlation: access.correlation},
	)
}

// retryLater postpones a delivery that has certainly not been filed, or ends it if it would expire
// before the next attempt. It returns the cause, joined with the error of the store.
func (d *Queue) retryLater(ctx context.Context, v *Delivery, reason string, wait time.Duration, cause error) error {
	now := d.now()
	next := now.Add(max(wait, d.backoff(v.Attempts)))
	if !next.Before(v.ExpiresAt) {
		return errors.Join(cause, d.end(ctx, v, Expired, reason, nil))
	}
	v.State, v.Reason, v.NextAt, v.UpdatedAt = Waiting, reason, next, now
	ctx = context.WithoutCancel(ctx)
	err := retryWrite(func() error { return d.store.Postpone(ctx, v.ID, v.Lease, v.Status, reason, next, now) })
	d.wake()
	return errors.Join(cause, err)
}

// backoff returns how long to wait: it doubles from FirstRetry to MaxRetry, with random jitter of
// up to a half, so that what failed together is not retried together.
func (d *Queue) backoff(attempts int) time.Duration {
	wait := d.config.MaxRetry
	if n := max(attempts-1, 0); n < 30 {
		wait = min(wait, d.config.FirstRetry<<n)
	}
	return wait/2 + rand.N(wait/2+1) //nolint:gosec // it spreads load, and keeps no secret
}

// maxAnswer is the largest answer that is stored. Only the push that waits for it gets a larger
// one.
const maxAnswer = 1 << 20

// end stores the final state.
func (d *Queue) end(ctx context.Context, v *Delivery, state State, reason string, answer []byte) error {
	v.State, v.Reason, v.UpdatedAt, v.Payload = state, reason, d.now(), nil
	if answer != nil && len(answer) <= maxAnswer {
		v.Answer = d.ring.Seal(purposeAnswer(v.ID), answer)
	}
	// It is stored even if the caller has stopped waiting.
	ctx = context.WithoutCancel(ctx)
	return retryWrite(func() error { return d.store.EndDelivery(ctx, *v, d.newEvent(ctx, *v)) })
}

// retryWrite repeats a write that must not be lost, for some seconds, if the store is busy or
// fails.
func retryWrite(write func() error) error {
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		err := write()
		if err == nil || errors.Is(err, library.ErrUsed) || errors.Is(err, library.ErrNotFound) ||
			wait > 2*time.Second {
			return err
		}
		time.Sleep(wait)
	}
}

var eventKinds = map[State]library.EventKind{
	Delivered: library.EventSentAccepted,
	Refused:   library.EventSentRefused,
	Unknown:   library.EventSentUnknown,
	Expired:   library.EventSentGivenUp,
	Reconnect: library.EventSentGivenUp,
}

func (d *Queue) newEvent(ctx context.Context, v Delivery) library.Event {
	details := library.EventDetails{Application: v.Application, Contract: v.Contract}
	client, err := d.clients.GetClientOfContract(context.WithoutCancel(ctx), v.Contract)
	if err == nil { // without the application's name the event is still right
		details = client.EventDetails()
	}
	details.Grant, details.Account, details.Provider = v.Grant, v.Account, v.ProviderName
	details.Delivery, details.Types = v.ID, v.Types
	return library.Event{Library: v.Library, At: v.UpdatedAt, Kind: eventKinds[v.State], Details: details}
}
