package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// ErrorCode is the kind of an error, for programs.
type ErrorCode string

// The codes of the protocol.
const (
	// CodeInvalidRedirectURI: the redirect_uri is not one of the contract's.
	CodeInvalidRedirectURI ErrorCode = "InvalidRedirectUri"
	// CodeInvalidToken: a token, code or verifier is unknown, used, expired or revoked.
	CodeInvalidToken ErrorCode = "InvalidToken"
	// CodeInvalidClient: there is no such application or contract.
	CodeInvalidClient ErrorCode = "InvalidClient"
	// CodeInsufficientScope: the contract does not allow the call.
	CodeInsufficientScope ErrorCode = "InsufficientScope"
	// CodeSDKInvalid: the operator does not allow the client.
	CodeSDKInvalid ErrorCode = "SDKInvalid"
	// CodeSDKVersionInvalid: the operator does not allow the version of the client.
	CodeSDKVersionInvalid ErrorCode = "SDKVersionInvalid"
	// CodeScopeOutOfBounds: the session options exceed the contract.
	CodeScopeOutOfBounds ErrorCode = "ScopeOutOfBounds"
	// CodeInvalidContractDataRequest: the body does not fit the type of the contract.
	CodeInvalidContractDataRequest ErrorCode = "InvalidContractDataRequest"
	// CodeValidationErrors: an argument is missing or malformed.
	CodeValidationErrors ErrorCode = "ValidationErrors"
	// CodeInvalidRequest: the nonce was used before.
	CodeInvalidRequest ErrorCode = "InvalidRequest"
	// CodeNotFound: there is no such thing, or it belongs to someone else.
	CodeNotFound ErrorCode = "NotFound"
	// CodePayloadTooLarge: the content exceeds the limit of the operator.
	CodePayloadTooLarge ErrorCode = "PayloadTooLarge"
	// CodeTooManyRequests: the application sends too many requests.
	CodeTooManyRequests ErrorCode = "TooManyRequests"
	// CodeServiceAuthorization: the permission for an account has ended.
	CodeServiceAuthorization ErrorCode = "ServiceAuthorizationError"
	// CodeProviderRefused: the provider has refused the resource.
	CodeProviderRefused ErrorCode = "ProviderRefused"
	// CodeDeliveryUnknown: it is not known whether the provider has the resource.
	CodeDeliveryUnknown ErrorCode = "DeliveryUnknown"
	// CodeDeliveryExpired: the resource was not delivered.
	CodeDeliveryExpired ErrorCode = "DeliveryExpired"
	// CodeServerBusy: the server has no capacity at the moment.
	CodeServerBusy ErrorCode = "ServerBusy"
	// CodeInternal: the server has met an error of its own.
	CodeInternal ErrorCode = "InternalError"
)

// Error is an error of the protocol: the JSON body {"error":{code,message,reference}} and the headers X-Error-Code,
// X-Error-Message and X-Error-Reference. The code and the message may be shown to anyone. The cause, which Unwrap
// returns, is for the log of the server only.
type Error struct {
	Code      ErrorCode `json:"code"`
	Message   string    `json:"message"`
	Reference string    `json:"reference,omitempty"`
	// Outcome is a FHIR OperationOutcome, if there is one: that of the provider, or that of the server's own check. It
	// is an extension of the protocol.
	Outcome json.RawMessage `json:"outcome,omitempty"`

	// Status is the HTTP status of the response.
	Status int `json:"-"`
	// RetryAfter is the header Retry-After: the time to wait before the next attempt; 0 if there is none.
	RetryAfter time.Duration `json:"-"`

	cause error
}

// ErrorBody is the JSON body of a failed call.
type ErrorBody struct {
	Error *Error `json:"error"`
}

// CloudError is the JSON body of a failed call of the file storage.
type CloudError struct {
	Error   string `json:"error"`
	Message string `json:"message"`
}

// Error returns the message, the status, the code and the reference.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s (%d %s)", e.Message, e.Status, e.Code)
	if e.Reference != "" {
		text += ", reference " + e.Reference
	}
	return text
}

// Unwrap returns the cause, which only the side that created the error knows.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is an [*Error] that consists of the same code alone.
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Code == e.Code && t.Message == "" && t.cause == nil
}

// Because returns a copy of e with err as its cause.
func (e *Error) Because(err error) *Error {
	c := *e
	c.cause = err
	return &c
}

// TokenKind is the token that an error such as [InvalidToken] is about.
type TokenKind string

// The tokens that an error can be about.
const (
	KindAccessToken       TokenKind = "access_token"       // the access token
	KindRefreshToken      TokenKind = "refresh_token"      // the refresh token
	KindAuthorizationCode TokenKind = "authorization_code" // the authorisation code
	KindCodeVerifier      TokenKind = "code_verifier"      // the code verifier
)

// InvalidRedirectURI refuses a redirect_uri that is not one of the contract's.
func InvalidRedirectURI(uri string) *Error {
	return &Error{Code: CodeInvalidRedirectURI, Status: http.StatusBadRequest,
		Message: "The redirect_uri (" + uri + ") is invalid"}
}

// InvalidToken refuses a token that is unknown, revoked or another contract's.
func InvalidToken(kind TokenKind) *Error {
	return &Error{Code: CodeInvalidToken, Status: http.StatusUnauthorized,
		Message: "The token (" + string(kind) + ") is invalid"}
}

// ExpiredToken refuses a token that is past its expiry.
func ExpiredToken(kind TokenKind) *Error {
	return &Error{Code: CodeInvalidToken, Status: http.StatusUnauthorized,
		Message: "The token (" + string(kind) + ") is expired"}
}

// InvalidClient refuses a client_id that names no application and contract.
func InvalidClient(id string) *Error {
	return &Error{Code: CodeInvalidClient, Status: http.StatusUnauthorized,
		Message: "The client_id (" + id + ") is invalid"}
}

// InsufficientScope refuses a call that the contract's access type does not cover.
func InsufficientScope() *Error {
	return &Error{Code: CodeInsufficientScope, Status: http.StatusForbidden,
		Message: "The request requires higher privileges than provided by the access token"}
}

// ScopeOutOfBounds refuses options that ask for more than the contract's scope.
func ScopeOutOfBounds(why string) *Error {
	return &Error{Code: CodeScopeOutOfBounds, Status: http.StatusBadRequest, Message: why}
}

// InvalidContractDataRequest refuses a body that contradicts the contract's type.
func InvalidContractDataRequest(why string) *Error {
	return &Error{Code: CodeInvalidContractDataRequest, Status: http.StatusBadRequest, Message: why}
}

// Validation refuses malformed input; what says which, for example "mimeType".
func Validation(what string) *Error {
	return &Error{Code: CodeValidationErrors, Status: http.StatusBadRequest,
		Message: "Parameter validation errors: " + what}
}

// BadBearer refuses a missing or unverifiable bearer token; what says which check.
func BadBearer(what string) *Error {
	return &Error{Code: CodeValidationErrors, Status: http.StatusNotAcceptable,
		Message: "Parameter validation errors: " + what}
}

// ReplayedNonce refuses a nonce that its client has used before.
func ReplayedNonce(nonce string) *Error {
	return &Error{Code: CodeInvalidRequest, Status: http.StatusNotAcceptable,
		Message: "The nonce provided in JWT payload (" + nonce + ") has already been used"}
}

// NotFound says that there is no such thing, or that it is someone else's.
func NotFound(what string) *Error {
	return &Error{Code: CodeNotFound, Status: http.StatusNotFound, Message: what + " not found"}
}

// TooLarge refuses content beyond the operator's limit.
func TooLarge(what string) *Error {
	return &Error{Code: CodePayloadTooLarge, Status: http.StatusRequestEntityTooLarge, Message: what}
}

// ServiceAuthorization says that an account's own consent is over: the person has to
// authorise it again. Status and message are those that the clients know.
func ServiceAuthorization() *Error {
	return &Error{Code: CodeServiceAuthorization, Status: http.StatusNetworkAuthenticationRequired,
		Message: "Service authorization required"}
}

// ProviderRefused says that a provider has refused a resource, or a part of a Bundle, with
// this status of its own. It travels with the same where that is about the resource, else
// with 502: a status about the way there (no such path, method or format) is a fault of the
// set-up, and 401 would make clients refresh a token of ours. A batch that was filed in
// part came with 200, and travels with 422.
func ProviderRefused(provider int, why string, outcome json.RawMessage) *Error {
	status := http.StatusBadGateway
	switch provider {
	case http.StatusBadRequest, http.StatusConflict, http.StatusGone, http.StatusPreconditionFailed,
		http.StatusUnprocessableEntity:
		status = provider
	case http.StatusOK, http.StatusCreated:
		status = http.StatusUnprocessableEntity
	}
	return &Error{Code: CodeProviderRefused, Status: status,
		Message: "The provider has refused it: " + why, Outcome: outcome}
}

// DeliveryUnknown says that nobody knows whether a provider has filed a resource. It is
// not sent again by itself.
func DeliveryUnknown(why string) *Error {
	return &Error{Code: CodeDeliveryUnknown, Status: http.StatusGatewayTimeout,
		Message: "It is not known whether the provider has it: " + why}
}

// DeliveryExpired says that a resource was not delivered, and is tried no more.
func DeliveryExpired(why string) *Error {
	return &Error{Code: CodeDeliveryExpired, Status: http.StatusBadGateway, Message: "It was not delivered: " + why}
}

// Busy asks the caller to come back later; the answer has a Retry-After.
func Busy() *Error {
	return &Error{Code: CodeServerBusy, Status: http.StatusServiceUnavailable,
		Message: "The server is busy, try again later"}
}

// Internal hides a fault of the server's own behind a fixed text.
func Internal(cause error) *Error {
	return &Error{Code: CodeInternal, Status: http.StatusInternalServerError,
		Message: "Something went wrong at the server", cause: cause}
}

// NewReference returns a fresh error reference: 32 random letters and digits that
// stand in the answer and in the server's log line.
func NewReference() string { return RandomAlphanumeric(32) }
