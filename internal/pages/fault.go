package pages

import (
	"net/http"

	"github.com/carrelhq/carrel/internal/library"
)

// fault is an error page: what it says, its status, and what the application is
// told if the way back to it is known.
type fault struct {
	key    string // of its texts
	status int
	code   library.CallbackCode
}

// The error pages.
var (
	faultLinkExpired   = fault{"error.link_expired", http.StatusGone, library.CallbackInvalidCode}
	faultLinkUsed      = fault{"error.link_used", http.StatusGone, library.CallbackInvalidCode}
	faultLinkBad       = fault{"error.link_bad", http.StatusNotFound, ""}
	faultRequest       = fault{"error.request", http.StatusBadRequest, library.CallbackInitializeCheckFail}
	faultContractEnded = fault{"error.contract_ended", http.StatusGone, library.CallbackInitializeCheckFail}
	faultWrongPerson   = fault{"error.wrong_person", http.StatusForbidden, library.CallbackInvalidCode}
	faultAccount       = fault{"error.account", http.StatusForbidden, library.CallbackOnboardError}
	faultReturned      = fault{"error.returned", http.StatusGone, ""}
	faultForm          = fault{"error.form", http.StatusForbidden, ""}
	faultCookies       = fault{"error.cookies", http.StatusBadRequest, ""}
	faultNotFound      = fault{"error.not_found", http.StatusNotFound, ""}
	faultBusy          = fault{"error.busy", http.StatusServiceUnavailable, ""}
	faultServer        = fault{"error.server", http.StatusInternalServerError, library.CallbackServerError}
)

// with is the same page under another status.
func (f fault) with(status int) fault {
	f.status = status
	return f
}

// because makes the fault an error. What caused it is for the log.
func (f fault) because(cause error) *refusal { return &refusal{fault: f, cause: cause} }

// refusal is a request that ends in an error page.
type refusal struct {
	fault
	cause error
	// request is whose way back is shown; nil if none is known.
	request *library.PendingRequest
	// person is who is signed in, where the page is about that.
	person *library.SignedIn
}

func (e *refusal) Error() string { return e.key + ": " + e.cause.Error() }

func (e *refusal) Unwrap() error { return e.cause }

// of adds the way back to the application.
func (e *refusal) of(r *library.PendingRequest) *refusal {
	e.request = r
	return e
}

// inLink adds the way back to an error of a link's page that has none yet, if the
// application can be told something.
func inLink(err error, r *library.PendingRequest) error {
	if err == nil {
		return nil
	}
	e := refusalOf(err)
	if e.request == nil && e.code != "" {
		e.request = r
	}
	return e
}
