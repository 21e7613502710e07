package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// keySetPath is where clients fetch the keys of our answers: the jku of each.
const keySetPath = Base + "jwks/oauth"

// keySet answers with the keys that sign our answers. The clients fetch it after
// every signed answer.
func (a *api) keySet(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, a.Signer.KeySet())
	return nil
}

// sign signs an answer's claims.
func (a *api) sign(claims any) (string, error) {
	return a.Signer.Sign(a.PublicURL+keySetPath, claims)
}

// authorize opens a link for a person to answer.
func (a *api) authorize(w http.ResponseWriter, r *http.Request, signed *library.SignedRequest) error {
	opened, err := a.openLink(r, signed, a.Consents.Authorize)
	if err != nil {
		return err
	}
	token, err := a.sign(wire.PreauthorizationClaims{PreauthorizationCode: opened.Code.Reveal()})
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, wire.SignedAnswer{Token: token, Session: &opened.Session})
	return nil
}

// tokenReference opens a link for a person whom an access token names.
func (a *api) tokenReference(w http.ResponseWriter, r *http.Request, signed *library.SignedRequest) error {
	opened, err := a.openLink(r, signed, a.Consents.AuthorizeForToken)
	if err != nil {
		return err
	}
	token, err := a.sign(wire.ReferenceClaims{ReferenceCode: opened.Code.Reveal(), TokenType: "Bearer",
		ExpiresOn: wire.SecondsOf(opened.ExpiresAt)})
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, wire.SignedAnswer{Token: token, Session: &opened.Session})
	return nil
}

func (a *api) openLink(
	r *http.Request, signed *library.SignedRequest,
	open func(context.Context, *library.SignedRequest, wire.SessionOptions) (*library.AuthorizeResult, error),
) (*library.AuthorizeResult, error) {
	var body wire.AuthorizeRequest
	if err := decode(r, &body); err != nil {
		return nil, err
	}
	var options wire.SessionOptions
	if body.Actions != nil && body.Actions.Pull != nil {
		options = *body.Actions.Pull
	}
	return open(r.Context(), signed, options)
}

// token exchanges a code, or refreshes.
func (a *api) token(w http.ResponseWriter, r *http.Request, signed *library.SignedRequest) error {
	var (
		claims wire.TokenClaims
		err    error
	)
	switch signed.Claims.GrantType {
	case wire.GrantAuthorizationCode:
		claims, err = a.Consents.Exchange(r.Context(), signed)
	case wire.GrantRefreshToken:
		claims, err = a.Consents.Refresh(r.Context(), signed)
	default:
		err = wire.Validation("grant_type must be authorization_code or refresh_token")
	}
	if err != nil {
		return err
	}
	token, err := a.sign(claims)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, wire.SignedAnswer{Token: token})
	return nil
}

// reference gives an opaque handle for an account.
func (a *api) reference(w http.ResponseWriter, r *http.Request, signed *library.SignedRequest) error {
	var body wire.ReferenceRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	id, err := a.Consents.AddReference(r.Context(), signed, body)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, wire.ReferenceAnswer{ID: id})
	return nil
}

// deleteUser deletes the person's library. The client retries it: for a while the
// tokens of a deleted library are remembered, and the second call succeeds.
func (a *api) deleteUser(w http.ResponseWriter, r *http.Request, signed *library.SignedRequest) error {
	b, err := a.Consents.Bearer(r.Context(), signed)
	var refusal *library.Refusal
	if errors.As(err, &refusal) && (refusal.Kind == library.RefusedToken || refusal.Kind == library.RefusedExpired) {
		was, lookErr := a.People.WasDeleted(r.Context(), signed)
		if lookErr != nil {
			return lookErr
		}
		if was {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
	}
	if err != nil {
		return err
	}
	if err := a.People.DeleteNow(r.Context(), b); err != nil && !errors.Is(err, library.ErrNotFound) {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
