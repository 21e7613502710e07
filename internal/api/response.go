package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// handler answers one call. An error that it returns becomes the answer, unless the answer has
// begun.
type handler func(w http.ResponseWriter, r *http.Request) error

// errBrokenOff says that an answer has begun and cannot be completed: the connection is closed, so
// that the client notices.
var errBrokenOff = errors.New("answer broken off")

// respond runs a handler. It limits how many run at once and how slow a client may be, and makes
// an answer of an error and a log line of every call.
func (a *api) respond(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		t := a.withDeadlines(w, r)
		r.Body = t
		err := a.limited(func() error { return h(&deadlineWriter{w, t}, r) })
		if errors.Is(err, errBrokenOff) {
			a.log(r, slog.LevelInfo, "call", began, err)
			t.abort()
			panic(http.ErrAbortHandler)
		}
		if err == nil {
			a.log(r, slog.LevelInfo, "call", began, nil)
		} else {
			t.drain()
			if t.hasUnread() {
				// Otherwise the server waits for the rest of the body, and takes it for the next
				// request.
				w.Header().Set("Connection", "close")
			}
			a.fail(w, r, err, began)
		}
		t.done(err)
	})
}

// limited runs f if there is a free slot.
func (a *api) limited(f func() error) error {
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
		return f()
	default:
		return serverBusy()
	}
}

// maxMessage is the largest length of an error's message: the headers of an answer stay below
// Node's limit of 16 KiB, even if the message is percent-encoded.
const maxMessage = 2048

// fail answers with an error, in the body and in the headers: Node and iOS read only the body,
// Android only the headers.
func (a *api) fail(w http.ResponseWriter, r *http.Request, err error, began time.Time) {
	answer := *wireError(err)
	answer.Reference = wire.NewReference()
	answer.Message = strings.ToValidUTF8(answer.Message, "\uFFFD") // a header may bring any bytes
	if len(answer.Message) > maxMessage {
		answer.Message = strings.ToValidUTF8(answer.Message[:maxMessage], "") + "…"
	}
	level := slog.LevelInfo
	switch answer.Code {
	case wire.CodeInternal:
		level = slog.LevelError
	case wire.CodeServerBusy:
		level = slog.LevelWarn
	}
	a.log(r, level, "call refused", began, err, slog.String("reference", answer.Reference),
		slog.String("code", string(answer.Code)), slog.Int("status", answer.Status))
	header := w.Header()
	header.Set("X-Error-Code", string(answer.Code))
	header.Set("X-Error-Message", headerText(answer.Message))
	header.Set("X-Error-Reference", answer.Reference)
	if answer.Status == http.StatusServiceUnavailable || answer.Status == http.StatusTooManyRequests {
		header.Set("Retry-After", "1")
	}
	if strings.HasPrefix(r.URL.Path, "/cloud/") {
		writeJSON(w, answer.Status, wire.CloudError{Error: string(answer.Code), Message: answer.Message})
		return
	}
	writeJSON(w, answer.Status, wire.ErrorBody{Error: &answer})
}

// headerText returns a message as a header value. It percent-encodes what is not printable ASCII,
// because a message may repeat what the caller sent.
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

// log writes the log line of a call. It logs the route's pattern, because paths have session keys
// in them. An error's text may repeat what the caller sent, but never a secret.
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

// errorText returns an error's text with its hidden cause. It leaves out an OperationOutcome, which
// may repeat some of the resource.
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
