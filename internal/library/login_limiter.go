package library

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// WaitError says that there were too many wrong tries, and how long to wait.
type WaitError struct{ After time.Duration }

func (e *WaitError) Error() string { return fmt.Sprintf("too many wrong tries: wait %s", e.After) }

// An e-mail address has ten wrong tries, and then one a minute. A network address, which many
// people may share, has forty, and then one in five seconds.
const (
	emailBurst   = 10
	emailEvery   = time.Minute
	addressBurst = 40
	addressEvery = 5 * time.Second
	maxLimiters  = 50_000
)

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

// reserve reserves a try for the network address and the e-mail address; an empty one does not
// count. It returns a [*WaitError] if none is left.
func (l *loginLimiter) reserve(now time.Time, address, email string) (*reservation, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &reservation{at: now}
	for _, limit := range []struct {
		key   string
		every time.Duration
		burst int
	}{{"address " + address, addressEvery, addressBurst}, {"email " + email, emailEvery, emailBurst}} {
		if strings.HasSuffix(limit.key, " ") {
			continue
		}
		limiter := l.limiters[limit.key]
		if limiter == nil {
			l.makeRoom(now)
			limiter = rate.NewLimiter(rate.Every(limit.every), limit.burst)
			l.limiters[limit.key] = limiter
		}
		if !limiter.AllowN(now, 1) {
			r.cancel()
			short := 1 - limiter.TokensAt(now)
			return nil, &WaitError{time.Duration(math.Ceil(short*limit.every.Seconds())) * time.Second}
		}
		r.reserved = append(r.reserved, limiter)
	}
	return r, nil
}

// cancel gives the try back.
func (r *reservation) cancel() {
	for _, limiter := range r.reserved {
		limiter.AllowN(r.at, -1)
	}
	r.reserved = nil
}

// makeRoom removes the limiters that have all their tries again, and all limiters if that is not
// enough: against a flood from fifty thousand addresses a limiter does not help.
func (l *loginLimiter) makeRoom(now time.Time) {
	if len(l.limiters) < maxLimiters {
		return
	}
	for key, limiter := range l.limiters {
		if limiter.TokensAt(now) >= float64(limiter.Burst()) {
			delete(l.limiters, key)
		}
	}
	if len(l.limiters) >= maxLimiters {
		clear(l.limiters)
	}
}
