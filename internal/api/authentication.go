package api

import (
	"errors"
	"net/http"
	"strings"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// The handlers of calls that are authenticated: by a signed request, by its access token, and by
// the session in its path.
type (
	signedHandler  func(w http.ResponseWriter, r *http.Request, signed *library.SignedRequest) error
	bearerHandler  func(w http.ResponseWriter, r *http.Request, b *library.Bearer) error
	sessionHandler func(w http.ResponseWriter, r *http.Request, s *library.ReadSession) error
)

// withSignedRequest verifies the request and uses its nonce up before it calls the handler.
func (a *api) withSignedRequest(h signedHandler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		signed, err := a.verify(r)
		if err != nil {
			return err
		}
		return a.share(r, signed.ID(), func() error {
			if err := a.Clients.UseNonce(r.Context(), signed); err != nil {
				return err
			}
			return h(w, r, signed)
		})
	}
}

// withSignedRequestOnce verifies the request and lets the call's own transaction use the nonce up.
// If the call fails before that, the nonce is used up afterwards, unless there was no room or the storage was not
// available: then the nonce is as little used up as the call is carried out, also if nobody knows yet whether the
// transaction was committed. The same request, sent again, is carried out once, and whoever goes on to push makes the
// server write nothing.
func (a *api) withSignedRequestOnce(h signedHandler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		signed, err := a.verify(r)
		if err != nil {
			return err
		}
		err = a.share(r, signed.ID(), func() error { return h(w, r, signed) })
		var full *library.QuotaError
		if errors.Is(err, errBrokenOff) || errors.Is(err, library.ErrUnavailable) ||
			errors.Is(err, library.ErrStorageFull) || errors.As(err, &full) {
			return err
		}
		if spent := a.Clients.UseNonce(r.Context(), signed); spent != nil {
			return errors.Join(spent, err)
		}
		return err
	}
}

func (a *api) verify(r *http.Request) (*library.SignedRequest, error) {
	values := r.Header.Values("Authorization")
	if len(values) > 1 {
		return nil, wire.Validation("more than one Authorization header")
	}
	if len(values) == 0 {
		return nil, badBearer("bearer token")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil, badBearer("bearer token")
	}
	return a.Clients.Verify(r.Context(), strings.TrimSpace(token))
}

// withBearer finds the bearer of the request's access token.
func (a *api) withBearer(h bearerHandler) signedHandler {
	return func(w http.ResponseWriter, r *http.Request, signed *library.SignedRequest) error {
		b, err := a.Consents.Bearer(r.Context(), signed)
		if err != nil {
			return err
		}
		return h(w, r, b)
	}
}

// withCachedBearer is withBearer for a push; see [library.Consents.CachedBearer].
func (a *api) withCachedBearer(h bearerHandler) signedHandler {
	return func(w http.ResponseWriter, r *http.Request, signed *library.SignedRequest) error {
		b, err := a.Consents.CachedBearer(r.Context(), signed)
		if err != nil {
			return err
		}
		return h(w, r, b)
	}
}

// withSession finds the session in the path.
func (a *api) withSession(h sessionHandler) bearerHandler {
	return func(w http.ResponseWriter, r *http.Request, b *library.Bearer) error {
		key := r.PathValue("session")
		if !wire.ValidName(key) {
			return notFound("Session")
		}
		s, err := a.Consents.FindReadSession(r.Context(), b, key)
		if err != nil {
			return err
		}
		return h(w, r, s)
	}
}
