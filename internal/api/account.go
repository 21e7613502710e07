package api

import (
	"net/http"
	"net/url"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// accounts lists what the application may know of the person's connections.
func (a *api) accounts(w http.ResponseWriter, r *http.Request, b *library.Bearer) error {
	list, err := a.Accounts.ListForBearer(r.Context(), b)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

// accountOf is the account that a call names in its header.
func accountOf(r *http.Request) (wire.AccountID, error) {
	values := r.Header.Values("accountId")
	if len(values) != 1 || !wire.ValidName(values[0]) {
		return "", wire.NotFound("Account")
	}
	return wire.AccountID(values[0]), nil
}

// deleteAccount takes an account from the application.
func (a *api) deleteAccount(w http.ResponseWriter, r *http.Request, b *library.Bearer) error {
	account, err := accountOf(r)
	if err != nil {
		return err
	}
	if err := a.Accounts.DeleteForBearer(r.Context(), b, account); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, struct {
		Deleted bool `json:"deleted"`
	}{true})
	return nil
}

// revokePage is where a person answers whether to take an account from an application.
const revokePage = "/apps/saas/revoke"

// revokeAccount tells where to send the person who is to take an account from the
// application.
func (a *api) revokeAccount(w http.ResponseWriter, r *http.Request, b *library.Bearer) error {
	values := r.Header.Values("redirectUri")
	if len(values) > 1 {
		return wire.Validation("more than one redirectUri header")
	}
	account, _ := accountOf(r) // where to come back to is judged first; no account has no name
	code, err := a.Accounts.OpenRevocation(r.Context(), b, account, r.Header.Get("redirectUri"))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK,
		wire.RevokeAnswer{Location: a.PublicURL + revokePage + "?" + url.Values{"code": {code.Reveal()}}.Encode()})
	return nil
}
