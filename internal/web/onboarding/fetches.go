package onboarding

import (
	"net/http"

	"github.com/carrelhq/carrel/internal/fetch"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// fetches begins to fetch from what a person has connected.
type fetches struct {
	ui       *ui.UI
	consents *library.Consents
	fetcher  *fetch.Fetcher
}

// start begins to fetch from the account at a source that has been connected for a request, unless the application
// does not want that yet. If it cannot be begun now, the application begins it with its next session.
func (f *fetches) start(r *http.Request, in *library.SignedIn, flow *requestFlow, source int) {
	if flow.query.skipsFetch {
		return
	}
	grant, err := f.consents.LatestGrant(r.Context(), in, flow.request)
	if err == nil && grant != nil {
		options := f.consents.SessionOptions(r.Context(), flow.request)
		err = f.fetcher.RequestSource(r.Context(), *grant, source, options)
	}
	if err != nil {
		f.ui.Log.WarnContext(r.Context(), "fetch not begun", "source", source, "error", err)
	}
}
