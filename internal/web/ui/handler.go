package ui

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/carrelhq/carrel/internal/httpserve"
)

// Handler answers a request, or returns why it could not.
type Handler func(http.ResponseWriter, *http.Request) error

// Wrap returns an [http.Handler] that shows the error page for the error that h returns, and logs the error.
func (u *UI) Wrap(h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		httpserve.WriterOf(w).SetPattern(r.Pattern)
		if err := h(w, r); err != nil {
			u.handleError(w, r, err)
		}
	})
}

// NotFound answers requests for a page that does not exist.
func NotFound(http.ResponseWriter, *http.Request) error {
	return PageNotFound.Wrap(errors.New("no such page"))
}

// handleError shows the page for an error. The page and the log line have the same reference; the error itself stands
// only in the log.
func (u *UI) handleError(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // the browser has closed the connection
	}
	pageError := errorOf(err)
	answer := httpserve.WriterOf(w)
	reference := answer.Reference()
	level := slog.LevelInfo
	if pageError.page.status >= http.StatusInternalServerError && !pageError.expected {
		level = slog.LevelError
	}
	// The pattern and not the address, which holds codes.
	attrs := []slog.Attr{
		slog.String("method", r.Method),
		slog.String("page", pageError.page.key),
		slog.Any("error", pageError.cause),
	}
	if err := u.showError(w, r, pageError, reference); err != nil {
		u.Log.ErrorContext(r.Context(), "error page failed", "reference", reference, "error", err)
		http.Error(w, http.StatusText(pageError.page.status)+" "+reference, pageError.page.status)
	}
	answer.Log(r, u.Log, level, "page refused", attrs...)
}

// RecoverPanics shows the error page for a panic.
func (u *UI) RecoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p)
			default:
				u.handleError(w, r, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
			}
		}()
		next.ServeHTTP(w, r)
	})
}
