package library

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// A transfer may take hours. It is allowed when it begins; what is in this file breaks it off when the
// person takes that back, at whichever server of the installation.

// ErrEnded is the cause of the end of a context of [Consents.WatchGrant] or [People.WatchLogin]: what
// allowed the transfer has ended.
var ErrEnded = errors.New("what allowed the transfer has ended")

const (
	// watchInterval is how often the transfers that take long are checked. The first check of one comes within twice
	// this time, so that it breaks off within a second.
	watchInterval = 400 * time.Millisecond
	// watchTimeout is how long a check may take, so that one which hangs does not keep the others.
	watchTimeout = 2 * time.Second
	// maxWatchFailures is how often in a row a check may fail, some six seconds. Then what allows the transfer may have
	// ended at another server, which reaches the database.
	maxWatchFailures = 15
)

// watchedGrant is what allows the transfers of a grant.
type watchedGrant struct {
	grant  GrantID
	client wire.ClientID
}

// WatchGrant returns a context that ends, for the cause ErrEnded, within a second after the bearer's grant has been
// revoked or has expired, its contract allows something else, or its client has been disabled. The caller must call the
// function when the transfer is over.
func (c *Consents) WatchGrant(ctx context.Context, b *Bearer) (context.Context, func()) {
	key := watchedGrant{b.Grant.ID, b.Client.ID()}
	return c.watches.add(ctx, key, func(ctx context.Context) (bool, error) {
		grant, err := c.store.GetGrant(ctx, b.Grant.ID)
		if errors.Is(err, ErrNotFound) { // deleted with its library
			return false, nil
		}
		if err != nil {
			return false, err
		}
		return c.counts(ctx, grant)
	})
}

// WatchLogin returns a context that ends, for the cause ErrEnded, within a second after the login has
// ended or the library was shut. It keeps the login from expiring meanwhile. The caller must call the
// function when the transfer is over.
func (p *People) WatchLogin(ctx context.Context, s *SignedIn) (context.Context, func()) {
	return p.watches.add(ctx, s.secret.Hash(), func(ctx context.Context) (bool, error) {
		current, err := p.Login(ctx, s.secret)
		if errors.Is(err, ErrNotFound) {
			return false, nil
		}
		return err == nil && !current.Library.Shut(), err
	})
}

// watches breaks transfers off when what allows them has ended. Transfers that the same thing allows share a check, and
// one check runs after the other, so that however many transfers there are, and however slow their clients, they ask
// the database one question at a time. The zero value is ready.
type watches struct {
	mu sync.Mutex
	// watched is by what allows the transfers: a key that can be compared.
	watched map[any]*watched
	// planned is whether there will be another round.
	planned bool
}

// watched is something that allows transfers.
type watched struct {
	holds     func(context.Context) (bool, error)
	transfers map[*transfer]struct{}
	failures  int // in a row, of checks; of the round alone
}

// transfer is a transfer under way.
type transfer struct {
	cancel context.CancelCauseFunc
	// seen is whether an earlier round has found it, so that it takes long.
	seen bool
}

// add returns a context that ends, for the cause ErrEnded, soon after holds has returned false, which all transfers
// with the key share. A short transfer is over before the first check.
func (w *watches) add(
	ctx context.Context, key any, holds func(context.Context) (bool, error),
) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	t := &transfer{cancel: cancel}
	w.mu.Lock()
	defer w.mu.Unlock()
	of := w.watched[key]
	if of == nil {
		of = &watched{holds: holds, transfers: map[*transfer]struct{}{}}
		if w.watched == nil {
			w.watched = map[any]*watched{}
		}
		w.watched[key] = of
	}
	of.transfers[t] = struct{}{}
	w.plan()
	return ctx, func() {
		w.remove(key, of, t)
		cancel(nil)
	}
}

func (w *watches) remove(key any, of *watched, t *transfer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(of.transfers, t)
	if len(of.transfers) == 0 && w.watched[key] == of {
		delete(w.watched, key)
	}
}

// plan sees to it that there is another round. The caller holds w.mu.
func (w *watches) plan() {
	if !w.planned && len(w.watched) > 0 {
		w.planned = true
		time.AfterFunc(watchInterval, w.round)
	}
}

// round checks what allows the transfers that take long.
func (w *watches) round() {
	for of, transfers := range w.due() {
		ctx, cancel := context.WithTimeout(context.Background(), watchTimeout)
		ok, err := of.holds(ctx)
		cancel()
		if err != nil {
			of.failures++
		} else {
			of.failures = 0
		}
		if err == nil && ok || err != nil && of.failures < maxWatchFailures {
			continue
		}
		for _, t := range transfers {
			t.cancel(ErrEnded)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.planned = false
	w.plan()
}

// due returns the transfers that an earlier round has found. Those that begin while they are checked may have been
// allowed anew.
func (w *watches) due() map[*watched][]*transfer {
	w.mu.Lock()
	defer w.mu.Unlock()
	due := map[*watched][]*transfer{}
	for _, of := range w.watched {
		for t := range of.transfers {
			if t.seen {
				due[of] = append(due[of], t)
			}
			t.seen = true
		}
	}
	return due
}
