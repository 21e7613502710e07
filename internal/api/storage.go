package api

import (
	"net/http"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/storage"
)

// createStorage makes a storage that belongs to nobody until a person allows it.
func (a *api) createStorage(w http.ResponseWriter, r *http.Request, signed *library.SignedRequest) error {
	made, err := a.Storages.Create(r.Context(), signed)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, storageAnswer(made, signed.ID()))
	return nil
}

// userStorage answers with the storage that the application has in the person's library.
func (a *api) userStorage(w http.ResponseWriter, r *http.Request, b *library.Bearer) error {
	found, err := a.Storages.FindForBearer(r.Context(), b)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, storageAnswer(found, b.Client.ID()))
	return nil
}

func storageAnswer(s storage.Storage, caller wire.ClientID) wire.Storage {
	return wire.Storage{ID: string(s.ID), KeyID: wire.CloudKeyID(caller)}
}
