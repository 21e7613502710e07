package delivery

import "time"

// OutcomeKind says how an attempt ended.
type OutcomeKind int

// The outcomes of attempts. Another attempt may be made after OutcomeNotFiled, and once after
// OutcomeUnauthorized, with refreshed access.
const (
	// OutcomeUnknown: it may have been filed. It is the zero value.
	OutcomeUnknown OutcomeKind = iota
	// OutcomeDelivered: filed, all of it.
	OutcomeDelivered
	// OutcomeRefused: not filed, or not all of it; another attempt would not help.
	OutcomeRefused
	// OutcomeNotFiled: certainly not filed: it was not sent, or the provider asked to try later.
	OutcomeNotFiled
	// OutcomeUnauthorized: not filed; the provider does not accept the token (401).
	OutcomeUnauthorized
	// OutcomeForbidden: not filed; the token does not allow it (403).
	OutcomeForbidden
)

// Outcome is how an attempt ended, with the provider's answer.
type Outcome struct {
	Kind OutcomeKind
	// Status is the HTTP status; 0 if there was no answer.
	Status int
	// Answer is the provider's answer; nil unless it is JSON of an acceptable size.
	Answer []byte
	// RetryAfter is how long the provider asked to wait; 0 if it did not ask.
	RetryAfter time.Duration
	// Reason says in a few words what happened. It repeats nothing of the content.
	Reason string
}
