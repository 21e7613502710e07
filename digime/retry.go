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

// What is tried again, and when. The rules are those of the public Node SDK, with
// two exceptions: Retry-After has a bound, and a server whose certificate is wrong
// is asked once.

// passing are the statuses of troubles that pass by themselves.
var passing = []int{408, 413, 429, 500, 502, 503, 504, 521, 522, 524}

// maxRetryAfter bounds how long a server can make a call wait. A call that is told
// to wait longer fails at once, and its error says how long.
const maxRetryAfter = time.Minute

// repeatable says whether sending the call again does no harm.
func (cl call) repeatable() bool {
	switch cl.method {
	case http.MethodGet, http.MethodHead, http.MethodDelete:
		return true
	}
	// Looking things up changes nothing.
	return strings.HasPrefix(cl.path.path, "discovery/")
}

// delay says whether an attempt's error may pass, and after which time to try
// again: about 1 s, then 2 s, unless the server says otherwise.
func delay(err error, attempt int) (time.Duration, bool) {
	backoff := time.Second << (attempt - 1)
	backoff += time.Duration(rand.Int64N(int64(backoff / 5))) //nolint:gosec // so that many clients do not come back together
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
	case errors.Is(err, ErrInvalidRequest):
		// Every attempt has a nonce of its own, so one that was used before was
		// repeated on the way, as proxies do when a connection closes.
		return 0, true
	case !slices.Contains(passing, e.Status), e.RetryAfter > maxRetryAfter:
		return 0, false
	case e.RetryAfter > 0:
		return e.RetryAfter, true
	}
	return backoff, e.Status != http.StatusRequestEntityTooLarge // which passes only if the server says when
}
