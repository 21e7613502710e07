package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// A call's way in: signed verifies who is calling, bearing finds the person behind
// it, reading the session in its path.
type (
	signedHandler  func(w http.ResponseWriter, r *http.Request, signed *library.SignedRequest) error
	bearerHandler  func(w http.ResponseWriter, r *http.Request, b *library.Bearer) error
	readingHandler func(w http.ResponseWriter, r *http.Request, s *library.ReadSession) error
)

// signed verifies the request and uses its nonce up before anything else happens.
func (a *api) signed(h signedHandler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		signed, err := a.verify(r)
		if err != nil {
			return err
		}
		if err := a.Clients.UseNonce(r.Context(), signed); err != nil {
			return err
		}
		return h(w, r, signed)
	}
}

// signedOnce verifies the request and leaves it to the call's own transaction to use
// the nonce up; a call that fails before that uses it up all the same.
func (a *api) signedOnce(h signedHandler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		signed, err := a.verify(r)
		if err != nil {
			return err
		}
		err = h(w, r, signed)
		if errors.Is(err, errBroken) {
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
		return nil, wire.BadBearer("bearer token")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil, wire.BadBearer("bearer token")
	}
	return a.Clients.Verify(r.Context(), strings.TrimSpace(token))
}

// bearing finds the person whose access token the call carries.
func (a *api) bearing(h bearerHandler) signedHandler {
	return func(w http.ResponseWriter, r *http.Request, signed *library.SignedRequest) error {
		b, err := a.Consents.Bearer(r.Context(), signed)
		if err != nil {
			return err
		}
		return h(w, r, b)
	}
}

// pushing is bearing for a push, which may go by what was known a moment ago.
func (a *api) pushing(h bearerHandler) signedHandler {
	return func(w http.ResponseWriter, r *http.Request, signed *library.SignedRequest) error {
		b, err := a.Consents.RecentBearer(r.Context(), signed)
		if err != nil {
			return err
		}
		return h(w, r, b)
	}
}

// reading finds the session that the path names.
func (a *api) reading(h readingHandler) bearerHandler {
	return func(w http.ResponseWriter, r *http.Request, b *library.Bearer) error {
		key := r.PathValue("session")
		if !wire.ValidName(key) {
			return wire.NotFound("Session")
		}
		s, err := a.Consents.FindReadSession(r.Context(), b, key)
		if err != nil {
			return err
		}
		return h(w, r, s)
	}
}

// maxJSON bounds a JSON body; session options are the longest honest ones.
const maxJSON = 1 << 20

// decode reads a JSON body into v. An empty body leaves v as it is: clients send
// none where they have no options.
func decode(r *http.Request, v any) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxJSON+1))
	switch {
	case err != nil:
		return &library.BodyError{Err: err}
	case len(body) > maxJSON:
		return wire.TooLarge("The body is too long").Because(errTooLong)
	case len(body) == 0:
		return nil
	}
	if err := json.Unmarshal(body, v); err != nil {
		return wire.Validation("the body is not the JSON that this call takes").Because(err)
	}
	return nil
}
