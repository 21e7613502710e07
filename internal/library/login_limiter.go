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
	at    time.Time
	taken []*rate.Limiter
}

// reserve reserves a try for the network address and the e-mail address; an empty one does not
// count. It returns a [*WaitError] if none is left.
func (t *loginLimiter) reserve(now time.Time, address, email string) (*reservation, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := &reservation{at: now}
	for _, k := range []struct {
		key   string
		every time.Duration
		burst int
	}{{"address " + address, addressEvery, addressBurst}, {"email " + email, emailEvery, emailBurst}} {
		if strings.HasSuffix(k.key, " ") {
			continue
		}
		l := t.limiters[k.key]
		if l == nil {
			t.makeRoom(now)
			l = rate.NewLimiter(rate.Every(k.every), k.burst)
			t.limiters[k.key] = l
		}
		if !l.AllowN(now, 1) {
			r.cancel()
			short := 1 - l.TokensAt(now)
			return nil, &WaitError{time.Duration(math.Ceil(short*k.every.Seconds())) * time.Second}
		}
		r.taken = append(r.taken, l)
	}
	return r, nil
}

// cancel gives the try back.
func (r *reservation) cancel() {
	for _, l := range r.taken {
		l.AllowN(r.at, -1)
	}
	r.taken = nil
}

// makeRoom removes the limiters that have all their tries again, and all limiters if that is not
// enough: against a flood from fifty thousand addresses a limiter does not help.
func (t *loginLimiter) makeRoom(now time.Time) {
	if len(t.limiters) < maxLimiters {
		return
	}
	for key, l := range t.limiters {
		if l.TokensAt(now) >= float64(l.Burst()) {
			delete(t.limiters, key)
		}
	}
	if len(t.limiters) >= maxLimiters {
		clear(t.limiters)
	}
}
