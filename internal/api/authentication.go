package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
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
			return a.allowRetry(r, signed, h(w, r, signed))
		})
	}
}

// allowRetry lets the client of a call that the server has failed send the same request again. Clients of before
// version 13.1 of the Node SDK do so with the same nonce. It returns err.
func (a *api) allowRetry(r *http.Request, signed *library.SignedRequest, err error) error {
	if err == nil || errors.Is(err, errBrokenOff) {
		return err
	}
	switch wireError(err).Status {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable,
		http.StatusGatewayTimeout:
		return errors.Join(err, a.Clients.AllowRetry(context.WithoutCancel(r.Context()), signed))
	}
	return err
}

// repeatable returns the text by which a call is recognised that its client may repeat with the same token; "" for any
// other. Those are the calls without effects but what their paths and headers say.
func repeatable(r *http.Request) string {
	switch {
	case r.Method == http.MethodGet, r.Method == http.MethodHead, r.Method == http.MethodDelete:
	case r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, Base+"discovery/"):
	default:
		return ""
	}
	parts := []string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery}
	for _, name := range []string{"accountId", "redirectUri"} {
		values := r.Header.Values(name)
		parts = append(parts, strconv.Itoa(len(values))) // so that no value can stand for that of another header
		parts = append(parts, values...)
	}
	return strings.Join(parts, "\x00")
}

// withSignedRequestOnce verifies the request and lets the call's own transaction use the nonce up.
// If the call fails before that, the nonce is used up afterwards, unless there was no room or the storage was not
// available, or the contract had its share of the calls under way: then the nonce is as little used up as the call is
// carried out, also if nobody knows yet whether the transaction was committed. The same request, sent again, is carried
// out once, and whoever goes on to push makes the server write nothing.
func (a *api) withSignedRequestOnce(h signedHandler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		signed, err := a.verify(r)
		if err != nil {
			return err
		}
		return a.share(r, signed.ID(), func() error {
			err := h(w, r, signed)
			var full *library.QuotaError
			if errors.Is(err, errBrokenOff) || errors.Is(err, library.ErrUnavailable) ||
				errors.Is(err, library.ErrStorageFull) || errors.As(err, &full) {
				return err
			}
			if spent := a.Clients.UseNonce(r.Context(), signed); spent != nil {
				return errors.Join(spent, err)
			}
			return a.allowRetry(r, signed, err)
		})
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
	signed, err := a.Clients.Verify(r.Context(), strings.TrimSpace(token))
	if err != nil {
		return nil, err
	}
	signed.Older = isOlder(r)
	if call := repeatable(r); call != "" {
		signed.CanRepeat(call)
	}
	return signed, nil
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
