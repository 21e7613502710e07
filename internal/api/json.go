package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// maxJSON is the largest size of a JSON body. The longest in use are session options.
const maxJSON = 1 << 20

// decode decodes a JSON body into v. It leaves v as it is if the body is empty: clients that have
// no options send none.
func decode(r *http.Request, v any) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxJSON+1))
	switch {
	case err != nil:
		return &library.BodyError{Err: err}
	case len(body) > maxJSON:
		return tooLarge("The body is too long").Because(errTooLong)
	case len(body) == 0:
		return nil
	}
	if err := json.Unmarshal(body, v); err != nil {
		what := "the body is not the JSON that this call takes"
		if problem := wire.JSONProblem(err); problem != "" {
			what += ": " + problem
		}
		return wire.Validation(what).Because(err)
	}
	if !wire.IsUnicode(body) {
		return wire.Validation("the body has a text that is not Unicode")
	}
	return nil
}

// errTooLong says that a JSON body is larger than maxJSON.
var errTooLong = errors.New("body is too long")

// writeJSON answers with v. It ignores an error of the write: the client is gone.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("api: an answer does not encode: " + err.Error()) // our own types
	}
	writeRaw(w, status, body)
}

// writeRaw answers with a JSON text.
func writeRaw(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
