package onboarding

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// ProviderReturnPath is where browsers come back to from providers, each below it at the id of its source.
const ProviderReturnPath = "/providers/return"

// HandleCallback handles the redirect from a provider. The address to which it redirects the browser was stored before
// the browser went to the provider, and nothing in the callback's address can change it.
func (h *ProviderRedirect) HandleCallback(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	if len(query["state"]) != 1 || len(query["code"]) > 1 || len(query["error"]) > 1 {
		return ui.PageLinkUnknown.Wrap(errors.New("return from a provider without a state, or with a parameter twice"))
	}
	source, err := strconv.Atoi(r.PathValue("source"))
	if err != nil {
		return ui.PageLinkUnknown.Wrap(errors.New("return from no provider"))
	}
	state := seal.SecretOf(query.Get("state"))
	in, err := h.logins.Get(r)
	if err != nil {
		return err
	}
	if in == nil {
		return h.resume(w, r, state, ui.PageLinkUnknown.Wrap(errors.New("nobody is signed in")))
	}
	result, err := h.connections.HandleCallback(r.Context(), in, delivery.CallbackParams{
		Source: source, State: state, Code: seal.SecretOf(query.Get("code")), Error: query.Get("error"),
	})
	switch {
	case errors.Is(err, library.ErrWrongPerson):
		return h.resume(w, r, state, wrongPerson(nil, in, err))
	case errors.Is(err, library.ErrNotFound):
		return ui.PageLinkUnknown.Wrap(err)
	case err != nil:
		return err
	}
	if result.Cause != nil {
		h.ui.Log.WarnContext(r.Context(), "provider not connected",
			"source", result.Source.ID, "end", result.Result, "error", result.Cause)
	}
	h.ui.Cookies.Clear(w, ui.CookieAtProvider)
	return ui.SeeOther(w, r, withStep(result.Return, resultSteps[result.Result]))
}

// resultSteps are the steps of a request after connecting has failed.
var resultSteps = map[delivery.AuthorizationResult]string{
	delivery.AuthorizationRefused:  stepRefused,
	delivery.AuthorizationFailed:   stepFailed,
	delivery.AuthorizationTimedOut: stepPending,
}

// resume redirects to the request when a person comes back from a provider with another login than before, or with
// none. It does so only in the browser that went to the provider, which has a cookie for it. For any other browser it
// returns the error otherwise: the state does not identify the browser, because the provider knows it too.
func (h *ProviderRedirect) resume(w http.ResponseWriter, r *http.Request, state seal.Secret, otherwise error) error {
	address, err := h.connections.ReturnPage(r.Context(), state)
	switch {
	case errors.Is(err, library.ErrNotFound), err == nil && !h.isAtProvider(r, address):
		return otherwise
	case err != nil:
		return err
	}
	return ui.SeeOther(w, r, withStep(address, stepPending))
}
