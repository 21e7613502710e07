package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/httpserve"
)

// handler answers one call. An error that it returns becomes the answer, unless the answer has
// begun.
type handler func(w http.ResponseWriter, r *http.Request) error

// errBrokenOff says that an answer has begun and cannot be completed: the connection is closed, so
// that the client notices.
var errBrokenOff = errors.New("answer broken off")

// brokenOff adds [errBrokenOff] to the error of an answer that is written in parts, if a part has been written. It
// returns nil for nil.
func brokenOff(w http.ResponseWriter, err error) error {
	if err == nil || !httpserve.WriterOf(w).HasBegun() {
		return err
	}
	return errors.Join(errBrokenOff, err)
}

// respond runs a handler. It limits how many run at once, and makes an answer of an error and a log line
// of every call.
func (a *api) respond(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httpserve.WriterOf(w)
		leave, ok := a.Requests.Acquire(r)
		if !ok { // a client with so many requests is not waited for
			answer.Body().EndReads()
			a.fail(answer, r, serverBusy().Because(errManyRequests))
			return
		}
		defer leave()
		err := a.limited(r, func() error { return h(answer, r) })
		switch {
		case errors.Is(err, errBrokenOff):
			a.log(answer, r, slog.LevelInfo, "call", err)
			answer.Body().Abort()
			panic(http.ErrAbortHandler)
		case err != nil:
			answer.Body().Drain()
			a.fail(answer, r, err)
		default:
			a.log(answer, r, slog.LevelInfo, "call", nil)
		}
	})
}

// errManyRequests is the cause of a refusal, for the log.
var errManyRequests = errors.New("the client has too many requests under way")

// maxMessage is the largest length of an error's message: the headers of an answer stay below
// Node's limit of 16 KiB, even if the message is percent-encoded.
const maxMessage = 2048

// fail answers with an error, in the body and in the headers: Node and iOS read only the body,
// Android only the headers.
func (a *api) fail(w *httpserve.Writer, r *http.Request, err error) {
	answer := *wireError(err)
	answer.Reference = w.Reference()
	answer.Message = strings.ToValidUTF8(answer.Message, "\uFFFD") // a header may bring any bytes
	if len(answer.Message) > maxMessage {
		answer.Message = strings.ToValidUTF8(answer.Message[:maxMessage], "") + "…"
	}
	level := slog.LevelInfo
	switch answer.Code {
	case wire.CodeInternal:
		level = slog.LevelError
	case wire.CodeServerBusy, wire.CodeStorageFull:
		level = slog.LevelWarn
	}
	defer a.log(w, r, level, "call refused", err, slog.String("code", string(answer.Code))) // after the answer
	header := w.Header()
	header.Set("X-Error-Code", string(answer.Code))
	header.Set("X-Error-Message", headerText(answer.Message))
	header.Set("X-Error-Reference", answer.Reference)
	switch {
	case answer.Code == wire.CodeQuotaExceeded: // does not pass by itself
	case answer.Status == http.StatusServiceUnavailable, answer.Status == http.StatusTooManyRequests:
		header.Set("Retry-After", "1")
	case answer.Status == http.StatusInsufficientStorage: // until the operator has freed some space
		header.Set("Retry-After", "60")
	}
	if isCloud(r.URL.Path) {
		writeJSON(w, answer.Status, cloudError(answer))
		return
	}
	if a.Legacy && isUnreadRefusal(r, answer) {
		header.Set("Content-Length", "0")
		w.WriteHeader(answer.Status)
		return
	}
	writeJSON(w, answer.Status, wire.ErrorBody{Error: &answer})
}

// isUnreadRefusal reports whether an error has to come without a body: the Node SDK 9 and 10 refreshes its token after
// a push only if the body of the 401 is no JSON. Later versions do not look at it; the header whose name they all spell
// wrong, up to 16.1.2, tells them from the mobile SDKs, which do.
func isUnreadRefusal(r *http.Request, e wire.Error) bool {
	return e.Status == http.StatusUnauthorized && r.Pattern == "POST "+Base+"permission-access/import" &&
		len(r.Header.Values("contentType")) > 0
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
func (a *api) log(
	w *httpserve.Writer, r *http.Request, level slog.Level, what string, err error, attrs ...slog.Attr,
) {
	if err != nil {
		attrs = append(attrs, slog.String("error", errorText(err)))
	}
	w.Log(r, a.Log, level, what, attrs...)
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
