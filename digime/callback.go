package digime

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
)

// Callback is what a person's browser brings back to the redirect URL: see [Authorization.ParseCallback].
type Callback struct {
	// Code is exchanged for a token by [Contract.Exchange]. It is empty where there is nothing to exchange: after
	// [User.OnboardService] and [User.ReauthorizeAccount].
	Code Secret
	// Verifier is that of the [Authorization]; [Contract.Exchange] sends it with the code.
	Verifier Secret
	// AccountReference is the Reference of the [Account] that was connected, if there is one.
	AccountReference string
}

// CallbackErrorCode is the reason why a person has returned without success.
type CallbackErrorCode string

// The codes of a [CallbackError].
const (
	// CallbackUserCancel: the person has refused, or left the page.
	CallbackUserCancel CallbackErrorCode = "USER_CANCEL"
	// CallbackInvalidCode: the code in the address of the page is unknown, used or expired.
	CallbackInvalidCode CallbackErrorCode = "INVALID_CODE"
	// CallbackInitializeCheckFail: another part of the address of the page is wrong.
	CallbackInitializeCheckFail CallbackErrorCode = "INITIALIZE_CHECK_FAIL"
	// CallbackOnboardError: the source could not be connected.
	CallbackOnboardError CallbackErrorCode = "ONBOARD_ERROR"
	// CallbackServerError: the server has met an error of its own.
	CallbackServerError CallbackErrorCode = "SERVER_ERROR"
)

// CallbackError is the error of a callback that reports no success.
type CallbackError struct {
	// Code is the reason.
	Code CallbackErrorCode
	// Message is the text that the page for revoking an account gives; the other pages give none.
	Message string
}

// callbackErrors describes the codes.
var callbackErrors = map[CallbackErrorCode]string{
	CallbackUserCancel:          "the person has refused or left",
	CallbackInvalidCode:         "the link was used before or has expired",
	CallbackInitializeCheckFail: "the link is not complete",
	CallbackOnboardError:        "the source could not be connected",
	CallbackServerError:         "the server has met an error",
}

// Error describes the reason.
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

// ParseCallback reads the query of the callback that answers the authorisation, also one that was stored and restored
// in between. It returns [ErrStateMismatch] for the callback of another authorisation, and [ErrIssuerMismatch] for that
// of another server (RFC 9207), which must be ignored, and a [*CallbackError] if the person has refused or the page has
// failed.
func (a Authorization) ParseCallback(query url.Values) (Callback, error) {
	if a.State == "" {
		return Callback{}, invalid("callback: the authorization has no state: was it stored?")
	}
	if len(query["state"]) != 1 || subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(a.State)) != 1 {
		return Callback{}, invalid("callback: %w", ErrStateMismatch)
	}
	if !a.isFrom(query["iss"]) {
		return Callback{}, invalid("callback: %w", ErrIssuerMismatch)
	}
	if err := parseResult(query); err != nil {
		return Callback{}, err
	}
	return Callback{
		Code: NewSecret(query.Get("code")), Verifier: a.Verifier, AccountReference: query.Get("accountReference"),
	}, nil
}

// isFrom reports whether the issuers that a callback names are the server of the authorisation's URL. A Carrel names
// itself; digi.me, and a Carrel of before, name none.
func (a Authorization) isFrom(issuers []string) bool {
	if len(issuers) == 0 || a.URL == "" {
		return true
	}
	issuer, err := url.Parse(issuers[0])
	if err != nil || len(issuers) > 1 {
		return false
	}
	page, err := url.Parse(a.URL)
	return err == nil && origin(issuer) == origin(page)
}

// ParseRevokeCallback reads the query of the callback after [User.RevokeAccountURL]. It returns nil if the person has
// revoked the permission, and a [*CallbackError] if not. Unlike other callbacks this one has no state, so that anybody
// can send a browser to it: it is a reason to call [User.ListAccounts], and no proof.
func ParseRevokeCallback(query url.Values) error { return parseResult(query) }

// parseResult reads the members of a query that report success or failure.
func parseResult(query url.Values) error {
	success, result := query.Get("success"), query.Get("result")
	switch {
	case success == "true" || result == "success":
		return nil
	case success == "false" || result == "failed":
		e := &CallbackError{Code: CallbackErrorCode(query.Get("errorCode")), Message: query.Get("error_message")}
		if code := CallbackErrorCode(e.Message); e.Code == "" && callbackErrors[code] != "" {
			e.Code = code
		}
		return e
	}
	return &validationError{errors.New("callback: the query reports neither success nor failure")}
}
