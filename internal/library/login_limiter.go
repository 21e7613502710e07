package library

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/carrelhq/carrel/internal/netaddr"
)

// WaitError says that there were too many tries, and how long to wait.
type WaitError struct {
	After time.Duration
	// Creations says that too many libraries were created from the network address today.
	Creations bool
}

func (e *WaitError) Error() string { return fmt.Sprintf("too many tries: wait %s", e.After) }

// An allowance is how many wrong tries something has: burst, and then one in every.
type allowance struct {
	key   string
	every time.Duration
	burst int
}

// An e-mail address has ten wrong passwords, and then one a minute, from all browsers that have never signed in to its
// library. A browser that has, and one that is signed in, have as many of their own, so that nobody else can use them
// up. A network address, which many people may share, has forty, and then one in five seconds; and as many recovery
// codes. It creates a hundred libraries a day. [netaddr.NetworkOf] says what counts as one network address.
func emailAllowance(email string) allowance { return allowance{"email " + email, time.Minute, 10} }

func browserAllowance(id string) allowance { return allowance{"browser " + id, time.Minute, 10} }

func loginAllowance(id LoginID) allowance { return allowance{"login " + string(id), time.Minute, 10} }

func addressAllowance(address string) allowance {
	return allowance{"address " + netaddr.NetworkOf(address), 5 * time.Second, 40}
}

func recoveryAllowance(address string) allowance {
	return allowance{"recovery " + netaddr.NetworkOf(address), 5 * time.Second, 40}
}

// creationsPerDay is how many libraries a network address creates in a day.
const creationsPerDay = 100

func creationAllowance(address string) allowance {
	return allowance{"creation " + netaddr.NetworkOf(address), 24 * time.Hour / creationsPerDay, creationsPerDay}
}

// sandboxAllowance is that of sandboxes, as many as of libraries. They are counted apart: an address opens a link that
// an application has made, and no application can use up what a person needs to create a library.
func sandboxAllowance(address string) allowance {
	return allowance{"sandbox " + netaddr.NetworkOf(address), 24 * time.Hour / creationsPerDay, creationsPerDay}
}

// maxLimiters is how many allowances are counted at once.
const maxLimiters = 50_000

// loginLimiter slows down guesses. A try is reserved when it begins, so that many at once gain
// nothing, and the reservation is cancelled if it succeeds.
type loginLimiter struct {
	mu       sync.Mutex
	limiters map[string]*rate.Limiter
}

func newLoginLimiter() *loginLimiter { return &loginLimiter{limiters: make(map[string]*rate.Limiter)} }

// reservation is a try under way.
type reservation struct {
	at       time.Time
	reserved []*rate.Limiter // in each of which the try is counted
}

// reserve counts a try against each allowance. It returns a [*WaitError], and counts nothing, if one has none left.
func (l *loginLimiter) reserve(now time.Time, allowances ...allowance) (*reservation, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &reservation{at: now}
	for _, a := range allowances {
		limiter := l.limiters[a.key]
		if limiter == nil {
			l.makeRoom(now)
			limiter = rate.NewLimiter(rate.Every(a.every), a.burst)
			l.limiters[a.key] = limiter
		}
		if !limiter.AllowN(now, 1) {
			r.cancel()
			short := 1 - limiter.TokensAt(now)
			return nil, &WaitError{After: time.Duration(math.Ceil(short*a.every.Seconds())) * time.Second}
		}
		r.reserved = append(r.reserved, limiter)
	}
	return r, nil
}

// end gives the try back, unless err says that it was wrong.
func (r *reservation) end(err error) {
	if !isWrong(err) {
		r.cancel()
	}
}

// cancel gives the try back. There may be none.
func (r *reservation) cancel() {
	if r == nil {
		return
	}
	for _, limiter := range r.reserved {
		limiter.AllowN(r.at, -1)
	}
	r.reserved = nil
}

// makeRoom removes half of the limiters if there are too many, those first that have most of their tries left. So a
// flood of tries at many e-mail addresses gives no new tries at one that is being guessed.
func (l *loginLimiter) makeRoom(now time.Time) {
	if len(l.limiters) < maxLimiters {
		return
	}
	type used struct {
		key   string
		share float64
	}
	all := make([]used, 0, len(l.limiters))
	for key, limiter := range l.limiters {
		all = append(all, used{key, limiter.TokensAt(now) / float64(limiter.Burst())})
	}
	slices.SortFunc(all, func(a, b used) int {
		switch {
		case a.share > b.share:
			return -1
		case a.share < b.share:
			return 1
		}
		return 0
	})
	for _, u := range all[:len(all)/2] {
		delete(l.limiters, u.key)
	}
}
