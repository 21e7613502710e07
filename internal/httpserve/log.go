package httpserve

import (
	"log/slog"
	"net/http"
	"time"
)

// SetPattern notes the pattern of the handler that answers the request. It is in the log in place of the address, which
// may have codes and session keys in it.
func (w *Writer) SetPattern(pattern string) { w.pattern = pattern }

// Log writes the log line of a request that was answered with w, unless it has been written: with the given attributes,
// the pattern, the status, the client's address, what was sent and received, the time and the reference.
func (w *Writer) Log(r *http.Request, log *slog.Logger, level slog.Level, what string, attrs ...slog.Attr) {
	if w.logged || !log.Enabled(r.Context(), level) {
		return
	}
	w.logged = true
	if w.pattern == "" {
		w.pattern = r.Pattern
	}
	var received int64
	if w.body != nil {
		received = w.body.received()
	}
	log.LogAttrs(r.Context(), level, what, append(attrs,
		slog.String("pattern", w.pattern),
		slog.Int("status", w.status),
		slog.String("client", ClientOf(r)),
		slog.Int64("bytes", w.sent),
		slog.Int64("received", received),
		slog.Duration("took", time.Since(w.began)),
		slog.String("reference", w.Reference()))...)
}
