package delivery

import (
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// QueueConfig has the timeouts and limits of a queue. Zero values become the defaults.
type QueueConfig struct {
	// AnswerTimeout is how long a push waits for the provider's answer: 25 s by default.
	AnswerTimeout time.Duration
	// AttemptTimeout is how long one attempt may take. MedMij allows a provider 60 s (Resource
	// interface); the default is 65 s.
	AttemptTimeout time.Duration
	// FirstRetry is about how long after the first failure the next attempt is made (5 s by
	// default). It doubles up to MaxRetry (15 min).
	FirstRetry, MaxRetry time.Duration
	// Lifetime is how long attempts are made: a day by default.
	Lifetime time.Duration
	// AnswerLifetime is how long a provider's answer is stored: 30 days by default.
	AnswerLifetime time.Duration
	// MaxAttempts is how many attempts this server makes at a time: 256 by default. At most a
	// quarter of them go to one provider.
	MaxAttempts int
	// Space is asked before a resource is stored; nil for disks that are never full.
	Space library.FreeSpace
}

func (c *QueueConfig) fill() {
	for _, d := range []struct {
		of   *time.Duration
		then time.Duration
	}{
		{&c.AnswerTimeout, 25 * time.Second}, {&c.AttemptTimeout, 65 * time.Second}, {&c.FirstRetry, 5 * time.Second},
		{&c.MaxRetry, 15 * time.Minute}, {&c.Lifetime, 24 * time.Hour}, {&c.AnswerLifetime, 30 * 24 * time.Hour},
	} {
		if *d.of == 0 {
			*d.of = d.then
		}
	}
	if c.MaxAttempts == 0 {
		c.MaxAttempts = 256
	}
}

// leaseMargin is how much longer than an attempt a lease lasts: for a refresh of access that it
// began, and to store the answer.
const leaseMargin = refreshLifetime + 7*time.Second

func (q *Queue) leaseLifetime() time.Duration { return q.config.AttemptTimeout + leaseMargin }
