package httpserve

import (
	"net/http"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// Writer writes an answer. It moves the write deadline with each write, and counts what was sent.
type Writer struct {
	http.ResponseWriter
	body      *Body
	began     time.Time
	reference string
	pattern   string
	logged    bool
	status    int // zero before the header is written
	sent      int64
}

// Handler gives each request of next a [Body] and a [Writer]. A client that makes no progress for the idle timeout is
// cut off; zero means DefaultIdleTimeout.
func Handler(idleTimeout time.Duration, next http.Handler) http.Handler {
	if idleTimeout == 0 {
		idleTimeout = DefaultIdleTimeout
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := newBody(w, r, idleTimeout)
		answer := &Writer{ResponseWriter: w, body: body, began: time.Now()}
		r.Body = body
		next.ServeHTTP(answer, r)
		answer.begin(http.StatusOK)
		body.finish()
	})
}

// WriterOf returns the Writer that a request is answered with; one for w alone outside of [Handler].
func WriterOf(w http.ResponseWriter) *Writer {
	for inner := w; inner != nil; {
		if found, ok := inner.(*Writer); ok {
			return found
		}
		wrapper, ok := inner.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		inner = wrapper.Unwrap()
	}
	return &Writer{ResponseWriter: w, began: time.Now()}
}

// Body returns the body of the request; nil outside of [Handler].
func (w *Writer) Body() *Body { return w.body }

// Reference returns the reference of the request: it is in the log, and in the answer if that is an error.
func (w *Writer) Reference() string {
	if w.reference == "" {
		w.reference = wire.NewReference()
	}
	return w.reference
}

// HasBegun reports whether the header of an answer has been written.
func (w *Writer) HasBegun() bool { return w.status != 0 }

// begin discards the rest of the body before the header of an answer is written. If more is left, the connection ends
// with the answer: otherwise the server would wait for the rest, and take it for the next request.
func (w *Writer) begin(status int) {
	if w.status != 0 {
		return
	}
	w.status = status
	if w.body == nil || !w.body.hasUnread() {
		return
	}
	w.body.discard(maxRest)
	if w.body.hasUnread() {
		w.Header().Set("Connection", "close")
		w.body.EndReads()
	}
}

// WriteHeader writes the header of the answer.
func (w *Writer) WriteHeader(status int) {
	if status >= http.StatusOK {
		w.begin(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

// maxWrite is how much a client must read within the idle timeout.
const maxWrite = 256 << 10

func (w *Writer) Write(b []byte) (written int, err error) {
	w.begin(http.StatusOK)
	for first := true; first || len(b) > 0; first = false {
		piece := b[:min(len(b), maxWrite)]
		if w.body != nil {
			w.body.moveWriteDeadline()
		}
		n, err := w.ResponseWriter.Write(piece)
		written += n
		w.sent += int64(n)
		if err != nil {
			return written, err
		}
		b = b[len(piece):]
	}
	return written, nil
}

// SetWriteDeadline sets a deadline that does not move any more. [http.ResponseController] calls it.
func (w *Writer) SetWriteDeadline(at time.Time) error {
	if w.body == nil {
		return http.NewResponseController(w.ResponseWriter).SetWriteDeadline(at)
	}
	return w.body.setWriteDeadline(at)
}

// Unwrap lets [http.ResponseController] reach the connection.
func (w *Writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
