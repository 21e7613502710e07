package library

import (
	"strconv"
	"testing"
	"time"
)

// TestAttackFloodOfGuesses: tries at many e-mail addresses take little memory, and give no new tries at the one whose
// password is being guessed.
func TestAttackFloodOfGuesses(t *testing.T) {
	t.Parallel()
	l, now := newLoginLimiter(), time.Date(2026, 11, 24, 10, 42, 0, 0, time.UTC)
	guess := func(email string) error {
		_, err := l.reserve(now, emailAllowance(email))
		return err
	}
	for guess("anna@example.org") == nil {
	}
	for i := range 2 * maxLimiters {
		if err := guess(strconv.Itoa(i) + "@example.org"); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(l.limiters); n > maxLimiters {
		t.Errorf("%d limiters are kept, more than %d", n, maxLimiters)
	}
	if guess("anna@example.org") == nil {
		t.Error("there are tries again at the address that was guessed")
	}
}
