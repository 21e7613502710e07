package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// handler answers one call. What it returns becomes the answer, unless the answer
// has begun.
type handler func(w http.ResponseWriter, r *http.Request) error

// errBroken says that an answer has begun and cannot be ended well: the connection
// is broken off, so that the client notices.
var errBroken = errors.New("answer broken off")

// answering runs a handler: it bounds how many run at once and how slow a client
// may be, and turns an error into the wire's answer and a log line.
func (a *api) answering(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		t := a.paced(w, r)
		r.Body = t
		err := a.inPlace(func() error { return h(&pacedWriter{w, t}, r) })
		if errors.Is(err, errBroken) {
			a.log(r, slog.LevelInfo, "call", began, err)
			t.breakOff()
			panic(http.ErrAbortHandler)
		}
		if err == nil {
			a.log(r, slog.LevelInfo, "call", began, nil)
		} else {
			t.drain()
			if t.owed() {
				// What is left of the body would be waited for, and taken for the next request.
				w.Header().Set("Connection", "close")
			}
			a.fail(w, r, err, began)
		}
		t.done(err)
	})
}

// inPlace runs f if there is a place for it.
func (a *api) inPlace(f func() error) error {
	select {
	case a.places <- struct{}{}:
		defer func() { <-a.places }()
		return f()
	default:
		return wire.Busy()
	}
}

// maxMessage bounds what an error repeats in a header: all headers of an answer stay
// below Node's 16 KiB, even percent-encoded.
const maxMessage = 2048

// fail answers with an error, in the body and in the headers: Node and iOS read only
// the body, Android only the headers.
func (a *api) fail(w http.ResponseWriter, r *http.Request, err error, began time.Time) {
	e := *wireError(err)
	e.Reference = wire.NewReference()
	e.Message = strings.ToValidUTF8(e.Message, "\uFFFD") // a header may bring any bytes
	if len(e.Message) > maxMessage {
		e.Message = strings.ToValidUTF8(e.Message[:maxMessage], "") + "…"
	}
	level := slog.LevelInfo
	switch e.Code {
	case wire.CodeInternal:
		level = slog.LevelError
	case wire.CodeServerBusy:
		level = slog.LevelWarn
	}
	a.log(r, level, "call refused", began, err, slog.String("reference", e.Reference),
		slog.String("code", string(e.Code)), slog.Int("status", e.Status))
	h := w.Header()
	h.Set("X-Error-Code", string(e.Code))
	h.Set("X-Error-Message", headerText(e.Message))
	h.Set("X-Error-Reference", e.Reference)
	if e.Status == http.StatusServiceUnavailable || e.Status == http.StatusTooManyRequests {
		h.Set("Retry-After", "1")
	}
	if strings.HasPrefix(r.URL.Path, "/cloud/") {
		writeJSON(w, e.Status, wire.CloudError{Error: string(e.Code), Message: e.Message})
		return
	}
	writeJSON(w, e.Status, wire.ErrorBody{Error: &e})
}

// headerText is a message as a header value: percent-encoded beyond printable ASCII,
// since it repeats what the caller sent.
func headerText(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// writeJSON answers with v. An answer that cannot be written is the client's loss
// only.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("api: an answer does not encode: " + err.Error()) // our own types
	}
	writeRaw(w, status, body)
}

// writeRaw answers with JSON as it is.
func writeRaw(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// log writes the one line of a call. Paths hold session keys: the pattern is logged
// instead. An error's text may repeat what the caller sent, never a secret.
func (a *api) log(r *http.Request, level slog.Level, what string, began time.Time, err error, attrs ...slog.Attr) {
	if !a.Log.Enabled(r.Context(), level) {
		return
	}
	attrs = append(attrs, slog.String("call", r.Pattern), slog.Duration("took", time.Since(began)))
	if err != nil {
		attrs = append(attrs, slog.String("error", errorText(err)))
	}
	a.Log.LogAttrs(r.Context(), level, what, attrs...)
}

// errorText is an error with its hidden cause. What is said of a resource is for its
// sender, not for the log: it may name what stands in it.
func errorText(err error) string {
	var e *wire.Error
	if errors.As(err, &e) && e.Outcome != nil {
		return string(e.Code) + " with an outcome"
	}
	if errors.As(err, &e) && e.Unwrap() != nil {
		return err.Error() + ": " + e.Unwrap().Error()
	}
	return err.Error()
}
