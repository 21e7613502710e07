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

	mu    sync.Mutex
	n     int64
	ended bool
}

func (a *api) paced(w http.ResponseWriter, r *http.Request) *pace {
	return &pace{ReadCloser: r.Body, control: http.NewResponseController(w), patience: a.Patience,
		began: time.Now(), expects: r.Header.Get("Expect") != ""}
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
		p.ended = true
		_ = p.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// drain reads the rest of the body, so that the client gets to read the answer.
func (p *pace) drain() {
	p.mu.Lock()
	ended, untouched := p.ended, p.n == 0
	p.mu.Unlock()
	if ended || p.expects && untouched {
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

// done takes the deadlines off, for the next request of the connection.
func (p *pace) done() {
	_ = p.control.SetReadDeadline(time.Time{})
	_ = p.control.SetWriteDeadline(time.Time{})
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
