package api

import (
	"errors"
	"net/http"

	"github.com/carrelhq/carrel/internal/library"
)

// deleteUser deletes the person's library. Clients retry the call: since the tokens of a deleted
// library are remembered for some time, the second call succeeds.
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
