package onboarding

import (
	"errors"
	"net/http"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/signin"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// checkStorage refuses a request that names a storage which the person cannot allow, so that nobody creates a library
// or signs in for nothing: one that is unknown or another application's, one of somebody else, and, for who creates a
// library, one that somebody has.
func (p *Pages) checkStorage(r *http.Request, flow *requestFlow) error {
	if flow.query.storageRef == "" || flow.request.Kind != library.AuthorizeRequest {
		return nil
	}
	owner, err := p.consents.FindStorageOwner(r.Context(), flow.request, flow.query.storageRef)
	if errors.Is(err, library.ErrStorageGone) {
		return ui.PageUnknownStorage.Wrap(err).For(flow.request)
	}
	if err != nil || owner == "" {
		return err
	}
	in, err := p.signin.Logins.Get(r)
	if err != nil {
		return err
	}
	if in == nil && createsLibrary(r) || in != nil && in.Library.ID != owner {
		return ui.PageUnknownStorage.Wrap(library.ErrStorageGone).For(flow.request)
	}
	flow.isForOwner = true
	return nil
}

// createsLibrary reports whether a request is for the page where libraries are created, or has its form.
func createsLibrary(r *http.Request) bool {
	step := r.URL.Query().Get("step")
	if !ui.IsSafeMethod(r) {
		step = r.PostForm.Get("step")
	}
	return signin.Step(step) == signin.StepCreate
}
