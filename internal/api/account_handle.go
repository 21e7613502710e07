package api

import (
	"net/http"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// accountHandle answers with a handle of an account, which the protocol calls a reference.
func (a *api) accountHandle(w http.ResponseWriter, r *http.Request, signed *library.SignedRequest) error {
	var body wire.ReferenceRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	id, err := a.Consents.AddAccountHandle(r.Context(), signed, body)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, wire.ReferenceAnswer{ID: id})
	return nil
}
