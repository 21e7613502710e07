package api

import (
	"errors"
	"net/http"

	"github.com/carrelhq/carrel/internal/library"
)

// deleteUser ends what the application has of the person. Clients repeat the call: since the tokens
// that it ends are remembered for some time, the second call succeeds.
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
	// First the storage: if the server stops between the two, the client's next try finds both.
	if err := a.Storages.DeleteForBearer(r.Context(), b); err != nil {
		return err
	}
	if err := a.People.DeleteForBearer(r.Context(), b, a.Consents); err != nil && !errors.Is(err, library.ErrNotFound) {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
