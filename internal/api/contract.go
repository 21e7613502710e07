package api

import (
	"net/http"

	"github.com/carrelhq/carrel/internal/library"
)

// contract answers with the contract's details.
func (a *api) contract(w http.ResponseWriter, _ *http.Request, signed *library.SignedRequest) error {
	writeJSON(w, http.StatusOK, signed.ContractDetails())
	return nil
}
