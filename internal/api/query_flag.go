package api

import (
	"net/http"

	"github.com/carrelhq/carrel/digime/wire"
)

// queryFlag returns a parameter of the query that is true or false; false if it is missing.
func queryFlag(r *http.Request, name string) (bool, error) {
	switch values := r.URL.Query()[name]; {
	case len(values) == 0:
		return false, nil
	case len(values) == 1 && (values[0] == "true" || values[0] == "false"):
		return values[0] == "true", nil
	}
	return false, wire.Validation(name + " must be true or false")
}
