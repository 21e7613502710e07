package library

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// QuotaConfig has the quotas of a server. An application and a contract can have others of their own.
type QuotaConfig struct{ Library, Application, Contract Quota }

const (
	// sumInterval is how often the usage of an application is summed over all libraries. Between that, what this
	// server adds is counted; what other servers add is not.
	sumInterval = time.Minute
	// sumShare bounds the work of sums: one is repeated after sumShare times as long as it took.
	sumShare = 20
	// sumTimeout bounds a sum, which every push of its application may wait for.
	sumTimeout = 30 * time.Second
	// recheckFull is how often the usage of a library that was full is read again.
	recheckFull = time.Second
	// quotaEventInterval is how often a person is told that an application found no room.
	quotaEventInterval = 24 * time.Hour
	// quotaLogInterval is how often the log says that a quota has refused pushes.
	quotaLogInterval = time.Minute
	// maxFullLibraries is how many libraries are remembered that were full.
	maxFullLibraries = 100_000
)

// A quotaKeeper refuses what quotas leave no room for. The quota of a library is exact, because the transaction that
// adds a file checks it too. Those over all libraries are not: a row with their sum would make all pushes wait.
type quotaKeeper struct {
	store  UsageStore
	config QuotaConfig
	now    func() time.Time
	log    *slog.Logger

	mu           sync.Mutex
	applications map[wire.ApplicationID]*applicationUsage
	arriving     map[ID]*arrivingUsage
	logged       map[string]time.Time

	// full are the libraries that were full, and what was used of them: an attacker who goes on to push is refused
	// without a transaction.
	full ttlCache[ID, fullLibrary]
	told ttlCache[toldKey, struct{}]
}

type fullLibrary struct {
	used   Used
	readAt time.Time
}

// toldKey stands for the line that tells a person of an application.
type toldKey struct {
	library     ID
	application wire.ApplicationID
}

// applicationUsage is what an application has stored over all libraries, by contract.
type applicationUsage struct {
	summing sync.Mutex // held for a sum; the rest is guarded by the keeper

	known  bool
	nextAt time.Time
	stored map[wire.ContractID]Used // the sum
	added  map[wire.ContractID]Used // by this server since
	// arriving is what pushes under way have reserved.
	arriving map[wire.ContractID]Used
}

// used returns what counts for a contract.
func (a *applicationUsage) used(id wire.ContractID) Used {
	return a.stored[id].plus(a.added[id]).plus(a.arriving[id])
}

// total returns what counts for the application.
func (a *applicationUsage) total() (sum Used) {
	for _, part := range []map[wire.ContractID]Used{a.stored, a.added, a.arriving} {
		for _, u := range part {
			sum = sum.plus(u)
		}
	}
	return sum
}

// arrivingUsage is what large pushes into one library have stored that have not ended.
type arrivingUsage struct {
	pushes int
	stored Used // by pushes that have ended
	bytes  int64
}

func newQuotaKeeper(store UsageStore, now func() time.Time, c FileConfig) *quotaKeeper {
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &quotaKeeper{
		store: store, config: c.Quotas, now: now, log: log,
		applications: map[wire.ApplicationID]*applicationUsage{},
		arriving:     map[ID]*arrivingUsage{},
		logged:       map[string]time.Time{},
		full:         ttlCache[ID, fullLibrary]{ttl: time.Hour, limit: maxFullLibraries},
		told:         ttlCache[toldKey, struct{}]{ttl: quotaEventInterval, limit: maxFullLibraries},
	}
}

// A roomReservation is the room that a push takes while it is under way.
type roomReservation struct {
	keeper      *quotaKeeper
	library     ID
	application wire.ApplicationID
	contract    wire.ContractID

	libraryQuota, applicationQuota, contractQuota Quota

	usage    *applicationUsage // nil without a quota over all libraries
	into     *arrivingUsage    // nil for a small push
	files    int64             // 0 for a newer version of a file
	reserved int64             // bytes
}

// ofApplication is a reservation for a push of an application's, which has not begun.
func (k *quotaKeeper) ofApplication(b *Bearer) *roomReservation {
	return &roomReservation{
		keeper: k, library: b.Library.ID, application: b.Client.Application.ID, contract: b.Client.Contract.ID,
		libraryQuota:     k.config.Library,
		applicationQuota: b.Client.Application.Quota.over(k.config.Application),
		contractQuota:    b.Client.Contract.Quota.over(k.config.Contract),
	}
}

// ofPerson is a reservation for a file that a person adds, which has not begun. Only the quota of the library bounds
// those: what people have in other libraries has nothing to do with it.
func (k *quotaKeeper) ofPerson(id ID) *roomReservation {
	return &roomReservation{keeper: k, library: id, libraryQuota: k.config.Library}
}

// begin reserves the place of one file and some bytes. It refuses it with a [*QuotaError] if there is no room for size
// bytes.
func (k *quotaKeeper) begin(
	ctx context.Context, r *roomReservation, size, reserve int64,
) (*roomReservation, error) {
	r.files, r.reserved = 1, reserve
	return k.reserve(ctx, r, size)
}

// beginChange reserves what a file takes more than its version before. One that takes less is never refused.
func (k *quotaKeeper) beginChange(ctx context.Context, b *Bearer, more Used) (*roomReservation, error) {
	r := k.ofApplication(b)
	r.files, r.reserved = more.Files, max(more.Bytes, 0) // nothing gives room before it is stored
	if more.Files == 0 {
		for _, q := range []*Quota{&r.libraryQuota, &r.applicationQuota, &r.contractQuota} {
			if q.Files = 0; more.Bytes <= 0 {
				q.Bytes = 0
			}
		}
	}
	return k.reserve(ctx, r, more.Bytes)
}

func (k *quotaKeeper) reserve(ctx context.Context, r *roomReservation, size int64) (*roomReservation, error) {
	if err := k.checkFull(ctx, r, size); err != nil {
		return nil, err
	}
	if r.applicationQuota == (Quota{}) && r.contractQuota == (Quota{}) {
		r.reserved = 0
		return r, nil
	}
	usage, err := k.usageOf(ctx, r.application)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := r.check(usage, size); err != nil {
		return nil, err
	}
	r.usage = usage
	usage.arriving[r.contract] = usage.arriving[r.contract].plus(Used{Files: r.files, Bytes: r.reserved})
	return r, nil
}

// checkFull refuses a push into a library that was full a moment ago.
func (k *quotaKeeper) checkFull(ctx context.Context, r *roomReservation, size int64) error {
	now := k.now()
	full, was := k.full.get(r.library, now)
	if !was {
		return nil
	}
	if age := now.Sub(full.readAt); age < 0 || age >= recheckFull {
		used, err := k.usedOfLibrary(ctx, r.library)
		if err != nil {
			return err
		}
		full = fullLibrary{used, now}
		k.full.put(r.library, full, now)
	}
	return r.libraryQuota.Check(LibraryQuota, full.used, size)
}

func (k *quotaKeeper) usedOfLibrary(ctx context.Context, id ID) (used Used, err error) {
	list, err := k.store.ListUsage(ctx, id)
	if err != nil {
		return Used{}, fmt.Errorf("list usage: %w", err)
	}
	for _, u := range list {
		used = used.plus(u.Used)
	}
	return used, nil
}

// check refuses what the application and the contract have no room for. The keeper is locked.
func (r *roomReservation) check(usage *applicationUsage, size int64) error {
	if err := r.contractQuota.Check(ContractQuota, usage.used(r.contract), size); err != nil {
		return err
	}
	return r.applicationQuota.Check(ApplicationQuota, usage.total(), size)
}

// usageOf returns the usage of an application, and sums it if the sum is old: then the others go on with the old one.
func (k *quotaKeeper) usageOf(ctx context.Context, id wire.ApplicationID) (*applicationUsage, error) {
	k.mu.Lock()
	a, has := k.applications[id]
	if !has {
		a = &applicationUsage{added: map[wire.ContractID]Used{}, arriving: map[wire.ContractID]Used{}}
		k.applications[id] = a
	}
	known, due := a.known, k.isDue(a)
	k.mu.Unlock()
	switch {
	case known && !due:
		return a, nil
	case !known:
		a.summing.Lock() // there is nothing to go on with
	case !a.summing.TryLock():
		return a, nil
	}
	defer a.summing.Unlock()
	k.mu.Lock()
	due = k.isDue(a)
	before := maps.Clone(a.added)
	k.mu.Unlock()
	if !due { // somebody else has summed it meanwhile
		return a, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sumTimeout)
	defer cancel()
	began := k.now()
	list, err := k.store.SumUsage(ctx, id)
	took := k.now().Sub(began)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil && !a.known {
		return nil, fmt.Errorf("sum usage: %w", err)
	}
	a.nextAt = k.now().Add(max(sumInterval, sumShare*took))
	if err != nil {
		k.log.Warn("the usage of an application could not be summed", "application", string(id), "error", err)
		return a, nil
	}
	a.known, a.stored = true, map[wire.ContractID]Used{}
	for _, u := range list {
		a.stored[u.Contract] = u.Used
	}
	// What was added before the sum began is in the sum.
	for contract, u := range before {
		a.added[contract] = a.added[contract].plus(Used{-u.Files, -u.Bytes})
	}
	return a, nil
}

// isDue reports whether a sum is due. A clock that is set back must not keep an old one.
func (k *quotaKeeper) isDue(a *applicationUsage) bool {
	now := k.now()
	return !a.known || !now.Before(a.nextAt) || now.Before(a.nextAt.Add(-time.Hour))
}

// beginLarge prepares a reservation for grow.
func (r *roomReservation) beginLarge(ctx context.Context, announced int64) error {
	if r.libraryQuota == (Quota{}) {
		return nil
	}
	used, err := r.keeper.usedOfLibrary(ctx, r.library)
	if err != nil {
		return err
	}
	k := r.keeper
	k.mu.Lock()
	defer k.mu.Unlock()
	into, has := k.arriving[r.library]
	if !has {
		into = &arrivingUsage{}
		k.arriving[r.library] = into
	}
	into.pushes++
	into.stored = used
	r.into = into
	return r.libraryQuota.Check(LibraryQuota, Used{Files: used.Files, Bytes: used.Bytes + into.bytes}, announced)
}

// grow reserves n more bytes.
func (r *roomReservation) grow(n int64) error {
	r.keeper.mu.Lock()
	defer r.keeper.mu.Unlock()
	if r.into != nil {
		used := Used{Files: r.into.stored.Files, Bytes: r.into.stored.Bytes + r.into.bytes}
		if err := r.libraryQuota.Check(LibraryQuota, used, n); err != nil {
			return r.withoutOwn(err)
		}
	}
	if r.usage != nil {
		used, total := r.usage.used(r.contract), r.usage.total()
		// The place of the file itself is reserved already.
		used.Files, total.Files = used.Files-1, total.Files-1
		if err := r.contractQuota.Check(ContractQuota, used, n); err != nil {
			return r.withoutOwn(err)
		}
		if err := r.applicationQuota.Check(ApplicationQuota, total, n); err != nil {
			return r.withoutOwn(err)
		}
		r.usage.arriving[r.contract] = r.usage.arriving[r.contract].plus(Used{Bytes: n})
	}
	if r.into != nil {
		r.into.bytes += n
	}
	r.reserved += n
	return nil
}

// withoutOwn takes out of a refusal what this push has reserved itself, which nobody has stored.
func (r *roomReservation) withoutOwn(err error) error {
	var full *QuotaError
	if errors.As(err, &full) {
		full.Used.Bytes -= r.reserved
	}
	return err
}

// end gives the reserved room back. If the file was added, with size bytes, that counts from then on.
func (r *roomReservation) end(added bool, size int64) {
	k := r.keeper
	k.mu.Lock()
	defer k.mu.Unlock()
	if r.usage != nil {
		r.usage.arriving[r.contract] = r.usage.arriving[r.contract].plus(Used{-r.files, -r.reserved})
		if added {
			r.usage.added[r.contract] = r.usage.added[r.contract].plus(Used{r.files, size})
		}
	}
	if r.into == nil {
		return
	}
	r.into.bytes -= r.reserved
	if added {
		r.into.stored = r.into.stored.plus(Used{1, size})
	}
	if r.into.pushes--; r.into.pushes == 0 {
		delete(k.arriving, r.library)
	}
}

// noteFull remembers that a quota of a library has refused a file.
func (k *quotaKeeper) noteFull(id ID, full *QuotaError) {
	now := k.now()
	k.full.put(id, fullLibrary{full.Used, now}, now)
}

// refused records that a quota has refused a push: at most a line a minute in the log, and a line a day in the person's
// activity.
func (k *quotaKeeper) refused(ctx context.Context, b *Bearer, full *QuotaError) {
	now := k.now()
	subject := string(b.Library.ID)
	switch full.Kind {
	case LibraryQuota:
		k.noteFull(b.Library.ID, full)
	case ApplicationQuota:
		subject = string(b.Client.Application.ID)
	case ContractQuota:
		subject = string(b.Client.Contract.ID)
	}
	if k.mayLog(string(full.Kind)+" "+subject, now) {
		k.log.Warn("a quota leaves no room for a push", "of", string(full.Kind), "id", subject,
			"application", string(b.Client.Application.ID), "contract", string(b.Client.Contract.ID),
			"usedFiles", full.Used.Files, "usedBytes", full.Used.Bytes,
			"quotaFiles", full.Quota.Files, "quotaBytes", full.Quota.Bytes)
	}
	key := toldKey{b.Library.ID, b.Client.Application.ID}
	if _, told := k.told.get(key, now); told {
		return
	}
	k.told.put(key, struct{}{}, now)
	details := b.Client.EventDetails()
	details.Grant, details.Quota = b.Grant.ID, full.Kind
	event := Event{Library: b.Library.ID, At: now, Kind: EventNoRoom, Details: details}
	// Whoever breaks the call off does not keep it from the person.
	_, err := k.store.AddQuotaEvent(context.WithoutCancel(ctx), event, now.Add(-quotaEventInterval))
	if err != nil && !errors.Is(err, ErrNotFound) {
		k.log.Warn("a person could not be told of a quota", "error", err)
	}
}

// maxLogged bounds how many quotas are remembered for the log.
const maxLogged = 1000

func (k *quotaKeeper) mayLog(key string, now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if at, has := k.logged[key]; has && now.Sub(at) < quotaLogInterval && !now.Before(at) {
		return false
	}
	if len(k.logged) >= maxLogged {
		// An attacker with many libraries gets no more lines than this in a minute.
		maps.DeleteFunc(k.logged, func(_ string, at time.Time) bool { return now.Sub(at) >= quotaLogInterval })
		if len(k.logged) >= maxLogged {
			return false
		}
	}
	k.logged[key] = now
	return true
}
