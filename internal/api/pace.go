package api

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// A stream may last for hours; a client that sends or takes nothing may not. Each
// call therefore has deadlines that move with what it gets done: no longer than the
// patience without a byte, and over the whole at least minRate after a first minute.
const (
	minRate   = 1 << 10 // bytes a second
	firstTime = time.Minute
)

// What is read and thrown away of a body before an error is answered, since clients
// cannot read an answer while they send: no more than this, and no longer.
const (
	drainMost = 1 << 30
	drainTime = 2 * time.Minute
)

// pace is a request's body whose deadline moves.
type pace struct {
	io.ReadCloser
	control  *http.ResponseController
	patience time.Duration
	began    time.Time
	expects  bool // the client waits for a "100 Continue" before it sends

	mu     sync.Mutex
	n      int64
	ended  bool // to its very end
	failed bool // and will give no more
}

func (a *api) paced(w http.ResponseWriter, r *http.Request) *pace {
	return &pace{ReadCloser: r.Body, control: http.NewResponseController(w), patience: a.Patience,
		began: time.Now(), expects: r.Header.Get("Expect") != "", ended: r.ContentLength == 0}
}

// Read moves the deadline with each piece. At the body's end it is taken off: the
// server reads on in the background, and would take it for the connection's end.
func (p *pace) Read(b []byte) (int, error) {
	p.mu.Lock()
	deadline := time.Now().Add(p.patience)
	if floor := p.began.Add(firstTime + time.Duration(p.n/minRate)*time.Second); floor.Before(deadline) {
		deadline = floor
	}
	p.mu.Unlock()
	_ = p.control.SetReadDeadline(deadline) // unsupported only by test recorders
	n, err := p.ReadCloser.Read(b)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n += int64(n)
	if err != nil {
		p.ended = p.ended || errors.Is(err, io.EOF)
		p.failed = !p.ended
		_ = p.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// drain reads the rest of the body, so that the client gets to read the answer.
func (p *pace) drain() {
	p.mu.Lock()
	over := p.ended || p.failed || p.expects && p.n == 0
	p.mu.Unlock()
	if over {
		return
	}
	stop := time.Now().Add(drainTime)
	rest := io.LimitReader(p, drainMost)
	buffer := make([]byte, 32<<10)
	for time.Now().Before(stop) {
		if _, err := rest.Read(buffer); err != nil {
			return
		}
	}
}

// owed reports whether a part of the body has not been read.
func (p *pace) owed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.ended
}

// past is a deadline that ends everything at once.
var past = time.Unix(1, 0)

// done sends the answer off, and takes the deadlines off for the next request of the
// connection. Of a body that was not read the server tries to read the rest, before
// the answer's head and after its end: for a call that has failed there is none to
// wait for, for another no longer than the patience. It sets its own deadline
// afterwards.
func (p *pace) done(failed error) {
	if p.owed() {
		deadline := time.Now().Add(p.patience)
		if failed != nil {
			deadline = past
		}
		_ = p.control.SetReadDeadline(deadline)
	} else {
		_ = p.control.SetReadDeadline(time.Time{})
	}
	_ = p.control.SetWriteDeadline(time.Now().Add(p.patience))
	_ = p.control.Flush() // a client that has gone is its own loss
	_ = p.control.SetWriteDeadline(time.Time{})
}

// breakOff has the server send nothing more: it would wait for a client that takes
// nothing.
func (p *pace) breakOff() {
	_ = p.control.SetReadDeadline(past)
	_ = p.control.SetWriteDeadline(past)
}

// pacedWriter moves the write deadline with each piece.
type pacedWriter struct {
	http.ResponseWriter
	pace *pace
}

// writePiece bounds how much must be taken within the patience.
const writePiece = 256 << 10

func (w *pacedWriter) Write(b []byte) (written int, err error) {
	for first := true; first || len(b) > 0; first = false {
		piece := b[:min(len(b), writePiece)]
		_ = w.pace.control.SetWriteDeadline(time.Now().Add(w.pace.patience))
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
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// errTooLong says that a JSON body is larger than any honest one.
var errTooLong = errors.New("body is too long")
