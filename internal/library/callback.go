package library

import (
	"net/url"
	"strings"

	"github.com/carrelhq/carrel/internal/seal"
)

// CallbackCode is the errorCode of a callback that did not succeed. Clients know no others.
type CallbackCode string

// The callback codes.
const (
	// CallbackInitializeCheckFail: the page's parameters are not valid.
	CallbackInitializeCheckFail CallbackCode = "INITIALIZE_CHECK_FAIL"
	// CallbackInvalidCode: the request's code is not valid.
	CallbackInvalidCode CallbackCode = "INVALID_CODE"
	// CallbackOnboardError: no source was connected.
	CallbackOnboardError CallbackCode = "ONBOARD_ERROR"
	// CallbackUserCancel: the person refused or left.
	CallbackUserCancel CallbackCode = "USER_CANCEL"
	// CallbackServerError: the server failed.
	CallbackServerError CallbackCode = "SERVER_ERROR"
)

// allowedURL returns where to send the browser after a yes.
func (r *PendingRequest) allowedURL(code seal.Secret, reference AccountReference) string {
	q := url.Values{"success": {"true"}, "code": {code.Reveal()}}
	if r.Kind == AuthorizeRequest {
		q.Set("accountReference", string(reference))
	}
	return r.callbackURL(q)
}

// completedURL returns where to send the browser after a request that asks for no consent.
func (r *PendingRequest) completedURL() string { return r.callbackURL(url.Values{"success": {"true"}}) }

// revokedURL returns where to send the browser after a yes to a RevokeRequest.
func (r *PendingRequest) revokedURL() string { return r.callbackURL(url.Values{"result": {"success"}}) }

// FailureURL returns where to send the browser if the request ends without success.
func (r *PendingRequest) FailureURL(code CallbackCode) string {
	if r.Kind == RevokeRequest {
		return r.callbackURL(url.Values{"result": {"failed"}, "error_message": {string(code)}})
	}
	return r.callbackURL(url.Values{"success": {"false"}, "errorCode": {string(code)}})
}

// callbackURL returns the application's redirect URI, with q and the application's state added
// to its own query. Each answer to an authorization names the server that it comes from (RFC 9207): an application of
// several servers must not send the code of one to another.
func (r *PendingRequest) callbackURL(query url.Values) string {
	if r.Kind != RevokeRequest {
		query.Set("iss", r.issuer)
	}
	if r.State != "" {
		query.Set("state", r.State)
	}
	separator := "?"
	if strings.Contains(r.RedirectURI, "?") {
		separator = "&"
		if strings.HasSuffix(r.RedirectURI, "?") || strings.HasSuffix(r.RedirectURI, "&") {
			separator = ""
		}
	}
	return r.RedirectURI + separator + query.Encode()
}
