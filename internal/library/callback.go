package library

import (
	"net/url"
	"slices"
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
func (r *PendingRequest) allowedURL(code seal.Secret, reference AccountReference, postbox *PostboxAddress) string {
	q := url.Values{"success": {"true"}, "code": {code.Reveal()}}
	if r.Kind == AuthorizeRequest {
		q.Set("accountReference", string(reference))
	}
	if postbox != nil {
		q.Set("postboxId", string(postbox.ID))
		q.Set("publicKey", postbox.PublicKey)
	}
	return r.callbackURL(r.RedirectURI, q)
}

// callbackParameters are those of the callbacks of this file. None of them may stand in a callback that is not signed.
var callbackParameters = []string{"success", "code", "state", "accountReference", "postboxId", "publicKey", "errorCode",
	"iss", "result", "error_message"}

// ReturnTo sets where the browser goes without success, and after a request that asks for no consent: clients of before
// version 10 of the Node SDK say so in the address of the request, which is not signed. It has no effect unless the
// operator serves such clients, the URI is one of the contract's, and it has no parameter that an answer has.
func (r *PendingRequest) ReturnTo(uri string) {
	if !r.olderCallbacks || r.Kind == RevokeRequest || !r.Client.Contract.AllowsRedirect(uri) {
		return
	}
	_, text, _ := strings.Cut(uri, "?")
	query, err := url.ParseQuery(text)
	if err != nil || slices.ContainsFunc(callbackParameters, query.Has) {
		return
	}
	r.returnURI = uri
}

// otherURI is where the browser goes without a consent.
func (r *PendingRequest) otherURI() string {
	if r.returnURI != "" {
		return r.returnURI
	}
	return r.RedirectURI
}

// RedirectURIs are the URIs to which the browser may be sent in the end.
func (r *PendingRequest) RedirectURIs() []string {
	if r.returnURI == "" {
		return []string{r.RedirectURI}
	}
	return []string{r.RedirectURI, r.returnURI}
}

// completedURL returns where to send the browser after a request that asks for no consent. The reference is that of the
// account that was connected; empty if none was.
func (r *PendingRequest) completedURL(reference AccountReference) string {
	q := url.Values{"success": {"true"}}
	if reference != "" {
		q.Set("accountReference", string(reference))
	}
	return r.callbackURL(r.otherURI(), q)
}

// revokedURL returns where to send the browser after a yes to a RevokeRequest.
func (r *PendingRequest) revokedURL() string {
	return r.callbackURL(r.RedirectURI, url.Values{"result": {"success"}})
}

// FailureURL returns where to send the browser if the request ends without success.
func (r *PendingRequest) FailureURL(code CallbackCode) string {
	if r.Kind == RevokeRequest {
		return r.callbackURL(r.RedirectURI, url.Values{"result": {"failed"}, "error_message": {string(code)}})
	}
	return r.callbackURL(r.otherURI(), url.Values{"success": {"false"}, "errorCode": {string(code)}})
}

// callbackURL returns one of the application's URIs, with q and the application's state added
// to its own query. Each answer to an authorization names the server that it comes from (RFC 9207): an application of
// several servers must not send the code of one to another.
func (r *PendingRequest) callbackURL(uri string, query url.Values) string {
	if r.Kind != RevokeRequest {
		query.Set("iss", r.issuer)
	}
	if r.State != "" {
		query.Set("state", r.State)
	}
	separator := "?"
	if strings.Contains(uri, "?") {
		separator = "&"
		if strings.HasSuffix(uri, "?") || strings.HasSuffix(uri, "&") {
			separator = ""
		}
	}
	text := query.Encode()
	if query.Has("publicKey") { // the mobile SDKs do not take a plus for a space
		text = strings.ReplaceAll(text, "+", "%20")
	}
	return uri + separator + text
}
