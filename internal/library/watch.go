package library

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A transfer may take hours. It is allowed when it begins; what is in this file breaks it off when the
// person takes that back, at whichever server of the installation.

// ErrEnded is the cause of the end of a context of [Consents.WatchGrant] or [People.WatchLogin]: what
// allowed the transfer has ended.
var ErrEnded = errors.New("what allowed the transfer has ended")

// watchInterval is how often a transfer that takes long is checked: it breaks off within a second.
const watchInterval = 500 * time.Millisecond

// WatchGrant returns a context that ends, for the cause ErrEnded, within a second after the bearer's
// grant has been revoked or has expired, or its client has been disabled. The caller must call the
// function when the transfer is over.
func (c *Consents) WatchGrant(ctx context.Context, b *Bearer) (context.Context, func()) {
	return watch(ctx, func(ctx context.Context) (bool, error) {
		var refused *Refusal
		if _, err := c.clients.getActive(ctx, b.Client.ID()); errors.As(err, &refused) {
			return false, nil
		} else if err != nil {
			return false, err
		}
		grant, err := c.store.GetGrant(ctx, b.Grant.ID)
		if errors.Is(err, ErrNotFound) { // deleted with its library
			return false, nil
		}
		return grant.Active(c.now()), err
	})
}

// WatchLogin returns a context that ends, for the cause ErrEnded, within a second after the login has
// ended or the library was shut. It keeps the login from expiring meanwhile. The caller must call the
// function when the transfer is over.
func (p *People) WatchLogin(ctx context.Context, s *SignedIn) (context.Context, func()) {
	return watch(ctx, func(ctx context.Context) (bool, error) {
		current, err := p.Login(ctx, s.secret)
		if errors.Is(err, ErrNotFound) {
			return false, nil
		}
		return err == nil && !current.Library.Shut(), err
	})
}

// watch returns a context that ends, for the cause ErrEnded, soon after holds has returned false. A
// short transfer is over before the first check.
func watch(ctx context.Context, holds func(context.Context) (bool, error)) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watcher{}
	check := func() {
		switch ok, err := holds(ctx); {
		case ctx.Err() != nil:
		case err == nil && !ok:
			cancel(ErrEnded)
		default: // if the store fails, nobody can take anything back either
			w.again()
		}
	}
	w.mu.Lock()
	w.timer = time.AfterFunc(watchInterval, check)
	w.mu.Unlock()
	return ctx, func() {
		w.stop()
		cancel(nil)
	}
}

// watcher is the timer of a watch.
type watcher struct {
	mu      sync.Mutex
	timer   *time.Timer
	stopped bool
}

func (w *watcher) again() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped {
		w.timer.Reset(watchInterval)
	}
}

func (w *watcher) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	w.timer.Stop()
}
