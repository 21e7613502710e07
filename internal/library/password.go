package library

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/trustelem/zxcvbn"
	"golang.org/x/time/rate"
)

// PasswordFault is what is wrong with a new password.
type PasswordFault string

// The faults of a password.
const (
	PasswordShort   PasswordFault = "short"
	PasswordCommon  PasswordFault = "common"
	PasswordIsEmail PasswordFault = "email"
)

// PasswordError refuses a new password.
type PasswordError struct{ Fault PasswordFault }

func (e *PasswordError) Error() string { return "password refused: " + string(e.Fault) }

// MinPassword is the least length of a password, in characters.
const MinPassword = 12

// Longer passwords are taken as they are, but only so much is judged: the time that
// takes grows with the square.
const maxJudged = 64

// maxPassword bounds what is hashed, in bytes.
const maxPassword = 1024

func checkPassword(password, email string) error {
	switch {
	case utf8.RuneCountInString(password) < MinPassword || len(password) > maxPassword:
		return &PasswordError{PasswordShort}
	case strings.EqualFold(strings.TrimSpace(password), email):
		return &PasswordError{PasswordIsEmail}
	case zxcvbn.PasswordStrength(head(password), []string{email, "carrel"}).Score <= 1:
		return &PasswordError{PasswordCommon}
	}
	return nil
}

// Strength is how hard a password is to guess.
type Strength string

// The strengths, in the words of the pages.
const (
	StrengthShort  Strength = "short"
	StrengthWeak   Strength = "weak"
	StrengthGood   Strength = "good"
	StrengthStrong Strength = "strong"
)

// StrengthOf judges a password, for advice.
func (p *People) StrengthOf(password, email string) Strength {
	if utf8.RuneCountInString(password) < MinPassword {
		return StrengthShort
	}
	switch score := zxcvbn.PasswordStrength(head(password), []string{email, "carrel"}).Score; {
	case score <= 1:
		return StrengthWeak
	case score <= 3:
		return StrengthGood
	}
	return StrengthStrong
}

func head(s string) string {
	if len(s) <= maxJudged {
		return s
	}
	return strings.ToValidUTF8(s[:maxJudged], "")
}

// WaitError says that there were too many wrong tries.
type WaitError struct{ After time.Duration }

func (e *WaitError) Error() string { return fmt.Sprintf("too many wrong tries: wait %s", e.After) }

// Wrong tries: for an e-mail address ten are free, then one a minute; for a network
// address, behind which there may be many people, forty, then one in five seconds.
const (
	emailBurst   = 10
	emailEvery   = time.Minute
	addressBurst = 40
	addressEvery = 5 * time.Second
	maxTries     = 50_000
)

// tries slows down guesses. A try is taken from the allowance when it begins, so
// that many at once gain nothing, and given back if it succeeds.
type loginLimiter struct {
	mu       sync.Mutex
	limiters map[string]*rate.Limiter
}

func newLoginLimiter() *loginLimiter { return &loginLimiter{limiters: make(map[string]*rate.Limiter)} }

// loginAttempt is one try under way.
type loginAttempt struct {
	at    time.Time
	taken []*rate.Limiter
}

// begin takes a try for the address and the e-mail address; empty ones do not
// count. It returns a [*WaitError] if there is none left.
func (t *loginLimiter) begin(now time.Time, address, email string) (*loginAttempt, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := &loginAttempt{at: now}
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
			a.giveBack()
			short := 1 - l.TokensAt(now)
			return nil, &WaitError{time.Duration(math.Ceil(short*k.every.Seconds())) * time.Second}
		}
		a.taken = append(a.taken, l)
	}
	return a, nil
}

// succeeded gives the try back.
func (a *loginAttempt) succeeded() { a.giveBack() }

func (a *loginAttempt) giveBack() {
	for _, l := range a.taken {
		l.AllowN(a.at, -1)
	}
	a.taken = nil
}

// makeRoom forgets those whose allowance is whole again, and all if that is not
// enough: being flooded from fifty thousand addresses, nothing here would help.
func (t *loginLimiter) makeRoom(now time.Time) {
	if len(t.limiters) < maxTries {
		return
	}
	for key, l := range t.limiters {
		if l.TokensAt(now) >= float64(l.Burst()) {
			delete(t.limiters, key)
		}
	}
	if len(t.limiters) >= maxTries {
		clear(t.limiters)
	}
}
