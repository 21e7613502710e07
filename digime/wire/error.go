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
	// CodeStorageFull: the server has no space left at the moment.
	CodeStorageFull ErrorCode = "StorageFull"
	// CodeUnauthorized: the token of a call of the file storage was refused.
	CodeUnauthorized ErrorCode = "Unauthorized"
	// CodeQuotaExceeded: a quota leaves no room for the file. It does not help to try again.
	CodeQuotaExceeded ErrorCode = "QuotaExceeded"
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

// TokenKind is the token that an error of code InvalidToken is about.
type TokenKind string

// The tokens that an error can be about.
const (
	KindAccessToken       TokenKind = "access_token"       // the access token
	KindRefreshToken      TokenKind = "refresh_token"      // the refresh token
	KindAuthorizationCode TokenKind = "authorization_code" // the authorisation code
	KindCodeVerifier      TokenKind = "code_verifier"      // the code verifier
)

// Validation refuses malformed input; what says which, for example "mimeType".
func Validation(what string) *Error {
	return &Error{Code: CodeValidationErrors, Status: http.StatusBadRequest,
		Message: "Parameter validation errors: " + what}
}

// NewReference returns a fresh error reference: 32 random letters and digits that
// stand in the answer and in the server's log line.
func NewReference() string { return RandomAlphanumeric(32) }
