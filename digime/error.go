package digime

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// Error is what the server answered instead of what was asked for: a Code for
// programs, a Message for people, a Reference that the server's operator finds in
// their log, the HTTP Status, and RetryAfter where the server says when to try
// again. Outcome is a FHIR OperationOutcome, where there is one: see
// [User.PushToProvider]. Code is empty when the answer did not come from a server of the
// protocol, such as a proxy's.
type Error = wire.Error

// ErrorCode names a kind of error; the protocol's documentation lists them.
type ErrorCode = wire.ErrorCode

// Kinds of an [*Error], for errors.Is.
var (
	// ErrInvalidToken: an access token, refresh token, authorisation code or
	// verifier is unknown, used, revoked, expired or of another contract. Calls of
	// a [User] return it only when refreshing did not help: see [ErrReauthorize].
	ErrInvalidToken error = &Error{Code: wire.CodeInvalidToken}
	// ErrInvalidClient: there is no such application or contract.
	ErrInvalidClient error = &Error{Code: wire.CodeInvalidClient}
	// ErrInvalidRedirectURI: the callback is not one of the contract's.
	ErrInvalidRedirectURI error = &Error{Code: wire.CodeInvalidRedirectURI}
	// ErrInsufficientScope: the contract does not cover the call, such as reading
	// with a write contract.
	ErrInsufficientScope error = &Error{Code: wire.CodeInsufficientScope}
	// ErrScopeOutOfBounds: the session options ask for more than the contract does.
	ErrScopeOutOfBounds error = &Error{Code: wire.CodeScopeOutOfBounds}
	// ErrInvalidContractDataRequest: the contract's type does not fit the call.
	ErrInvalidContractDataRequest error = &Error{Code: wire.CodeInvalidContractDataRequest}
	// ErrValidation: something in the request is malformed; the message says what.
	ErrValidation error = &Error{Code: wire.CodeValidationErrors}
	// ErrInvalidRequest: the request was sent before.
	ErrInvalidRequest error = &Error{Code: wire.CodeInvalidRequest}
	// ErrNotFound: there is no such session, file or account, or it is someone
	// else's.
	ErrNotFound error = &Error{Code: wire.CodeNotFound}
	// ErrTooLarge: the content is beyond the server's limit.
	ErrTooLarge error = &Error{Code: wire.CodePayloadTooLarge}
	// ErrTooManyRequests: slow down.
	ErrTooManyRequests error = &Error{Code: wire.CodeTooManyRequests}
	// ErrServerBusy: the server has done nothing of it, and has no time now.
	ErrServerBusy error = &Error{Code: wire.CodeServerBusy}
	// ErrServiceAuthorization: a source or provider does not let the server in any
	// longer; send the person to [User.ReauthorizeAccount].
	ErrServiceAuthorization error = &Error{Code: wire.CodeServiceAuthorization}
	// ErrProviderRefused: a provider has refused what was pushed, or a part of a
	// Bundle. The error's Outcome is the provider's own answer.
	ErrProviderRefused error = &Error{Code: wire.CodeProviderRefused}
	// ErrDeliveryUnknown: nobody knows whether a provider has what was pushed. The
	// server does not send it again, and whoever does may send it twice.
	ErrDeliveryUnknown error = &Error{Code: wire.CodeDeliveryUnknown}
	// ErrDeliveryExpired: what was pushed did not reach the provider, and is not tried
	// any longer.
	ErrDeliveryExpired error = &Error{Code: wire.CodeDeliveryExpired}
	// ErrSDKInvalid: the operator does not take this client.
	ErrSDKInvalid error = &Error{Code: wire.CodeSDKInvalid}
	// ErrSDKVersionInvalid: the operator does not take this version of the client.
	ErrSDKVersionInvalid error = &Error{Code: wire.CodeSDKVersionInvalid}
)

// Errors that arise on this side.
var (
	// ErrReauthorize says that the refresh token does not serve any longer: send
	// the person to [User.Reauthorize].
	ErrReauthorize = errors.New("the refresh token is not good any longer: the person has to authorise again")
	// ErrCannotResend says that a push was refused for its expired token, and that
	// its data, which is no io.Seeker, has been read already. The token has been
	// refreshed: push again, from the start.
	ErrCannotResend = errors.New("the data has been read and cannot be sent again")
	// ErrCut says that a file's stream ended too early.
	ErrCut = wire.ErrEnvelopeCut
	// ErrCorrupt says that a file's content is not whole: its end or its checksum
	// is wrong.
	ErrCorrupt = errors.New("file is damaged")
	// ErrWrongKey says that a file was encrypted for another contract.
	ErrWrongKey = wire.ErrEnvelopeKey
	// ErrUntrusted says that an answer was not signed by the server that the client
	// was set up for.
	ErrUntrusted = errors.New("answer is not signed by the server")
)

// maxErrorBody bounds how much of an error's body is read, where there is no provider's
// answer in it.
const maxErrorBody = 1 << 20

// errorOf makes an [*Error] of an answer that is no success. The body counts,
// then the headers, which is all that an answer to HEAD has, then the status. What
// the server repeats of the secrets is masked.
func errorOf(resp *http.Response, body []byte, now time.Time, secrets []string) *Error {
	e := bodyError(body)
	if e.Code == "" {
		e.Code = wire.ErrorCode(resp.Header.Get("X-Error-Code"))
		e.Message = headerText(resp.Header.Get("X-Error-Message"))
		e.Reference = resp.Header.Get("X-Error-Reference")
	}
	if e.Message == "" {
		e.Message = fmt.Sprintf("the server answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	for _, s := range secrets {
		if s != "" {
			e.Message = strings.ReplaceAll(e.Message, s, mask)
		}
	}
	e.Status = resp.StatusCode
	e.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), now)
	return e
}

// bodyError reads {"error":{code,message,reference}} and the shape of the
// storage's errors, {"error":code,"message":message}; else it has no code.
func bodyError(body []byte) *Error {
	var outer struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
	}
	if json.Unmarshal(body, &outer) != nil {
		return &Error{}
	}
	var e Error
	if json.Unmarshal(outer.Error, &e) == nil {
		return &e
	}
	var code wire.ErrorCode
	if json.Unmarshal(outer.Error, &code) == nil {
		return &Error{Code: code, Message: outer.Message}
	}
	return &Error{}
}

// headerText undoes the percent-encoding of a message beyond printable ASCII.
func headerText(s string) string {
	if text, err := url.PathUnescape(s); err == nil {
		return text
	}
	return s
}

// retryAfter reads the header in either of its forms; 0 means absent or past.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil && seconds > 0 && seconds < 1<<31 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
