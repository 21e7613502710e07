package api

import (
	"errors"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/storage"
)

// wireError returns the protocol's error for an error of a handler. It maps the errors of the domain
// to those of error.go, and returns a *wire.Error as it is. Any other error becomes an internal error
// with a fixed text, because its text is not meant for the caller.
func wireError(err error) *wire.Error {
	var refusal *library.Refusal
	var e *wire.Error
	var body *library.BodyError
	var full *library.QuotaError
	switch {
	case errors.As(err, &refusal):
		return refusalError(refusal).Because(refusal.Cause)
	case errors.As(err, &e):
		return e
	case errors.Is(err, delivery.ErrReconnect):
		return serviceAuthorization()
	case errors.As(err, &full) && full.Kind == library.StorageQuota:
		return storageQuotaExceeded(full).Because(err)
	case errors.As(err, &full):
		return quotaExceeded(full).Because(err)
	case errors.Is(err, storage.ErrNoConsent):
		return noConsent().Because(err)
	case errors.Is(err, library.ErrStorageFull):
		return storageFull().Because(err)
	case errors.Is(err, library.ErrBusy), errors.Is(err, library.ErrUnavailable):
		return serverBusy().Because(err)
	case errors.As(err, &body) && isTimeout(body):
		return bodyTooSlow().Because(err)
	case errors.As(err, &body):
		return wire.Validation("the body was cut off").Because(err)
	}
	return internalError(err)
}

// refusalError returns the protocol's error for a refusal of package library.
func refusalError(r *library.Refusal) *wire.Error {
	switch r.Kind {
	case library.RefusedRequest:
		return badBearer(r.Subject)
	case library.RefusedClient:
		return invalidClient(r.Subject)
	case library.RefusedNonce:
		return replayedNonce(r.Subject)
	case library.RefusedToken:
		return invalidToken(wire.TokenKind(r.Subject))
	case library.RefusedExpired:
		return expiredToken(wire.TokenKind(r.Subject))
	case library.RefusedAccess:
		return insufficientScope()
	case library.RefusedRedirectURI:
		return invalidRedirectURI(r.Subject)
	case library.RefusedParameter:
		return wire.Validation(r.Subject)
	case library.RefusedScope:
		return scopeOutOfBounds(r.Subject)
	case library.RefusedUnknown:
		return notFound(r.Subject)
	case library.RefusedSize:
		return largerThan("file", r.Limit)
	}
	return internalError(r)
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
