package httpserve

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// A request may take hours if its client keeps sending or reading. Its read and write deadlines
// therefore move: each read or write sets its deadline to the idle timeout from now. A client that sends more
// slowly than minRate on average, after the grace period, is cut off as well.
const (
	minRate     = 1 << 10 // bytes a second
	gracePeriod = time.Minute
)

// DefaultIdleTimeout is how long a client may send and read nothing, if nothing else is configured.
const DefaultIdleTimeout = 30 * time.Second

// After an error, the rest of the body is read and discarded before the answer is written, because
// clients do not read an answer while they send. These limit how much, and for how long.
const (
	maxDrain  = 1 << 30
	drainTime = 2 * time.Minute
)

// maxRest is how much of a body that no handler has read is discarded before an answer. net/http would discard as much,
// without a deadline.
const maxRest = 256 << 10

// Body is a request's body whose deadline moves.
type Body struct {
	io.ReadCloser
	control     *http.ResponseController
	idleTimeout time.Duration
	began       time.Time
	expects     bool          // the client waits for a "100 Continue" before it sends
	waiting     func() func() // notes that the server waits for the client, until the result is called

	mu     sync.Mutex
	n      int64
	ended  bool // has been read to its end
	failed bool // reading has failed
	// noReads and noWrites say that the deadlines have been set for the last time.
	noReads, noWrites bool
}

func newBody(w http.ResponseWriter, r *http.Request, idleTimeout time.Duration) *Body {
	return &Body{ReadCloser: r.Body, control: http.NewResponseController(w), idleTimeout: idleTimeout,
		began: time.Now(), expects: r.Header.Get("Expect") != "", waiting: waitingOf(r), ended: r.ContentLength == 0}
}

// Read moves the deadline before each read. At the end of the body it removes the deadline: the
// server reads on in the background, and would take a timeout for the end of the connection.
func (b *Body) Read(p []byte) (int, error) {
	b.mu.Lock()
	deadline := time.Now().Add(b.idleTimeout)
	if floor := b.began.Add(gracePeriod + time.Duration(b.n/minRate)*time.Second); floor.Before(deadline) {
		deadline = floor
	}
	if !b.noReads {
		_ = b.control.SetReadDeadline(deadline) // unsupported only by test recorders
	}
	b.mu.Unlock()
	received := b.waiting()
	n, err := b.ReadCloser.Read(p)
	received()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n += int64(n)
	if err != nil {
		b.ended = b.ended || errors.Is(err, io.EOF)
		b.failed = !b.ended
		if !b.noReads {
			_ = b.control.SetReadDeadline(time.Time{})
		}
	}
	return n, err
}

// Drain reads the rest of the body, so that the client reads the answer to a request that is refused.
func (b *Body) Drain() { b.discard(maxDrain) }

func (b *Body) discard(limit int64) {
	b.mu.Lock()
	over := b.ended || b.failed || b.expects && b.n == 0
	b.mu.Unlock()
	if over {
		return
	}
	stop := time.Now().Add(drainTime)
	rest := io.LimitReader(b, limit)
	buffer := make([]byte, 32<<10)
	for time.Now().Before(stop) {
		if _, err := rest.Read(buffer); err != nil {
			return
		}
	}
}

// hasUnread reports whether a part of the body has not been read.
func (b *Body) hasUnread() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.ended
}

// received is how many bytes of the body have been read.
func (b *Body) received() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.n
}

// expired is a deadline in the past.
var expired = time.Unix(1, 0)

// finish sends what is left of the answer and removes the deadlines, which must not apply to the connection's next
// request. net/http itself reads what is left of the body; finish lets that fail at once, because what could be
// discarded has been.
func (b *Body) finish() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		_ = b.control.SetReadDeadline(time.Time{})
	} else {
		_ = b.control.SetReadDeadline(expired)
	}
	if !b.noWrites {
		_ = b.control.SetWriteDeadline(time.Now().Add(b.idleTimeout))
	}
	_ = b.control.Flush() // the client may be gone
	_ = b.control.SetWriteDeadline(time.Time{})
}

// EndReads makes the read that is under way and all further ones fail.
func (b *Body) EndReads() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ended { // see Read
		b.noReads = true
		_ = b.control.SetReadDeadline(expired)
	}
}

// Abort makes all further reads and writes fail, and those under way, so that the server does not wait
// for a client that reads nothing.
func (b *Body) Abort() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.noReads, b.noWrites = true, true
	_ = b.control.SetReadDeadline(expired)
	_ = b.control.SetWriteDeadline(expired)
}

// moveWriteDeadline gives the next write the idle timeout.
func (b *Body) moveWriteDeadline() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.noWrites {
		_ = b.control.SetWriteDeadline(time.Now().Add(b.idleTimeout))
	}
}

// setWriteDeadline sets the write deadline for the last time.
func (b *Body) setWriteDeadline(at time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.noWrites = true
	return b.control.SetWriteDeadline(at)
}
