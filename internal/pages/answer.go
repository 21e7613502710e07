package pages

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// handler answers a request, or returns why it could not.
type handler func(http.ResponseWriter, *http.Request) error

// busySeconds is how long a person is asked to wait when too much is going on.
const busySeconds = 10

// answer makes an [http.Handler] of a handler: what it returns becomes a page and a
// line in the log.
func (s *site) answer(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.answerError(w, r, err)
		}
	})
}

// answerError shows the page for an error. The reference on it is that of the log
// line; the error itself goes nowhere else.
func (s *site) answerError(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // the browser has gone
	}
	e := refusalOf(err)
	reference := wire.NewReference()
	level := slog.LevelInfo
	if e.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	// The pattern, not the address: that holds codes.
	s.config.Log.LogAttrs(r.Context(), level, "page refused",
		slog.String("method", r.Method), slog.String("pattern", r.Pattern), slog.Int("status", e.status),
		slog.String("page", e.key), slog.String("reference", reference), slog.Any("error", e.cause))
	if err := s.showError(w, r, e, reference); err != nil {
		s.config.Log.ErrorContext(r.Context(), "error page failed", "reference", reference, "error", err)
		http.Error(w, http.StatusText(e.status)+" "+reference, e.status)
	}
}

// refusalOf finds the page for an error. What no handler has judged is ours.
func refusalOf(err error) *refusal {
	var e *refusal
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, library.ErrNotFound):
		return faultNotFound.because(err)
	case errors.Is(err, context.DeadlineExceeded):
		return faultBusy.because(err)
	}
	return faultServer.because(err)
}

// recoverPanics answers a fault of the program's own like any other error.
func (s *site) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p)
			default:
				s.answerError(w, r, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// errorPage says what happened and what to do now.
type errorPage struct {
	*view
	Text, Reference string
	// Back is the way back to the application.
	Back *back
	// Switch lets the person sign in as somebody else.
	Switch bool
	// Again is the page to try again, if that may help.
	Again string
}

func (s *site) showError(w http.ResponseWriter, r *http.Request, e *refusal, reference string) error {
	v := visitOf(r)
	args := []any{"seconds", busySeconds}
	page := &errorPage{Reference: reference, Switch: e.person != nil}
	if e.request != nil {
		args = append(args, "app", appName(e.request))
		page.Back = backTo(e.request, e.request.FailureURL(e.code))
	}
	if e.person != nil {
		args = append(args, "email", e.person.Library.Email)
	}
	page.view = s.newView(r, v.texts.text(e.key+".h1", args...))
	page.view.Failed = true
	page.view.From = senderOf(e.request)
	if page.view.Here = r.URL.RequestURI(); e.person != nil && e.request == nil {
		page.view.Here = "/sign-out" // there is no link to come back to
	}
	page.Text = v.texts.text(e.key+".text", args...)
	switch e.key {
	case faultBusy.key:
		w.Header().Set("Retry-After", strconv.Itoa(busySeconds))
		page.Again = page.Here
	case faultServer.key, faultForm.key, faultCookies.key:
		page.Again = page.Here
	}
	return s.render(w, e.status, "error", page)
}

// notFound answers what is no page of ours.
func (s *site) notFound(http.ResponseWriter, *http.Request) error {
	return faultNotFound.because(errors.New("no such page"))
}
