package api

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

func TestWireError(t *testing.T) {
	t.Parallel()
	cause := errors.New("a cause")
	for _, test := range []struct {
		err     error
		status  int
		code    wire.ErrorCode
		message string
	}{
		{library.InvalidRequest("nonce"), 406, wire.CodeValidationErrors, "Parameter validation errors: nonce"},
		{library.InvalidClient("a_b"), 401, wire.CodeInvalidClient, "The client_id (a_b) is invalid"},
		{library.ReplayedNonce("n"), 406, wire.CodeInvalidRequest,
			"The nonce provided in JWT payload (n) has already been used"},
		{library.InvalidToken(wire.KindAccessToken), 401, wire.CodeInvalidToken, "The token (access_token) is invalid"},
		{library.ExpiredToken(wire.KindRefreshToken), 401, wire.CodeInvalidToken,
			"The token (refresh_token) is expired"},
		{library.WrongAccess(), 403, wire.CodeInsufficientScope,
			"The request requires higher privileges than provided by the access token"},
		{library.InvalidRedirectURI("u"), 400, wire.CodeInvalidRedirectURI, "The redirect_uri (u) is invalid"},
		{library.InvalidParameter("p"), 400, wire.CodeValidationErrors, "Parameter validation errors: p"},
		{library.Unknown("Account"), 404, wire.CodeNotFound, "Account not found"},
		{library.TooLarge(12), 413, wire.CodePayloadTooLarge,
			"The file is larger than the 12 bytes that are allowed here"},
		{delivery.ErrReconnect, 511, wire.CodeServiceAuthorization, "Service authorization required"},
		{library.ErrBusy, 503, wire.CodeServerBusy, "The server is busy, try again later"},
		{library.ErrUnavailable, 503, wire.CodeServerBusy, "The server is busy, try again later"},
		{library.ErrStorageFull, 507, wire.CodeStorageFull, "The server has no space left, try again later"},
		{&library.BodyError{Err: cause}, 400, wire.CodeValidationErrors,
			"Parameter validation errors: the body was cut off"},
		{notFound("Call"), 404, wire.CodeNotFound, "Call not found"},
		{cause, 500, wire.CodeInternal, "Something went wrong at the server"},
	} {
		for _, err := range []error{test.err, fmt.Errorf("wrapped: %w", test.err), errors.Join(cause, test.err)} {
			e := wireError(err)
			if e.Status != test.status || e.Code != test.code || e.Message != test.message {
				t.Errorf("%v: %d %s %q, want %d %s %q", err, e.Status, e.Code, e.Message, test.status, test.code,
					test.message)
			}
		}
	}
	if e := wireError(library.Unknown("File").Because(cause)); !errors.Is(e, cause) {
		t.Error("the cause of a refusal is lost")
	}
	e := wireError(errors.Join(library.ReplayedNonce("n"), wire.Validation("p")))
	if e.Status != http.StatusNotAcceptable {
		t.Errorf("a used nonce and a bad parameter: %d, want that of the nonce", e.Status)
	}
}
