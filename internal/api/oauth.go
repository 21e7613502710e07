package api

import (
	"context"
	"net/http"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// KeySetPath is the path of the key set; it is in the jku header of each signed answer.
const KeySetPath = Base + "jwks/oauth"

// keySet answers with the keys that verify signed answers. Clients fetch it after every signed
// answer.
func (a *api) keySet(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, a.Signer.KeySet())
	return nil
}

// sign signs an answer's claims.
func (a *api) sign(claims any) (string, error) {
	return a.Signer.Sign(a.PublicURL+KeySetPath, claims)
}

// authorize adds a request for consent.
func (a *api) authorize(w http.ResponseWriter, r *http.Request, signed *library.SignedRequest) error {
	opened, err := a.addRequest(r, signed, a.Consents.Authorize)
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

// tokenReference adds a request for the person of an access token.
func (a *api) tokenReference(w http.ResponseWriter, r *http.Request, signed *library.SignedRequest) error {
	opened, err := a.addRequest(r, signed, a.Consents.AuthorizeForToken)
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

func (a *api) addRequest(
	r *http.Request, signed *library.SignedRequest,
	open func(context.Context, *library.SignedRequest, wire.SessionOptions) (*library.AuthorizeResult, error),
) (*library.AuthorizeResult, error) {
	var body wire.AuthorizeRequest
	if err := decode(r, &body); err != nil {
		return nil, err
	}
	signed.PostboxWanted = a.Legacy && wantsPostbox(r, body.Agent)
	var options wire.SessionOptions
	if body.Actions != nil && body.Actions.Pull != nil {
		options = *body.Actions.Pull
	}
	return open(r.Context(), signed, options)
}

// token exchanges a code, or refreshes an access token.
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
