package digime

import (
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The rules for repeating a call are those of the public Node SDK, with two exceptions: Retry-After has a bound, and a
// call is not repeated after an error of the server's certificate.

// temporary are the statuses of errors that may be temporary.
var temporary = []int{408, 413, 429, 500, 502, 503, 504, 521, 522, 524}

// maxRetryAfter is the longest time that a call waits when the server asks it to. If the server asks for more, the call
// fails at once, and the error contains the time.
const maxRetryAfter = time.Minute

// maxDoublings bounds the growth of the pauses: the longest is about a minute.
const maxDoublings = 6

// repeatable reports whether the call may be sent more than once.
func (cl call) repeatable() bool {
	switch cl.method {
	case http.MethodGet, http.MethodHead, http.MethodDelete:
		return true
	}
	// These calls query the catalogue and change nothing.
	return strings.HasPrefix(cl.path.path, "discovery/")
}

// delay reports whether the error of an attempt may be temporary, and returns the time to wait: about 1 s and then 2 s,
// unless the server asks for another.
func delay(err error, attempt int) (time.Duration, bool) {
	backoff := time.Second << min(attempt-1, maxDoublings)
	backoff += time.Duration(rand.Int64N(int64(backoff / 5))) //nolint:gosec // spreads the load of many clients
	if errors.Is(err, errReplay) {
		return 0, true
	}
	var network *networkError
	if errors.As(err, &network) {
		var certificate *tls.CertificateVerificationError
		return backoff, !errors.As(err, &certificate)
	}
	var e *Error
	switch {
	case !errors.As(err, &e):
		return 0, false
	case errors.Is(err, ErrReplayed):
		// Each attempt has its own nonce, so a proxy has sent this one twice, as some do when a connection closes.
		return 0, true
	case !slices.Contains(temporary, e.Status), e.RetryAfter > maxRetryAfter:
		return 0, false
	case e.RetryAfter > 0:
		return e.RetryAfter, true
	}
	return backoff, e.Status != http.StatusRequestEntityTooLarge // temporary only if the server says when
}
