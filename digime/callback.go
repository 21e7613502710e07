package digime

import (
	"fmt"
	"net/url"
)

// Callback is what a person's browser brings back.
type Callback struct {
	// Code is what [Client.Exchange] takes. It is empty where there is nothing to
	// exchange: after [User.OnboardService] and [User.ReauthorizeAccount].
	Code Secret
	// State is what was given to Authorize, or made by it. Compare them.
	State string
	// AccountReference is the Reference of the account that was connected, if any.
	AccountReference string
}

// CallbackErrorCode says why a person came back without having done what they
// were sent for.
type CallbackErrorCode string

// The codes that the pages give.
const (
	// UserCancel: the person refused, or left.
	UserCancel CallbackErrorCode = "USER_CANCEL"
	// InvalidCode: the code in the page's address is unknown, used or too old.
	InvalidCode CallbackErrorCode = "INVALID_CODE"
	// InitializeCheckFail: something else in the page's address is wrong.
	InitializeCheckFail CallbackErrorCode = "INITIALIZE_CHECK_FAIL"
	// OnboardError: the source could not be added.
	OnboardError CallbackErrorCode = "ONBOARD_ERROR"
	// ServerError: the page met a fault of the server's.
	ServerError CallbackErrorCode = "SERVER_ERROR"
)

// CallbackError is a callback that brings no success. Anyone can call a callback:
// compare its State before you believe it.
type CallbackError struct {
	Code  CallbackErrorCode
	State string
	// Message is what a revocation's page says, which Carrel's says as a Code too; the
	// others give none.
	Message string
}

// callbackErrors are the codes in words.
var callbackErrors = map[CallbackErrorCode]string{
	UserCancel:          "the person refused or left",
	InvalidCode:         "the link was used before or is too old",
	InitializeCheckFail: "the link is not complete",
	OnboardError:        "the source could not be added",
	ServerError:         "the server met a fault",
}

func (e *CallbackError) Error() string {
	what := callbackErrors[e.Code]
	switch {
	case what != "":
		return fmt.Sprintf("authorisation failed: %s (%s)", what, e.Code)
	case e.Message != "":
		return fmt.Sprintf("authorisation failed: %q", e.Message)
	}
	return fmt.Sprintf("authorisation failed: %q", string(e.Code))
}

// ParseCallback reads the query of a callback. It returns a [*CallbackError] when
// the page says that it did not succeed, and another error for a query that comes
// from no page. The State is set in every case that has one.
func ParseCallback(query url.Values) (Callback, error) {
	back := Callback{
		State:            query.Get("state"),
		Code:             NewSecret(query.Get("code")),
		AccountReference: query.Get("accountReference"),
	}
	success, result := query.Get("success"), query.Get("result")
	switch {
	case success == "true" || result == "success":
		return back, nil
	case success == "false" || result == "failed":
		e := &CallbackError{Code: CallbackErrorCode(query.Get("errorCode")), State: back.State, Message: query.Get("error_message")}
		if code := CallbackErrorCode(e.Message); e.Code == "" && callbackErrors[code] != "" {
			e.Code = code
		}
		return Callback{State: back.State}, e
	}
	return Callback{State: back.State}, fmt.Errorf("callback: the query says neither success nor failure")
}
