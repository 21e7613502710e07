package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/library"
)

// The discovery calls need no access token: every contract may read the catalogue.

// sources answers with a page of sources.
func (a *api) sources(w http.ResponseWriter, r *http.Request, _ *library.SignedRequest) error {
	var body json.RawMessage
	if err := decode(r, &body); err != nil {
		return err
	}
	q, err := wire.ParseSourcesRequest(body)
	if err != nil {
		return err
	}
	answer, err := a.Catalogue.Search(q)
	if err != nil {
		return catalogueError(err)
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// listing answers with one of the catalogue's short lists.
func listing[T any](of func(wire.ListRequest) T) signedHandler {
	return func(w http.ResponseWriter, r *http.Request, _ *library.SignedRequest) error {
		var body json.RawMessage
		if err := decode(r, &body); err != nil {
			return err
		}
		q, err := wire.ParseListRequest(body)
		if err != nil {
			return err
		}
		writeJSON(w, http.StatusOK, of(q))
		return nil
	}
}

// sampleDataSets answers with the invented data sets of a source.
func (a *api) sampleDataSets(w http.ResponseWriter, r *http.Request, _ *library.SignedRequest) error {
	source, err := strconv.Atoi(r.PathValue("source"))
	if err != nil {
		return notFound("Source")
	}
	sets, err := a.Catalogue.SampleDataSets(source)
	if err != nil {
		return catalogueError(err)
	}
	writeJSON(w, http.StatusOK, sets)
	return nil
}

// catalogueError returns the protocol's error for an error of the catalogue. For a list that is
// unavailable it tells the caller to try again later.
func catalogueError(err error) error {
	switch {
	case errors.Is(err, catalogue.ErrListUnavailable):
		return serverBusy().Because(err)
	case errors.Is(err, catalogue.ErrNotFound):
		return notFound("Source").Because(err)
	}
	return err
}
