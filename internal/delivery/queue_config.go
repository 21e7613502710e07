package delivery

import "time"

// QueueConfig says how patiently resources are delivered. Zero values become the
// defaults.
type QueueConfig struct {
	// Wait is how long a push waits for the provider's own answer: 25 s by default.
	AnswerTimeout time.Duration
	// Attempt is how long one attempt may take. MedMij gives a provider 60 s (Resource
	// interface); the default is 65.
	AttemptTimeout time.Duration
	// FirstRetry is about how long after a failure the next attempt is made (5 s by
	// default); it doubles up to MaxRetry (15 min).
	FirstRetry, MaxRetry time.Duration
	// Keep is how long a delivery is tried: a day by default.
	Lifetime time.Duration
	// AnswerLifetime is how long a provider's answer can be asked for: 30 days by default.
	AnswerLifetime time.Duration
	// MaxAttempts is how many attempts this server makes at a time: 256 by default, and a quarter
	// of that at one provider.
	MaxAttempts int
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

// leaseMargin is how much longer than an attempt a claim lasts: for a renewal of access
// that it began, and for what is done with the answer.
const leaseMargin = refreshLifetime + 7*time.Second

func (d *Queue) leaseLifetime() time.Duration { return d.config.AttemptTimeout + leaseMargin }
