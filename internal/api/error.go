package api

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// The constructors of the protocol's errors, each with its code, status and message, which clients compare. refusal.go
// maps the errors of the domain to them. Only wire.Validation is called elsewhere too, by what parses requests.

// invalidRedirectURI refuses a redirect_uri that is not one of the contract's.
func invalidRedirectURI(uri string) *wire.Error {
	return &wire.Error{Code: wire.CodeInvalidRedirectURI, Status: http.StatusBadRequest,
		Message: "The redirect_uri (" + uri + ") is invalid"}
}

// invalidToken refuses a token that is unknown, revoked or another contract's.
func invalidToken(kind wire.TokenKind) *wire.Error {
	return &wire.Error{Code: wire.CodeInvalidToken, Status: http.StatusUnauthorized,
		Message: "The token (" + string(kind) + ") is invalid"}
}

// expiredToken refuses a token that is past its expiry.
func expiredToken(kind wire.TokenKind) *wire.Error {
	return &wire.Error{Code: wire.CodeInvalidToken, Status: http.StatusUnauthorized,
		Message: "The token (" + string(kind) + ") is expired"}
}

// invalidClient refuses a client_id that names no application and contract.
func invalidClient(id string) *wire.Error {
	return &wire.Error{Code: wire.CodeInvalidClient, Status: http.StatusUnauthorized,
		Message: "The client_id (" + id + ") is invalid"}
}

// sdkVersionInvalid refuses a call that only clients of earlier generations make. The text is that of the protocol.
func sdkVersionInvalid() *wire.Error {
	return &wire.Error{Code: wire.CodeSDKVersionInvalid, Status: http.StatusForbidden,
		Message: "This SDK version is no longer supported."}
}

// insufficientScope refuses a call that the contract's access type does not cover.
func insufficientScope() *wire.Error {
	return &wire.Error{Code: wire.CodeInsufficientScope, Status: http.StatusForbidden,
		Message: "The request requires higher privileges than provided by the access token"}
}

// badBearer refuses a missing or unverifiable bearer token; what says which check.
func badBearer(what string) *wire.Error {
	return &wire.Error{Code: wire.CodeValidationErrors, Status: http.StatusNotAcceptable,
		Message: "Parameter validation errors: " + what}
}

// replayedNonce refuses a nonce that its client has used before.
func replayedNonce(nonce string) *wire.Error {
	return &wire.Error{Code: wire.CodeInvalidRequest, Status: http.StatusNotAcceptable,
		Message: "The nonce provided in JWT payload (" + nonce + ") has already been used"}
}

// bodyTooSlow says that the body of a request came too slowly.
func bodyTooSlow() *wire.Error {
	return &wire.Error{Code: wire.CodeValidationErrors, Status: http.StatusRequestTimeout,
		Message: "Parameter validation errors: the body came too slowly"}
}

// scopeOutOfBounds says that a session asks for more than its contract allows. The status is the one that clients know.
func scopeOutOfBounds(what string) *wire.Error {
	return &wire.Error{Code: wire.CodeScopeOutOfBounds, Status: http.StatusBadRequest,
		Message: "The scope goes beyond the contract's: " + what}
}

// notFound says that there is no such thing, or that it is someone else's.
func notFound(what string) *wire.Error {
	return &wire.Error{Code: wire.CodeNotFound, Status: http.StatusNotFound, Message: what + " not found"}
}

// tooLarge refuses content beyond a limit.
func tooLarge(message string) *wire.Error {
	return &wire.Error{Code: wire.CodePayloadTooLarge, Status: http.StatusRequestEntityTooLarge, Message: message}
}

// largerThan is [tooLarge] for a file or a resource of more bytes than limit.
func largerThan(what string, limit int64) *wire.Error {
	return tooLarge(fmt.Sprintf("The %s is larger than the %d bytes that are allowed here", what, limit))
}

// serviceAuthorization says that an account's own consent is over: the person has to
// authorise it again. Status and message are those that the clients know.
func serviceAuthorization() *wire.Error {
	return &wire.Error{Code: wire.CodeServiceAuthorization, Status: http.StatusNetworkAuthenticationRequired,
		Message: "Service authorization required"}
}

// providerRefused says that a provider has refused a resource, or a part of a Bundle, with
// this status of its own. It travels with the same where that is about the resource, else
// with 502: a status about the way there (no such path, method or format) is a fault of the
// set-up, and 401 would make clients refresh a token of ours. A batch that was filed in
// part came with 200, and travels with 422.
func providerRefused(provider int, why string, outcome json.RawMessage) *wire.Error {
	status := http.StatusBadGateway
	switch provider {
	case http.StatusBadRequest, http.StatusConflict, http.StatusGone, http.StatusPreconditionFailed,
		http.StatusUnprocessableEntity:
		status = provider
	case http.StatusOK, http.StatusCreated:
		status = http.StatusUnprocessableEntity
	}
	return &wire.Error{Code: wire.CodeProviderRefused, Status: status,
		Message: "The provider has refused it: " + why, Outcome: outcome}
}

// deliveryUnknown says that nobody knows whether a provider has filed a resource. It is
// not sent again by itself.
func deliveryUnknown(why string) *wire.Error {
	return &wire.Error{Code: wire.CodeDeliveryUnknown, Status: http.StatusGatewayTimeout,
		Message: "It is not known whether the provider has it: " + why}
}

// deliveryExpired says that a resource was not delivered, and is tried no more.
func deliveryExpired(why string) *wire.Error {
	return &wire.Error{
		Code:    wire.CodeDeliveryExpired,
		Status:  http.StatusBadGateway,
		Message: "It was not delivered: " + why,
	}
}

// serverBusy asks the caller to come back later; the answer has a Retry-After.
func serverBusy() *wire.Error {
	return &wire.Error{Code: wire.CodeServerBusy, Status: http.StatusServiceUnavailable,
		Message: "The server is busy, try again later"}
}

// storageFull says that the server cannot store anything more at the moment.
func storageFull() *wire.Error {
	return &wire.Error{Code: wire.CodeStorageFull, Status: http.StatusInsufficientStorage,
		Message: "The server has no space left, try again later"}
}

// quotaExceeded says that a quota leaves no room. Unlike storageFull it does not pass by itself. How much of a person's
// library others have used is not the application's to know.
func quotaExceeded(full *library.QuotaError) *wire.Error {
	limit, used := fmt.Sprintf("%d files", full.Quota.Files), full.Used.Files
	if full.InBytes {
		limit, used = fmt.Sprintf("%d bytes", full.Quota.Bytes), full.Used.Bytes
	}
	message := fmt.Sprintf("There is no room for the file: the %s has a quota of %s, of which %d are used. "+
		"The operator of this server can give it more", full.Kind, limit, used)
	if full.Kind == library.LibraryQuota {
		message = fmt.Sprintf("There is no room for the file: the person's library has a quota of %s. "+
			"Push again when the operator of this server has given it more", limit)
	}
	return &wire.Error{Code: wire.CodeQuotaExceeded, Status: http.StatusInsufficientStorage, Message: message}
}

// storageQuotaExceeded refuses a file that does not fit into a storage. The message is short: see cloudError.
func storageQuotaExceeded(full *library.QuotaError) *wire.Error {
	holds := "the storage holds"
	if full.Shared {
		holds = "all storages that no person has allowed yet hold together"
	}
	message := fmt.Sprintf("There is no room for the file: %s %d of %d files. Delete files first", holds,
		full.Used.Files, full.Quota.Files)
	switch {
	case full.NeverFits():
		message = fmt.Sprintf("The file is larger than the %d bytes that a storage may hold", full.Quota.Bytes)
	case full.InBytes:
		message = fmt.Sprintf("There is no room for the file: %s %d of %d bytes. Delete files first, or store a "+
			"smaller one", holds, full.Used.Bytes, full.Quota.Bytes)
	}
	return &wire.Error{Code: wire.CodeQuotaExceeded, Status: http.StatusInsufficientStorage, Message: message}
}

// noConsent says that a storage cannot be used because its person has not allowed the application anything, or has
// stopped it.
func noConsent() *wire.Error {
	return &wire.Error{Code: wire.CodeInsufficientScope, Status: http.StatusForbidden,
		Message: "The person's consent has ended: ask for it again"}
}

// internalError hides the cause of a failure of the server behind a fixed text.
func internalError(cause error) *wire.Error {
	e := &wire.Error{Code: wire.CodeInternal, Status: http.StatusInternalServerError,
		Message: "Something went wrong at the server"}
	return e.Because(cause)
}
