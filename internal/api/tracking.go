package api

import (
	"encoding/json"
	"net/http"

	"github.com/carrelhq/carrel/internal/library"
)

// tracking accepts the events that the iOS SDK reports about itself, and discards them: the server keeps no data about
// how people use their applications.
func (a *api) tracking(w http.ResponseWriter, r *http.Request, _ *library.SignedRequest) error {
	var body json.RawMessage
	if err := decode(r, &body); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, struct{}{})
	return nil
}
