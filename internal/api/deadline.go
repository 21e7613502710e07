package api

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// A call may take hours if its client keeps sending or reading. Its read and write deadlines
// therefore move: each read or write sets its deadline to the idle timeout from now. A client that sends more
// slowly than minRate on average, after the grace period, is cut off as well.
const (
	minRate     = 1 << 10 // bytes a second
	gracePeriod = time.Minute
)

// After an error, the rest of the body is read and discarded before the answer is written, because
// clients do not read an answer while they send. These limit how much, and for how long.
const (
	maxDrain  = 1 << 30
	drainTime = 2 * time.Minute
)

// deadlineBody is a request's body whose deadline moves.
type deadlineBody struct {
	io.ReadCloser
	control     *http.ResponseController
	idleTimeout time.Duration
	began       time.Time
	expects     bool // the client waits for a "100 Continue" before it sends

	mu     sync.Mutex
	n      int64
	ended  bool // has been read to its end
	failed bool // reading has failed
	// noReads and noWrites say that the deadlines have been set for the last time.
	noReads, noWrites bool
}

func (a *api) withDeadlines(w http.ResponseWriter, r *http.Request) *deadlineBody {
	return &deadlineBody{ReadCloser: r.Body, control: http.NewResponseController(w), idleTimeout: a.IdleTimeout,
		began: time.Now(), expects: r.Header.Get("Expect") != "", ended: r.ContentLength == 0}
}

// Read moves the deadline before each read. At the end of the body it removes the deadline: the
// server reads on in the background, and would take a timeout for the end of the connection.
func (p *deadlineBody) Read(b []byte) (int, error) {
	p.mu.Lock()
	deadline := time.Now().Add(p.idleTimeout)
	if floor := p.began.Add(gracePeriod + time.Duration(p.n/minRate)*time.Second); floor.Before(deadline) {
		deadline = floor
	}
	if !p.noReads {
		_ = p.control.SetReadDeadline(deadline) // unsupported only by test recorders
	}
	p.mu.Unlock()
	n, err := p.ReadCloser.Read(b)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n += int64(n)
	if err != nil {
		p.ended = p.ended || errors.Is(err, io.EOF)
		p.failed = !p.ended
		if !p.noReads {
			_ = p.control.SetReadDeadline(time.Time{})
		}
	}
	return n, err
}

// drain reads the rest of the body, so that the client reads the answer.
func (p *deadlineBody) drain() {
	p.mu.Lock()
	over := p.ended || p.failed || p.expects && p.n == 0
	p.mu.Unlock()
	if over {
		return
	}
	stop := time.Now().Add(drainTime)
	rest := io.LimitReader(p, maxDrain)
	buffer := make([]byte, 32<<10)
	for time.Now().Before(stop) {
		if _, err := rest.Read(buffer); err != nil {
			return
		}
	}
}

// hasUnread reports whether a part of the body has not been read.
func (p *deadlineBody) hasUnread() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.ended
}

// expired is a deadline in the past.
var expired = time.Unix(1, 0)

// done sends the answer and removes the deadlines, which must not apply to the connection's next
// request. net/http itself reads what is left of the body, before it writes the header and after the
// end of the answer, and sets its own deadline afterwards. After an error done lets that read fail at
// once; otherwise it may take the idle timeout.
func (p *deadlineBody) done(failed error) {
	if p.hasUnread() {
		deadline := time.Now().Add(p.idleTimeout)
		if failed != nil {
			deadline = expired
		}
		_ = p.control.SetReadDeadline(deadline)
	} else {
		_ = p.control.SetReadDeadline(time.Time{})
	}
	_ = p.control.SetWriteDeadline(time.Now().Add(p.idleTimeout))
	_ = p.control.Flush() // the client may be gone
	_ = p.control.SetWriteDeadline(time.Time{})
}

// endReads makes the read that is under way and all further ones fail.
func (p *deadlineBody) endReads() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended { // see Read
		p.noReads = true
		_ = p.control.SetReadDeadline(expired)
	}
}

// abort makes all further reads and writes fail, and those under way, so that the server does not wait
// for a client that reads nothing.
func (p *deadlineBody) abort() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noReads, p.noWrites = true, true
	_ = p.control.SetReadDeadline(expired)
	_ = p.control.SetWriteDeadline(expired)
}

// moveWriteDeadline gives the next write the idle timeout.
func (p *deadlineBody) moveWriteDeadline() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.noWrites {
		_ = p.control.SetWriteDeadline(time.Now().Add(p.idleTimeout))
	}
}

// deadlineWriter moves the write deadline with each write.
type deadlineWriter struct {
	http.ResponseWriter
	body *deadlineBody
}

// maxWrite is how much a client must read within the idle timeout.
const maxWrite = 256 << 10

func (w *deadlineWriter) Write(b []byte) (written int, err error) {
	for first := true; first || len(b) > 0; first = false {
		piece := b[:min(len(b), maxWrite)]
		w.body.moveWriteDeadline()
		n, err := w.ResponseWriter.Write(piece)
		written += n
		if err != nil {
			return written, err
		}
		b = b[len(piece):]
	}
	return written, nil
}

// Unwrap lets http.ResponseController reach the connection.
func (w *deadlineWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
