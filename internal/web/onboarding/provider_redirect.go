package onboarding

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/signin"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// ProviderRedirect sends browsers to providers and takes them back; see provider_callback.go.
type ProviderRedirect struct {
	ui          *ui.UI
	logins      *signin.Logins
	connections *delivery.Connections
}

// providerRedirectPage is what a person sees before they go to a provider, and when they have come back without
// success.
type providerRedirectPage struct {
	*ui.Page
	App, Provider string
	// State is how connecting ended, as a value of data-state; empty before it has begun.
	State string
	// Text is the sentence for State.
	Text string
	// IsAgain reports that an account is to be connected again.
	IsAgain bool
	// IsSample reports that sample data is to be connected, here.
	IsSample bool
	// OtherURL is where to choose another provider; empty if there is no choice.
	OtherURL string
}

// providerResults are the texts of the page after connecting has not succeeded.
var providerResults = map[string]struct{ title, text string }{
	stepRefused: {"provider.refused_h1", "provider.refused"},
	stepFailed:  {"provider.failed_h1", "provider.failed"},
	stepPending: {"provider.pending_h1", "provider.pending"},
}

// Show shows the page in the given state.
func (h *ProviderRedirect) Show(
	w http.ResponseWriter, r *http.Request, flow *requestFlow, step delivery.ConnectionStep, state string,
) error {
	t := ui.BrowserOf(r).Texts
	page := &providerRedirectPage{
		App: flow.appName(), Provider: h.ui.SourceName(t, step.Source.ID, step.Source.Name), State: state,
		IsAgain: isReconnect(step), IsSample: step.Sample,
	}
	title := "provider.go_h1"
	switch result, ended := providerResults[state]; {
	case ended:
		title, page.Text = result.title, t.Text(result.text)
	case page.IsAgain:
		title = "reauth.account_h1"
	case page.IsSample:
		title = "provider.sample_h1"
	}
	switch {
	case page.IsAgain:
	case page.IsSample:
		page.OtherURL = otherSourceURL(h.connections, flow)
	default:
		page.OtherURL = flow.chooseURL()
	}
	page.Page = h.ui.NewPage(r, t.Text(title, "provider", page.Provider))
	page.URL = flow.url()
	flow.decorate(w, page.Page)
	if state == stepRefused || state == stepFailed {
		page.ProviderResult = state
	}
	h.ui.AllowFormToProviders(w, flow.request)
	return h.ui.Render(w, http.StatusOK, "provider-redirect", page)
}

// Post redirects the browser to the provider.
func (h *ProviderRedirect) Post(w http.ResponseWriter, r *http.Request, in *library.SignedIn, flow *requestFlow) error {
	step, err := connectionStep(r, h.connections, in, flow)
	if err != nil {
		return err
	}
	if !step.Required || !isChosen(step) {
		return ui.SeeOther(w, r, flow.url()) // nothing to connect, or not chosen yet
	}
	if step.Sample {
		return h.connectSample(w, r, in, flow, step.Target.Account)
	}
	address, err := h.connections.StartAuthorization(r.Context(), in, flow.request, step.Target, flow.url())
	switch {
	case errors.Is(err, library.ErrWrongPerson):
		return answerError(err, in, flow)
	case err != nil && r.Context().Err() != nil:
		return err
	case err != nil:
		h.ui.Log.WarnContext(r.Context(), "cannot redirect to the provider",
			"source", step.Target.Source, "account", step.Target.Account, "error", err)
		if !isReconnect(step) && (errors.Is(err, library.ErrNotFound) || errors.Is(err, delivery.ErrProviderGone)) {
			return ui.SeeOther(w, r, flow.stepURL(stepUnavailable))
		}
		return ui.SeeOther(w, r, flow.stepURL(stepFailed))
	}
	h.ui.Cookies.Set(w, ui.CookieAtProvider, atProviderValue(flow.url()), atProviderLifetime)
	return ui.SeeOther(w, r, address)
}

// connectSample connects sample data, or an account with it again, and goes on with the request.
func (h *ProviderRedirect) connectSample(
	w http.ResponseWriter, r *http.Request, in *library.SignedIn, flow *requestFlow, again wire.AccountID,
) error {
	var err error
	if again != "" {
		_, err = h.connections.ReconnectSample(r.Context(), in, flow.request, again)
	} else {
		var source delivery.Source
		source, err = h.connections.FindSample(flow.request, flow.query.connectionQuery())
		if err == nil {
			_, err = h.connections.ConnectSample(r.Context(), in, flow.request, source)
		}
	}
	if err != nil {
		return answerError(err, in, flow)
	}
	return ui.SeeOther(w, r, flow.url())
}

// A browser that has gone to a provider has a cookie that identifies the request. With it, a person who returns by the
// back button is told that they have not finished, and the browser is recognised if the person has been signed out.

// atProviderLifetime is a little longer than a person may stay at a provider.
const atProviderLifetime = 40 * time.Minute

// atProviderValue identifies a request and its chosen provider. It does not depend on the language.
func atProviderValue(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	query := u.Query()
	text := "carrel left\x00" + u.Path + "\x00" + query.Get("code") + "\x00" + query.Get("service")
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// isAtProvider reports whether the browser last went to a provider for the request at that address.
func (h *ProviderRedirect) isAtProvider(r *http.Request, address string) bool {
	value := h.ui.Cookies.Get(r, ui.CookieAtProvider)
	return value != "" && value == atProviderValue(address)
}
