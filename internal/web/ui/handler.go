package ui

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"

	"github.com/carrelhq/carrel/digime/wire"
)

// Handler answers a request, or returns why it could not.
type Handler func(http.ResponseWriter, *http.Request) error

// Handle returns an [http.Handler] that shows the error page for the error that h returns, and logs the error.
func (u *UI) Handle(h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
	e := errorOf(err)
	reference := wire.NewReference()
	level := slog.LevelInfo
	if e.page.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	// The pattern and not the address, which holds codes.
	u.Log.LogAttrs(r.Context(), level, "page refused",
		slog.String("method", r.Method), slog.String("pattern", r.Pattern), slog.Int("status", e.page.status),
		slog.String("page", e.page.key), slog.String("reference", reference), slog.Any("error", e.cause))
	if err := u.showError(w, r, e, reference); err != nil {
		u.Log.ErrorContext(r.Context(), "error page failed", "reference", reference, "error", err)
		http.Error(w, http.StatusText(e.page.status)+" "+reference, e.page.status)
	}
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

// retryAfterSeconds is how long a person is asked to wait when the server is busy.
const retryAfterSeconds = 10

// errorData is the data of the error page: what happened and what to do now.
type errorData struct {
	*Page
	Text, Reference string
	// Return is the link back to the application.
	Return *ReturnLink
	// SwitchUser offers to sign in as another person.
	SwitchUser bool
	// RetryURL is the page to load again, if that may help.
	RetryURL string
}

func (u *UI) showError(w http.ResponseWriter, r *http.Request, e *Error, reference string) error {
	t := BrowserOf(r).Texts
	args := []any{"seconds", retryAfterSeconds}
	p := &errorData{Reference: reference, SwitchUser: e.person != nil}
	if e.request != nil {
		args = append(args, "app", ApplicationName(e.request))
		p.Return = NewReturnLink(e.request, e.request.FailureURL(e.page.code))
	}
	if e.person != nil {
		args = append(args, "email", e.person.Library.Email)
	}
	p.Page = u.NewPage(r, t.Text(e.page.key+".h1", args...))
	p.IsError = true
	p.Requester = NewRequester(e.request)
	if e.person != nil && e.request == nil {
		p.URL = "/sign-out" // there is no request to come back to
	}
	p.Text = t.Text(e.page.key+".text", args...)
	switch e.page.key {
	case PageBusy.key:
		w.Header().Set("Retry-After", strconv.Itoa(retryAfterSeconds))
		p.RetryURL = p.URL
	case PageServerError.key, PageForgedForm.key, PageCookiesBlocked.key:
		p.RetryURL = p.URL
	}
	return u.Render(w, e.page.status, "error", p)
}
