package api

import (
	"net/http"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// contract answers with the contract's details.
func (a *api) contract(w http.ResponseWriter, _ *http.Request, signed *library.SignedRequest) error {
	writeJSON(w, http.StatusOK, signed.ContractDetails())
	return nil
}

// contractCertificate answers anybody with a contract and its certificate, as the iOS SDK asks for it.
func (a *api) contractCertificate(w http.ResponseWriter, r *http.Request) error {
	if version := r.URL.Query()["schemaVersion"]; len(version) > 1 || len(version) == 1 && version[0] != "5.0.0" {
		return wire.Validation("schemaVersion must be 5.0.0")
	}
	id, err := wire.ParseClientID(r.PathValue("application") + "_" + r.PathValue("contract"))
	if err != nil {
		return notFound("Contract").Because(err)
	}
	client, err := a.Clients.FindContract(r.Context(), id)
	if err != nil {
		return err
	}
	details, err := a.Signer.ContractCertificate(client)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, details)
	return nil
}
