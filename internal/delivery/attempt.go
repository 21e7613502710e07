package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// attempt makes one attempt at a delivery that is held under d's lease, and stores the result. If
// it cannot store it, another server finds the delivery when the lease has ended.
func (q *Queue) attempt(ctx context.Context, d Delivery) Result {
	answer, err := q.attemptOnce(ctx, &d)
	if err != nil {
		// It was ended or taken over by somebody else, or the result was not stored: only the
		// store knows its state.
		d.State, answer = Posting, nil
		if current, err := q.store.GetDelivery(context.WithoutCancel(ctx), d.Library, d.ID); err == nil {
			d = current
		}
		level := slog.LevelError
		if errors.Is(err, library.ErrUsed) || errors.Is(err, library.ErrNotFound) {
			level = slog.LevelInfo
		}
		q.log.LogAttrs(ctx, level, "delivery", slog.String("delivery", string(d.ID)),
			slog.String("state", string(d.State)), slog.String("error", err.Error()))
	} else {
		q.log.LogAttrs(ctx, slog.LevelInfo, "delivery", slog.String("delivery", string(d.ID)),
			slog.String("state", string(d.State)),
			slog.Int("status", d.Status), slog.Int("attempts", d.Attempts), slog.String("reason", d.Reason))
	}
	return Result{Delivery: d, Answer: answer}
}

func (q *Queue) attemptOnce(ctx context.Context, d *Delivery) (answer []byte, err error) {
	if !q.now().Before(d.ExpiresAt) {
		return nil, q.end(ctx, d, Expired, "its time was over", nil)
	}
	connection, err := q.connections.store.GetConnection(ctx, d.Library, d.Account, true)
	if errors.Is(err, library.ErrNotFound) {
		return nil, q.end(ctx, d, Expired, "the account was disconnected", nil)
	}
	if err != nil {
		return nil, q.retryLater(ctx, d, "the store did not answer", 0, err)
	}
	access, err := q.connections.access(ctx, connection)
	switch {
	case errors.Is(err, ErrReconnect):
		return nil, q.end(ctx, d, Reconnect, "the provider's consent is over", nil)
	case errors.Is(err, library.ErrNotFound):
		return nil, q.end(ctx, d, Expired, "the account was disconnected", nil)
	case isTampered(err):
		return nil, q.endTampered(ctx, d, err)
	case err != nil:
		return nil, q.retryLater(ctx, d, "access could not be renewed", 0, err)
	}
	if !q.perProvider.acquire(access.provider, max(1, q.config.MaxAttempts/4)) {
		return nil, q.retryLater(ctx, d, "others are being sent there", 0, nil)
	}
	defer q.perProvider.release(access.provider)
	weight := min(memoryOf(d.Size), maxMemory)
	if !q.memory.TryAcquire(weight) {
		return nil, q.retryLater(ctx, d, "the server has as much under way as it can hold", 0, nil)
	}
	defer q.memory.Release(weight)
	payload, err := q.store.GetPayload(ctx, d.ID)
	if errors.Is(err, library.ErrNotFound) {
		return nil, err // ended in between
	}
	if err != nil {
		return nil, q.retryLater(ctx, d, "the store did not answer", 0, err)
	}
	resource, provider, err := q.connections.boxes.openPayload(*d, payload)
	switch {
	case isTampered(err):
		return nil, q.endTampered(ctx, d, q.connections.recordTampering(ctx, err, d.Library))
	case err != nil:
		return nil, q.retryLater(ctx, d, "the payload does not open", 0, err)
	case access.contract != d.Contract:
		err := &library.TamperedError{Library: d.Library, What: fmt.Sprintf("account %s, to which delivery %s is to "+
			"be sent, was connected for another contract", d.Account, d.ID)}
		return nil, q.endTampered(ctx, d, q.connections.recordTampering(ctx, err, d.Library))
	case access.provider != provider:
		// The person has connected the account again, and the catalogue has changed meanwhile.
		return nil, q.end(ctx, d, Expired, "the account is at another provider now", nil)
	}
	return q.post(ctx, d, connection, access, resource)
}

func isTampered(err error) bool {
	var tampered *library.TamperedError
	return errors.As(err, &tampered)
}

// endTampered ends a delivery without sending it, because what is stored of it or of its account is not
// what this server has stored. It returns err, joined with the error of the store.
func (q *Queue) endTampered(ctx context.Context, d *Delivery, err error) error {
	return errors.Join(err, q.end(ctx, d, Expired, "what is stored of it, or of its account, has been changed", nil))
}

// maxMemory is how much memory the attempts under way may take, as memoryOf counts it.
const maxMemory = 256 << 20

// memoryOf returns about how much memory an attempt takes: the resource, sealed and opened, and
// the provider's answer, which may repeat it.
func memoryOf(size int64) int64 { return 64<<10 + 5*size }

// post sends the resource. Once BeginPosting has succeeded and until the result is stored, nobody
// may send it again.
func (q *Queue) post(
	ctx context.Context,
	d *Delivery,
	connection Connection,
	access accessToken,
	resource Resource,
) (answer []byte, err error) {
	now := q.now()
	err = q.store.BeginPosting(ctx, d.ID, d.Lease, now, now.Add(q.leaseLifetime()))
	if errors.Is(err, library.ErrNotFound) {
		return nil, q.end(ctx, d, Expired, "it was called off", nil)
	}
	if err != nil {
		return nil, err // not held any more, or the store failed: the lease decides
	}
	d.State = Posting
	d.Attempts++
	// One timeout for all that follows, so that it ends before the lease does.
	ctx, cancel := context.WithTimeout(ctx, q.config.AttemptTimeout)
	defer cancel()
	outcome := q.send(ctx, access, resource)
	if outcome.Kind == OutcomeUnauthorized && access.renewable {
		// Certainly not filed: send it again with new access.
		connection.AccessVersion = access.version
		renewed, err := q.connections.refresh(ctx, connection)
		switch {
		case err == nil && ctx.Err() != nil:
			return nil, q.retryLater(ctx, d, "no time was left after access was renewed", 0, nil)
		case err == nil && (renewed.provider != access.provider || renewed.contract != access.contract):
			return nil, q.retryLater(ctx, d, "the account's access has changed meanwhile", 0, nil)
		case err == nil:
			access = renewed
			outcome = q.send(ctx, access, resource)
		case errors.Is(err, ErrReconnect):
			d.Status = outcome.Status
			return nil, q.end(ctx, d, Reconnect, "the provider's consent is over", nil)
		default:
			return nil, q.retryLater(ctx, d, "access could not be renewed", 0, err)
		}
	}
	d.Status = outcome.Status
	if !json.Valid(outcome.Answer) {
		outcome.Answer = nil // the application gets it as JSON
	}
	switch outcome.Kind {
	case OutcomeDelivered:
		return outcome.Answer, q.end(ctx, d, Delivered, outcome.Reason, outcome.Answer)
	case OutcomeRefused:
		return outcome.Answer, q.end(ctx, d, Refused, outcome.Reason, outcome.Answer)
	case OutcomeUnauthorized, OutcomeForbidden:
		connection.AccessVersion = access.version
		switch err := q.connections.endAccess(context.WithoutCancel(ctx), connection, access.contract); {
		case errors.Is(err, library.ErrUsed): // the person has connected it again
			return nil, q.retryLater(ctx, d, "the account's access has changed meanwhile", 0, nil)
		case !errors.Is(err, ErrReconnect):
			return nil, q.retryLater(ctx, d, "the store did not answer", 0, err)
		}
		return outcome.Answer, q.end(ctx, d, Reconnect, outcome.Reason, outcome.Answer)
	case OutcomeNotFiled:
		return nil, q.retryLater(ctx, d, outcome.Reason, outcome.RetryAfter, nil)
	default:
		return outcome.Answer, q.end(ctx, d, Unknown, outcome.Reason, outcome.Answer)
	}
}

func (q *Queue) send(ctx context.Context, access accessToken, resource Resource) Outcome {
	return q.providers.Send(
		ctx,
		access.provider,
		SendRequest{Resource: resource, Token: access.token, Correlation: access.correlation},
	)
}

// retryLater postpones a delivery that has certainly not been filed, or ends it if it would expire
// before the next attempt. It returns the cause, joined with the error of the store.
func (q *Queue) retryLater(ctx context.Context, d *Delivery, reason string, wait time.Duration, cause error) error {
	now := q.now()
	next := now.Add(max(wait, q.backoff(d.Attempts)))
	if !next.Before(d.ExpiresAt) {
		return errors.Join(cause, q.end(ctx, d, Expired, reason, nil))
	}
	d.State, d.Reason, d.NextAt, d.UpdatedAt = Waiting, reason, next, now
	ctx = context.WithoutCancel(ctx)
	err := retryWrite(func() error { return q.store.Postpone(ctx, d.ID, d.Lease, d.Status, reason, next, now) })
	q.wake()
	return errors.Join(cause, err)
}

// backoff returns how long to wait: it doubles from FirstRetry to MaxRetry, with random jitter of
// up to a half, so that what failed together is not retried together.
func (q *Queue) backoff(attempts int) time.Duration {
	wait := q.config.MaxRetry
	if n := max(attempts-1, 0); n < 30 {
		wait = min(wait, q.config.FirstRetry<<n)
	}
	return wait/2 + rand.N(wait/2+1) //nolint:gosec // it spreads load, and keeps no secret
}

// maxAnswer is the largest answer that is stored. Only the push that waits for it gets a larger
// one.
const maxAnswer = 1 << 20

// end stores the final state.
func (q *Queue) end(ctx context.Context, d *Delivery, state State, reason string, answer []byte) error {
	d.State, d.Reason, d.UpdatedAt, d.Payload = state, reason, q.now(), nil
	if answer != nil && len(answer) <= maxAnswer {
		var err error
		if d.Answer, err = q.connections.boxes.sealAnswer(*d, answer); err != nil {
			return err
		}
	}
	// It is stored even if the caller has stopped waiting.
	ctx = context.WithoutCancel(ctx)
	return retryWrite(func() error { return q.store.EndDelivery(ctx, *d, q.newEvent(ctx, *d)) })
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

func (q *Queue) newEvent(ctx context.Context, d Delivery) library.Event {
	details := library.EventDetails{Application: d.Application, Contract: d.Contract}
	client, err := q.clients.GetClientOfContract(context.WithoutCancel(ctx), d.Contract)
	if err == nil { // without the application's name the event is still right
		details = client.EventDetails()
	}
	details.Grant, details.Account, details.Provider = d.Grant, d.Account, d.ProviderName
	details.Delivery, details.Types = d.ID, d.Types
	return library.Event{Library: d.Library, At: d.UpdatedAt, Kind: eventKinds[d.State], Details: details}
}
