package ui

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/carrelhq/carrel/internal/library"
)

// ErrorPage is one of the error pages: its texts, its status, and the code that the application gets if the person
// goes back to it from there.
type ErrorPage struct {
	key    string // of its texts
	status int
	code   library.CallbackCode
}

// The error pages.
var (
	PageLinkExpired = ErrorPage{"error.link_expired", http.StatusGone, library.CallbackInvalidCode}
	PageLinkUsed    = ErrorPage{"error.link_used", http.StatusGone, library.CallbackInvalidCode}
	PageLinkUnknown = ErrorPage{"error.link_bad", http.StatusNotFound, ""}
	// PageSandboxUsed is for a link that was answered without a person, and opened again.
	PageSandboxUsed = ErrorPage{"error.sandbox_used", http.StatusGone, library.CallbackInvalidCode}
	// PageBadRequest is for a request of an application that is malformed.
	PageBadRequest     = ErrorPage{"error.request", http.StatusBadRequest, library.CallbackInitializeCheckFail}
	PageContractEnded  = ErrorPage{"error.contract_ended", http.StatusGone, library.CallbackInitializeCheckFail}
	PageWrongPerson    = ErrorPage{"error.wrong_person", http.StatusForbidden, library.CallbackInvalidCode}
	PageUnknownAccount = ErrorPage{"error.account", http.StatusForbidden, library.CallbackOnboardError}
	PageUnknownSource  = ErrorPage{"error.source", http.StatusNotFound, library.CallbackOnboardError}
	// PageUnknownSampleSet is for sample data that a source, or every source that can be chosen, does not have.
	PageUnknownSampleSet = ErrorPage{"error.sample_set", http.StatusNotFound, library.CallbackOnboardError}
	// PageUnknownStorage is for a storage that has expired, or is somebody else's.
	PageUnknownStorage = ErrorPage{"error.storage", http.StatusForbidden, library.CallbackInitializeCheckFail}
	// PageSandboxLimit is for too many libraries to try things out with.
	PageSandboxLimit = ErrorPage{"error.sandbox", http.StatusTooManyRequests, library.CallbackServerError}
	// PageBadForm is for a form that was not sent from a page of this site, or is malformed or too large.
	PageBadForm = ErrorPage{"error.form", http.StatusForbidden, ""}
	// PageOtherLogin is for a form of a page that was shown to another login, and PageStaleForm for one whose browser
	// has another cookie since.
	PageOtherLogin = ErrorPage{"error.other_login", http.StatusConflict, ""}
	PageStaleForm  = ErrorPage{"error.stale", http.StatusConflict, ""}
	// PageBadFile is for a file that is larger than any that a form of this site takes.
	PageBadFile        = ErrorPage{"error.file", http.StatusRequestEntityTooLarge, ""}
	PageCookiesBlocked = ErrorPage{"error.cookies", http.StatusBadRequest, ""}
	PageNotFound       = ErrorPage{"error.not_found", http.StatusNotFound, ""}
	PageBusy           = ErrorPage{"error.busy", http.StatusServiceUnavailable, ""}
	PageUnavailable    = ErrorPage{"error.unavailable", http.StatusServiceUnavailable, ""}
	PageStorageFull    = ErrorPage{"error.full", http.StatusInsufficientStorage, ""}
	PageServerError    = ErrorPage{"error.server", http.StatusInternalServerError, library.CallbackServerError}
)

// WithStatus returns the same page with another status.
func (p ErrorPage) WithStatus(status int) ErrorPage {
	p.status = status
	return p
}

// WithCode returns the same page with another code for the application.
func (p ErrorPage) WithCode(code library.CallbackCode) ErrorPage {
	p.code = code
	return p
}

// Wrap returns an error that shows the page. Its cause is for the log.
func (p ErrorPage) Wrap(cause error) *Error { return &Error{page: p, cause: cause} }

// BadForm is the error for a form that no page of this site sends.
func BadForm(reason string) *Error {
	return PageBadForm.WithStatus(http.StatusBadRequest).Wrap(errors.New(reason))
}

// Error is a request that ends in an error page.
type Error struct {
	page  ErrorPage
	cause error
	// request is the application's request that the page leads back to; nil if none is known.
	request *library.PendingRequest
	// person is who is signed in, if the page offers to sign in as another.
	person *library.SignedIn
	// expected says that the server has nothing to repair, whatever the status.
	expected bool
}

func (e *Error) Error() string { return e.page.key + ": " + e.cause.Error() }

func (e *Error) Unwrap() error { return e.cause }

// Expected marks an error that tells the operator nothing, so that it is not logged as one of the server's.
func (e *Error) Expected() *Error {
	e.expected = true
	return e
}

// For adds the link back to the application. The request may be nil.
func (e *Error) For(r *library.PendingRequest) *Error {
	e.request = r
	return e
}

// SignedInAs adds who is signed in, and offers to sign in as another.
func (e *Error) SignedInAs(person *library.SignedIn) *Error {
	e.person = person
	return e
}

// WithRequest adds the link back to the application to an error that has none yet, if there is a code to tell the
// application.
func WithRequest(err error, r *library.PendingRequest) error {
	if err == nil {
		return nil
	}
	e := errorOf(err)
	if e.request == nil && e.page.code != "" {
		e.request = r
	}
	return e
}

// errorOf finds the page for an error. An error without a page is the server's fault.
func errorOf(err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, library.ErrNotFound):
		return PageNotFound.Wrap(err)
	case errors.Is(err, library.ErrStorageFull):
		return PageStorageFull.Wrap(err)
	case errors.Is(err, library.ErrUnavailable):
		return PageUnavailable.Wrap(err)
	case errors.Is(err, library.ErrBusy), errors.Is(err, context.DeadlineExceeded):
		return PageBusy.Wrap(err)
	}
	return PageServerError.Wrap(err)
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

func (u *UI) showError(w http.ResponseWriter, r *http.Request, pageError *Error, reference string) error {
	t := BrowserOf(r).Texts
	args := []any{"seconds", retryAfterSeconds}
	data := &errorData{Reference: reference, SwitchUser: pageError.person != nil}
	if pageError.request != nil {
		args = append(args, "app", ApplicationName(pageError.request))
		data.Return = NewReturnLink(pageError.request, pageError.request.FailureURL(pageError.page.code))
	}
	if pageError.person != nil {
		args = append(args, "email", pageError.person.Library.Email)
	}
	data.Page = u.NewPage(r, t.Text(pageError.page.key+".h1", args...))
	data.IsError = true
	data.Requester = NewRequester(pageError.request)
	if pageError.person != nil && pageError.request == nil {
		data.URL = "/sign-out" // there is no request to come back to
	}
	data.Text = t.Text(pageError.page.key+".text", args...)
	switch pageError.page.key {
	case PageBusy.key, PageUnavailable.key, PageStorageFull.key:
		pageError.page.setRetryAfter(w.Header())
		data.RetryURL = data.URL
	case PageServerError.key, PageBadForm.key, PageStaleForm.key, PageBadFile.key, PageCookiesBlocked.key:
		data.RetryURL = data.URL
	case PageOtherLogin.key:
		// The page may be of the other person's library. That of an application's request is for whoever is signed in.
		if strings.HasPrefix(r.URL.Path, "/apps/") {
			data.RetryURL = data.URL
		}
	}
	return u.Render(w, pageError.page.status, "error", data)
}

// setRetryAfter sets Retry-After if the page is one of a server that is busy or whose storage does not take part.
func (p ErrorPage) setRetryAfter(h http.Header) {
	switch p.key {
	case PageBusy.key, PageUnavailable.key, PageStorageFull.key:
		h.Set("Retry-After", strconv.Itoa(retryAfterSeconds))
	}
}

// RenderFailure renders a page that says itself what has failed. It has the status and the Retry-After of the error
// page of the cause.
func (u *UI) RenderFailure(w http.ResponseWriter, cause error, name string, data Data) error {
	page := errorOf(cause).page
	page.setRetryAfter(w.Header())
	return u.Render(w, page.status, name, data)
}
