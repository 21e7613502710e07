package fetch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// Config has the limits of fetches. Zero values become the defaults.
type Config struct {
	// Places is how many fetches a server makes at a time, 8 by default. PerApplication is how many of all servers' are
	// of one application, 4 by default.
	Places, PerApplication int
	// RetryPause is the pause before the second attempt, a second by default. Each further one is four times as long.
	RetryPause time.Duration
	// Lease is how long a server may be silent before another takes its fetches over, 20 seconds by default.
	Lease time.Duration
}

func (c *Config) fill() {
	if c.Places == 0 {
		c.Places = 8
	}
	if c.PerApplication == 0 {
		c.PerApplication = 4
	}
	if c.RetryPause == 0 {
		c.RetryPause = time.Second
	}
	if c.Lease == 0 {
		c.Lease = 20 * time.Second
	}
}

const (
	// maxAttempts is how many attempts in a row may fail before a fetch ends as partial.
	maxAttempts = 4
	// watchInterval is how often a fetch looks whether it may still go on: it stops within a second after a revocation.
	watchInterval = 500 * time.Millisecond
	// pollInterval is how often to look for fetches that other servers have left or postponed.
	pollInterval = 5 * time.Second
)

// Fetcher fetches from sources into libraries.
type Fetcher struct {
	store       Store
	connections *delivery.Connections
	collector   *library.Collector
	sources     Sources
	now         func() time.Time
	config      Config
	log         *slog.Logger

	slots   chan struct{}
	wakeups chan struct{}
	running sync.WaitGroup
}

// New returns the fetcher of the fetches in store. Run makes them.
func New(
	store Store, connections *delivery.Connections, collector *library.Collector, sources Sources,
	now func() time.Time, config Config, log *slog.Logger,
) *Fetcher {
	config.fill()
	return &Fetcher{store: store, connections: connections, collector: collector, sources: sources, now: now,
		config: config, log: log, slots: make(chan struct{}, config.Places), wakeups: make(chan struct{}, 1)}
}

// Run makes the fetches that are due until the context ends, and returns when those under way have stopped. Another
// server, or the next start, goes on with them.
func (f *Fetcher) Run(ctx context.Context) {
	for ctx.Err() == nil {
		wait := pollInterval
		due, err := f.runOnce(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			f.log.Error("fetches", "error", err)
		case !due.IsZero():
			wait = min(wait, max(due.Sub(f.now()), 50*time.Millisecond))
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-f.wakeups:
		}
		timer.Stop()
	}
	f.running.Wait()
}

// RunDue makes the fetches that are due, and returns when they have ended or wait. It is for tests.
func (f *Fetcher) RunDue(ctx context.Context) error {
	_, err := f.runOnce(ctx)
	f.running.Wait()
	return err
}

func (f *Fetcher) runOnce(ctx context.Context) (next time.Time, err error) {
	free := cap(f.slots) - len(f.slots)
	if free == 0 {
		return time.Time{}, nil // one that ends wakes Run
	}
	now := f.now()
	lease := wire.RandomAlphanumeric(16)
	claimed, err := f.store.ClaimFetches(ctx, lease, now, now.Add(f.config.Lease), f.config.PerApplication, free)
	if err != nil {
		return time.Time{}, fmt.Errorf("claim fetches: %w", err)
	}
	for _, one := range claimed {
		f.slots <- struct{}{}
		f.running.Go(func() {
			defer func() { <-f.slots; f.wake() }()
			f.run(ctx, one)
		})
	}
	if next, err = f.store.NextFetch(ctx); err != nil {
		return time.Time{}, fmt.Errorf("next fetch: %w", err)
	}
	return next, nil
}

func (f *Fetcher) wake() {
	select {
	case f.wakeups <- struct{}{}:
	default:
	}
}

// run makes one attempt at a fetch, and records what came of it.
func (f *Fetcher) run(ctx context.Context, one Fetch) {
	work, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watched := make(chan struct{})
	claimed := one // the attempt changes its own
	go func() {
		defer close(watched)
		f.watch(work, claimed, cancel)
	}()
	connection, grant, err := f.verify(work, one)
	if err == nil {
		err = f.attempt(work, &one, connection, grant)
	}
	if err != nil && work.Err() != nil && ctx.Err() == nil {
		err = context.Cause(work)
	}
	cancel(nil)
	<-watched
	if ctx.Err() != nil { // the server stops; the lease ends by itself, and the position is stored
		last, done := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer done()
		if err != nil {
			_ = f.store.ExtendFetch(last, one.Account, one.Lease, f.now(), f.now())
			return
		}
		ctx = last
	}
	if err := f.endAccess(ctx, connection, err); err != nil {
		f.log.Error("account not ended", "account", string(one.Account), "error", err)
	}
	if err := f.record(ctx, one, connection.Source.Name, grant, err); err != nil {
		f.log.Error("fetch not recorded", "account", string(one.Account), "error", err)
	}
}

// endAccess ends the access to an account if its source asks the person to connect it again, which is why an attempt
// has ended.
func (f *Fetcher) endAccess(ctx context.Context, connection delivery.Connection, attempt error) error {
	var problem *Problem
	if !errors.As(attempt, &problem) || !problem.Reauthorize || connection.NeedsReconnect(f.now()) {
		return nil
	}
	return f.connections.EndPull(ctx, connection)
}

// watch extends the lease, and cancels the work when the fetch may not go on.
func (f *Fetcher) watch(ctx context.Context, one Fetch, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := f.now()
		if !one.Deadline.IsZero() && !now.Before(one.Deadline) {
			cancel(problemDuration())
			return
		}
		err := f.store.ExtendFetch(ctx, one.Account, one.Lease, now, now.Add(f.config.Lease))
		if errors.Is(err, library.ErrNotFound) || errors.Is(err, library.ErrUsed) {
			cancel(err)
			return
		}
	}
}

// verify returns the account and the grant of a fetch, if they are what this server has stored and belong together:
// whoever keeps the database must not lead a person's data into another library.
func (f *Fetcher) verify(ctx context.Context, one Fetch) (c delivery.Connection, g library.CollectGrant, err error) {
	if g, err = f.collector.Grant(ctx, one.Grant); err != nil {
		return c, g, err
	}
	if c, err = f.connections.GetForFetch(ctx, g.Library.ID, one.Account); err != nil {
		return c, g, err
	}
	if one.Library != g.Library.ID || one.Application != g.Client.Application.ID || c.Grant != g.Grant.ID ||
		c.Application != g.Client.Application.ID || g.Grant.Access != library.Read {
		return c, g, &library.TamperedError{Library: g.Library.ID,
			What: "fetch from account " + string(one.Account) + " is said to be of another library or grant"}
	}
	return c, g, nil
}

// attempt fetches from the position on. It counts the files in one.
func (f *Fetcher) attempt(
	ctx context.Context, one *Fetch, connection delivery.Connection, grant library.CollectGrant,
) error {
	if connection.NeedsReconnect(f.now()) {
		return problemReauthorize()
	}
	tooLarge := false
	err := f.sources.Fetch(ctx, connection, one.Position, func(item Item) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !one.Deadline.IsZero() && !f.now().Before(one.Deadline) {
			return problemDuration()
		}
		file, err := f.collector.Seal(ctx, grant, library.Collected{
			Account: connection.ID, Key: item.Key, Group: connection.Source.GroupID,
			Service: connection.Source.ServiceID, ObjectType: item.ObjectType, Mapped: item.Mapped,
			From: millisOf(item.From), To: millisOf(item.To), Origin: connection.Source.Origin(),
		}, item.Raw, item.Content)
		if errors.Is(err, library.ErrItemTooLarge) {
			tooLarge, file, err = true, nil, nil
		}
		if err != nil {
			return err
		}
		if file != nil {
			file.Provider = connection.Source.Name
		}
		step := Step{Account: one.Account, Lease: one.Lease, Now: f.now(), Position: item.Position}
		if err := f.storeItem(ctx, grant, step, file); err != nil {
			return err
		}
		if one.Position = item.Position; file != nil {
			one.Files++
		}
		one.Attempts = 0
		return nil
	})
	if err == nil && tooLarge {
		return problemTooLarge()
	}
	return err
}

// storeItem stores a step forward, and the file of it, unless that is nil, if the quotas leave room for it.
func (f *Fetcher) storeItem(
	ctx context.Context, grant library.CollectGrant, step Step, file *library.CollectedFile,
) error {
	if file == nil {
		return f.store.StoreItem(ctx, step, nil)
	}
	end, err := f.collector.Reserve(ctx, grant, file)
	if err != nil {
		return err
	}
	err = f.store.StoreItem(ctx, step, file)
	end(err == nil)
	return err
}

func millisOf(t time.Time) wire.Millis {
	if t.IsZero() {
		return 0
	}
	return wire.MillisOf(t)
}

// record stores how an attempt ended.
func (f *Fetcher) record(
	ctx context.Context, one Fetch, provider string, grant library.CollectGrant, err error,
) error {
	now := f.now()
	one.UpdatedAt = now
	event := library.Event{Library: one.Library, At: now, Kind: library.EventCollected}
	event.Details = grant.Client.EventDetails()
	event.Details.Grant, event.Details.Account = one.Grant, one.Account
	event.Details.Provider, event.Details.Files = provider, one.Files
	if one.Files == 0 {
		event = library.Event{}
	}
	var problem *Problem
	var full *library.QuotaError
	var tampered *library.TamperedError
	switch {
	case err == nil:
		one.State = Completed
	case errors.As(err, &problem):
		one.State, one.Problem = Partial, &problem.AccountError
	case errors.As(err, &full):
		f.collector.RecordRefusal(ctx, grant, full)
		one.State, one.Problem = Partial, &problemQuota(full.Kind).AccountError
	case errors.Is(err, library.ErrStorageFull):
		one.State, one.Problem = Partial, &problemFull().AccountError
	case errors.Is(err, library.ErrUsed):
		return nil // another server has taken it over
	case errors.As(err, &tampered):
		f.log.Error("fetch", "account", string(one.Account), "error", err)
		one.State, one.Problem = Partial, &problemUnavailable().AccountError
		event = library.Event{}
	case errors.Is(err, library.ErrNotFound):
		return f.recordStopped(ctx, one, event)
	case one.Attempts+1 < maxAttempts:
		f.log.Warn("fetch failed", "account", string(one.Account), "attempts", one.Attempts+1, "error", err)
		pause := f.config.RetryPause << (2 * one.Attempts)
		return ended(f.store.PostponeFetch(ctx, one.Account, one.Lease, now, now.Add(pause)))
	default:
		f.log.Warn("fetch given up", "account", string(one.Account), "error", err)
		one.State, one.Problem = Partial, &problemUnavailable().AccountError
	}
	err = f.store.EndFetch(ctx, one, event)
	if errors.Is(err, library.ErrNotFound) {
		return f.recordStopped(ctx, one, event)
	}
	return ended(err)
}

// recordStopped records what was fetched before the person took the account away. The fetch's row has gone with the
// account, or nobody may see it.
func (f *Fetcher) recordStopped(ctx context.Context, one Fetch, event library.Event) error {
	if event.Library != "" {
		if err := f.collector.AddEvent(ctx, event); err != nil && !errors.Is(err, library.ErrNotFound) {
			return err
		}
	}
	one.State, one.Problem = Partial, &problemUnavailable().AccountError
	return ended(f.store.EndFetch(ctx, one, library.Event{}))
}

// ended takes it for no error that a fetch has been ended or taken over by another.
func ended(err error) error {
	if errors.Is(err, library.ErrNotFound) || errors.Is(err, library.ErrUsed) {
		return nil
	}
	return err
}

// Request makes the accounts of a grant fetch, as far as a session's options ask for it.
func (f *Fetcher) Request(ctx context.Context, grant library.Grant, options wire.SessionOptions) error {
	return f.requestEach(ctx, grant, options, func(c delivery.Connection) bool {
		only := sourceFetchFilter(options)
		return len(only) == 0 || slices.Contains(only, c.ID)
	})
}

// RequestSource makes the account of a grant at a source fetch, unless a session's options say not to.
func (f *Fetcher) RequestSource(
	ctx context.Context, grant library.Grant, source int, options wire.SessionOptions,
) error {
	return f.requestEach(ctx, grant, options, func(c delivery.Connection) bool { return c.Source.ID == source })
}

func (f *Fetcher) requestEach(
	ctx context.Context, grant library.Grant, options wire.SessionOptions, asked func(delivery.Connection) bool,
) error {
	if !fetchesSources(options) {
		return nil
	}
	list, err := f.connections.ListPull(ctx, grant.Library, grant.Application)
	if err != nil {
		return err
	}
	limit := time.Duration(0)
	if options.Limits != nil {
		limit = time.Duration(min(max(options.Limits.Duration.SourceFetch, 0), maxLimit)) * time.Second
	}
	for _, c := range list {
		if c.Grant != grant.ID || !asked(c) {
			continue
		}
		if err := f.request(ctx, c, grant.Contract, limit); err != nil {
			return err
		}
	}
	return nil
}

// maxLimit is the longest limit of a fetch that counts, in seconds.
const maxLimit = 7 * 24 * 3600

func fetchesSources(o wire.SessionOptions) bool { return o.SourceFetch == nil || *o.SourceFetch }

func sourceFetchFilter(o wire.SessionOptions) []wire.AccountID {
	if o.SourceFetchFilter == nil {
		return nil
	}
	return o.SourceFetchFilter.Account.ID
}

func (f *Fetcher) request(
	ctx context.Context, c delivery.Connection, contract wire.ContractID, limit time.Duration,
) error {
	now := f.now()
	one := Fetch{Account: c.ID, Library: c.Library, Application: c.Application, Contract: contract,
		Grant: c.Grant, State: Pending, NextAt: now, CreatedAt: now, UpdatedAt: now}
	if limit > 0 {
		one.Deadline = now.Add(limit)
	}
	err := f.store.RequestFetch(ctx, one)
	if err != nil && !errors.Is(err, library.ErrNotFound) { // disconnected a moment ago
		return fmt.Errorf("request fetch: %w", err)
	}
	f.wake()
	return nil
}

// RequestForPerson makes one of the person's accounts fetch now. It returns ErrNotFound for an account that is not
// theirs, or that nothing can be fetched from.
func (f *Fetcher) RequestForPerson(ctx context.Context, s *library.SignedIn, id wire.AccountID) error {
	c, err := f.connections.Get(ctx, s, id)
	if err != nil {
		return err
	}
	if !c.Source.IsPull() {
		return fmt.Errorf("nothing is fetched from account %s: %w", id, library.ErrNotFound)
	}
	grant, err := f.collector.Grant(ctx, c.Grant)
	if err != nil {
		return err
	}
	return f.request(ctx, c, grant.Grant.Contract, 0)
}

// ListForPerson lists the newest fetch of each of the person's accounts.
func (f *Fetcher) ListForPerson(ctx context.Context, s *library.SignedIn) (map[wire.AccountID]Fetch, error) {
	return f.list(ctx, s.Library.ID)
}

func (f *Fetcher) list(ctx context.Context, id library.ID) (map[wire.AccountID]Fetch, error) {
	list, err := f.store.ListFetches(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("list fetches: %w", err)
	}
	fetches := make(map[wire.AccountID]Fetch, len(list))
	for _, one := range list {
		fetches[one.Account] = one
	}
	return fetches, nil
}

// SessionStatus adds the accounts that are fetched from to the status of a session, which has those that are not.
func (f *Fetcher) SessionStatus(
	ctx context.Context, r *library.ReadSession, status *wire.FileListStatus,
) error {
	b, options := r.Bearer, r.Session.Options
	accounts, err := f.connections.ListPull(ctx, b.Library.ID, b.Client.Application.ID)
	if err != nil || len(accounts) == 0 {
		return err
	}
	fetches, err := f.list(ctx, b.Library.ID)
	if err != nil {
		return err
	}
	only, waits := sourceFetchFilter(options), fetchesSources(options)
	pending, running, partial := 0, 0, 0
	for _, c := range accounts {
		if c.Grant != b.Grant.ID || len(only) > 0 && !slices.Contains(only, c.ID) {
			continue
		}
		of := wire.AccountStatus{State: wire.StateCompleted}
		if one, has := fetches[c.ID]; has && waits {
			switch one.State {
			case Pending:
				of.State = wire.StateRunning // pending is never the state of an account
				pending++
			case Running:
				of.State = wire.StateRunning
				running++
			case Partial:
				of.State, of.Error = wire.StatePartial, one.Problem
				if of.Error == nil {
					of.Error = &problemUnavailable().AccountError
				}
				partial++
			}
		}
		status.Details[c.ID] = of
	}
	switch {
	case running > 0:
		status.State = wire.StateRunning
	case pending > 0:
		status.State = wire.StatePending
	case partial > 0:
		status.State = wire.StatePartial
	}
	return nil
}
