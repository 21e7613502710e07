package api

import (
	"net/http"
	"net/url"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// accounts lists the accounts that the application may know of.
func (a *api) accounts(w http.ResponseWriter, r *http.Request, b *library.Bearer) error {
	list, err := a.Connections.ListForBearer(r.Context(), b)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

// accountID returns the account in the request's header.
func accountID(r *http.Request) (wire.AccountID, error) {
	values := r.Header.Values("accountId")
	if len(values) != 1 || !wire.ValidName(values[0]) {
		return "", notFound("Account")
	}
	return wire.AccountID(values[0]), nil
}

// deleteAccount disconnects an account for the application.
func (a *api) deleteAccount(w http.ResponseWriter, r *http.Request, b *library.Bearer) error {
	account, err := accountID(r)
	if err != nil {
		return err
	}
	if err := a.Connections.DeleteForBearer(r.Context(), b, account); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, struct {
		Deleted bool `json:"deleted"`
	}{true})
	return nil
}

// revokePage is the page on which a person answers whether to take an account from an application.
const revokePage = "/apps/saas/revoke"

// revokeAccount answers with the page to send the person to.
func (a *api) revokeAccount(w http.ResponseWriter, r *http.Request, b *library.Bearer) error {
	values := r.Header.Values("redirectUri")
	if len(values) > 1 {
		return wire.Validation("more than one redirectUri header")
	}
	account, _ := accountID(r) // the redirect URI is checked first; no account has an empty id
	code, err := a.Connections.OpenRevocation(r.Context(), b, account, r.Header.Get("redirectUri"))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK,
		wire.RevokeAnswer{Location: a.PublicURL + revokePage + "?" + url.Values{"code": {code.Reveal()}}.Encode()})
	return nil
}
