package digime

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// Error is an error that the server returned. Its kind is found with [errors.Is] and one of the Err variables, or by
// its Code.
type Error struct {
	// Code is the kind of the error, for programs. It is empty when the response did not come from a server of the
	// protocol but, for example, from a proxy.
	Code ErrorCode `json:"code"`
	// Message describes the error, for people.
	Message string `json:"message"`
	// Reference identifies the error in the log of the server's operator.
	Reference string `json:"reference,omitempty"`
	// Outcome is a FHIR OperationOutcome, where there is one: see [User.PushToProvider].
	Outcome json.RawMessage `json:"outcome,omitempty"`
	// Status is the HTTP status of the response.
	Status int `json:"-"`
	// RetryAfter is the time to wait before the next attempt, if the server gave one.
	RetryAfter time.Duration `json:"-"`
}

// Error returns the message, the status, the code and the reference.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s (%s)", e.Message, strings.TrimSpace(fmt.Sprintf("%d %s", e.Status, e.Code)))
	if e.Reference != "" {
		text += ", reference " + e.Reference
	}
	return text
}

// Is reports whether target is an [*Error] that consists of the same code alone, as the Err variables do. It also
// matches [ErrUnavailable] by the status, and [ErrInvalidResponse] if there is a status and no code.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrUnavailable:
		return e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable ||
			e.Status == http.StatusInsufficientStorage && e.Code != CodeQuotaExceeded
	case ErrInvalidResponse:
		return e.Status != 0 && e.Code == ""
	}
	code, ok := codeOf(target)
	return ok && code == e.Code
}

// codeOf returns the code of an error that consists of a code alone.
func codeOf(target error) (ErrorCode, bool) {
	e, ok := target.(*Error) //nolint:errorlint // the target of errors.Is, which is compared and not searched
	if !ok || e.Message != "" {
		return "", false
	}
	return e.Code, true
}

// ErrorCode is the kind of an [Error].
type ErrorCode string

// The codes of the protocol. For each of them there is a variable to use with [errors.Is], which says more.
const (
	CodeInvalidToken               ErrorCode = "InvalidToken"               // see [ErrInvalidToken]
	CodeInvalidClient              ErrorCode = "InvalidClient"              // see [ErrInvalidClient]
	CodeInvalidRedirectURI         ErrorCode = "InvalidRedirectUri"         // see [ErrInvalidRedirectURI]
	CodeInsufficientScope          ErrorCode = "InsufficientScope"          // see [ErrInsufficientScope]
	CodeScopeOutOfBounds           ErrorCode = "ScopeOutOfBounds"           // see [ErrScopeOutOfBounds]
	CodeInvalidContractDataRequest ErrorCode = "InvalidContractDataRequest" // see [ErrInvalidContractDataRequest]
	CodeValidationErrors           ErrorCode = "ValidationErrors"           // see [ErrValidation]
	CodeInvalidRequest             ErrorCode = "InvalidRequest"             // see [ErrReplayed]
	CodeNotFound                   ErrorCode = "NotFound"                   // see [ErrNotFound]
	CodePayloadTooLarge            ErrorCode = "PayloadTooLarge"            // see [ErrTooLarge]
	CodeTooManyRequests            ErrorCode = "TooManyRequests"            // see [ErrTooManyRequests]
	CodeServerBusy                 ErrorCode = "ServerBusy"                 // see [ErrServerBusy]
	CodeQuotaExceeded              ErrorCode = "QuotaExceeded"              // see [ErrQuotaExceeded]
	CodeStorageFull                ErrorCode = "StorageFull"                // see [ErrStorageFull]
	CodeUnauthorized               ErrorCode = "Unauthorized"               // see [ErrUnauthorized]
	CodeServiceAuthorization       ErrorCode = "ServiceAuthorizationError"  // see [ErrServiceAuthorization]
	CodeProviderRefused            ErrorCode = "ProviderRefused"            // see [ErrProviderRefused]
	CodeDeliveryUnknown            ErrorCode = "DeliveryUnknown"            // see [ErrDeliveryUnknown]
	CodeDeliveryExpired            ErrorCode = "DeliveryExpired"            // see [ErrDeliveryExpired]
	CodeSDKInvalid                 ErrorCode = "SDKInvalid"                 // see [ErrSDKInvalid]
	CodeSDKVersionInvalid          ErrorCode = "SDKVersionInvalid"          // see [ErrSDKVersionInvalid]
	CodeInternal                   ErrorCode = "InternalError"              // see [ErrInternal]
)

// Kinds of an [*Error], for [errors.Is].
var (
	// ErrInvalidToken: a token, an authorisation code or a verifier is unknown, used, expired or revoked, or belongs
	// to another contract. After [Contract.Exchange], start again with [Contract.Authorize]. A call of a [User]
	// refreshes its access token by itself; when that fails, the error also matches [ErrReauthorize] or
	// [ErrRevoked], which say what to do next.
	ErrInvalidToken error = &Error{Code: CodeInvalidToken}
	// ErrInvalidClient: the server has no such application or contract.
	ErrInvalidClient error = &Error{Code: CodeInvalidClient}
	// ErrInvalidRedirectURI: the redirect URL is not one of the contract's.
	ErrInvalidRedirectURI error = &Error{Code: CodeInvalidRedirectURI}
	// ErrInsufficientScope: the contract does not allow the call. For example, a write contract does not allow
	// reading.
	ErrInsufficientScope error = &Error{Code: CodeInsufficientScope}
	// ErrScopeOutOfBounds: the session options ask for more than the contract allows.
	ErrScopeOutOfBounds error = &Error{Code: CodeScopeOutOfBounds}
	// ErrInvalidContractDataRequest: the call does not fit the type of the contract.
	ErrInvalidContractDataRequest error = &Error{Code: CodeInvalidContractDataRequest}
	// ErrValidation: an argument is missing or malformed; the message says which. This package checks most
	// arguments before it sends anything, and its errors match ErrValidation too.
	ErrValidation error = &Error{Code: CodeValidationErrors}
	// ErrReplayed: the server has seen the request before. Calls that may be repeated are repeated with a new nonce.
	ErrReplayed error = &Error{Code: CodeInvalidRequest}
	// ErrNotFound: there is no such session, file, account or storage, or it belongs to someone else.
	ErrNotFound error = &Error{Code: CodeNotFound}
	// ErrTooLarge: the content exceeds the server's limit.
	ErrTooLarge error = &Error{Code: CodePayloadTooLarge}
	// ErrTooManyRequests: the application sends too many requests.
	ErrTooManyRequests error = &Error{Code: CodeTooManyRequests}
	// ErrServerBusy: the server has no capacity at the moment, and has done nothing.
	ErrServerBusy error = &Error{Code: CodeServerBusy}
	// ErrQuotaExceeded: the person's library, the application, the contract or the storage has no room left; the
	// message says which. It does not pass by itself, so it does not match [ErrUnavailable]: keep the file, and ask the
	// operator of the server for more room.
	ErrQuotaExceeded error = &Error{Code: CodeQuotaExceeded}
	// ErrStorageFull: the disks of the server are full at the moment, and it has stored nothing. It matches
	// [ErrUnavailable].
	ErrStorageFull error = &Error{Code: CodeStorageFull}
	// ErrUnauthorized: the file storage has refused the signed token of a call of a [Storage], for which it says no
	// more than the message. The key may not be the contract's, or the clock may be wrong by more than a minute.
	ErrUnauthorized error = &Error{Code: CodeUnauthorized}
	// ErrServiceAuthorization: a source or provider no longer accepts the server's access to one account. Send the
	// person to [User.ReauthorizeAccount].
	ErrServiceAuthorization error = &Error{Code: CodeServiceAuthorization}
	// ErrProviderRefused: a provider has refused the resource, or a part of the Bundle. The Outcome of the [*Error]
	// is the provider's own response.
	ErrProviderRefused error = &Error{Code: CodeProviderRefused}
	// ErrDeliveryUnknown: it is not known whether the provider has received the resource. The server does not send
	// it again. An application that does may send it twice.
	ErrDeliveryUnknown error = &Error{Code: CodeDeliveryUnknown}
	// ErrDeliveryExpired: the resource did not reach the provider, and the server no longer tries.
	ErrDeliveryExpired error = &Error{Code: CodeDeliveryExpired}
	// ErrSDKInvalid: the operator of the server does not allow this client.
	ErrSDKInvalid error = &Error{Code: CodeSDKInvalid}
	// ErrSDKVersionInvalid: the operator of the server does not allow this version of the client.
	ErrSDKVersionInvalid error = &Error{Code: CodeSDKVersionInvalid}
	// ErrInternal: the server has met an error of its own. Its operator finds it by the Reference.
	ErrInternal error = &Error{Code: CodeInternal}
)

// Errors that this package finds by itself. Each of its other errors matches [ErrValidation], or comes from the
// context or the network.
var (
	// ErrReauthorize: the refresh token has expired. Send the person to [User.Reauthorize], which renews the
	// consent.
	ErrReauthorize = errors.New("the refresh token has expired: the person must authorise again")
	// ErrRevoked: the person has revoked the consent or deleted the library, so that the tokens will never work
	// again. Only a new consent helps: call [Contract.Authorize], without a Link to the revoked token. A token of
	// another contract gives the same error, because a token belongs to the contract that it was exchanged for: see
	// [Contract.User].
	ErrRevoked = errors.New("the consent was revoked: only a new consent helps")
	// ErrUnavailable: the response has the status 429, 503 or 507, from the server or from a proxy before it. Try again
	// later; the RetryAfter of the [*Error] says when, if it is known. It includes [ErrTooManyRequests],
	// [ErrServerBusy] and [ErrStorageFull], and not [ErrQuotaExceeded].
	ErrUnavailable = errors.New("the server is not available at the moment")
	// ErrStateMismatch: a callback does not have the state of the [Authorization]. Ignore the callback; somebody
	// else may have sent the browser there.
	ErrStateMismatch = errors.New("the state of the callback is not that of the authorization")
	// ErrIssuerMismatch: a callback names another server than the one that the person was sent to. Ignore the callback,
	// and do not exchange its code: somebody may want this server to learn the code of the other.
	ErrIssuerMismatch = errors.New("the callback comes from another server than the person was sent to")
	// ErrCannotResend: a push was refused because the access token had expired, and the data, which is not an
	// [io.Seeker], cannot be read a second time. The token has been refreshed: push again, with a new reader as
	// Data. The old reader is exhausted, and would push an empty file.
	ErrCannotResend = errors.New("the data has been read and cannot be sent again")
	// ErrInvalidResponse: a response is not one of the protocol, such as the login page of a network, a redirect to
	// it, an error without a code, or a response that was cut. The server may or may not have received the request:
	// after [User.Push] the file may have been stored.
	ErrInvalidResponse = errors.New("the response is not one of the protocol")
	// ErrBadSignature: a response is not signed by the server that the client was created for.
	ErrBadSignature = errors.New("the response is not signed by the server")
	// ErrTruncated: the content of a file ended too early.
	ErrTruncated = wire.ErrEnvelopeCut
	// ErrCorrupt: the content of a file is damaged: its padding or its checksum is wrong.
	ErrCorrupt = errors.New("file is damaged")
	// ErrWrongKey: a file was encrypted for another contract.
	ErrWrongKey = wire.ErrEnvelopeKey
)

// A validationError is an error in the arguments of a call, found before anything was sent. It matches
// [ErrValidation].
type validationError struct{ err error }

func invalid(format string, args ...any) error { return &validationError{fmt.Errorf(format, args...)} }

func (e *validationError) Error() string { return e.err.Error() }
func (e *validationError) Unwrap() error { return e.err }

// Is reports whether target is [ErrValidation].
func (e *validationError) Is(target error) bool {
	code, ok := codeOf(target)
	return ok && code == CodeValidationErrors
}
