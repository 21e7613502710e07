package onboarding

import (
	"net/http"
	"slices"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// revoke asks whether to revoke what an application has sent the person for: its access, or one account at a provider.
type revoke struct {
	ui          *ui.UI
	consents    *library.Consents
	connections *delivery.Connections
	app         *appReturn
}

// revokePage is the data of the page.
type revokePage struct {
	*ui.Page
	Text, Confirm string
	// Collected says what becomes of files that were collected; empty if none were.
	Collected string
	// Ends lists what the person has allowed the application, if all of its access is to end.
	Ends []string
	// ConfirmID is the data-testid of the button that confirms.
	ConfirmID string
}

// Show asks. If there is nothing left to revoke, the application has what it wanted and the browser goes back at once.
func (h *revoke) Show(w http.ResponseWriter, r *http.Request, in *library.SignedIn, flow *requestFlow) error {
	target, err := h.connections.Revocation(r.Context(), in, flow.request)
	switch {
	case err != nil:
		return answerError(err, in, flow)
	case target.Over():
		callback, err := h.connections.Revoke(r.Context(), in, flow.request)
		if err != nil {
			return answerError(err, in, flow)
		}
		return h.app.redirect(w, r, flow.request, callback, outcomeNone)
	}
	t := ui.BrowserOf(r).Texts
	title := t.Text("revoke.h1", "app", flow.appName())
	page := &revokePage{
		Text: t.Text("revoke.text", "app", flow.appName()), Confirm: t.Text("revoke.confirm"),
		ConfirmID: "revoke-confirm",
	}
	grants, err := h.grants(r, in, flow.request.Client.Application.ID)
	if err != nil {
		return err
	}
	if target.Account != nil {
		source := target.Account.Source
		title = t.Text("accounts.disconnect_h1", "provider", h.ui.SourceName(t, source.ID, source.Name))
		page.Text, page.Confirm = t.Text("accounts.disconnect_text"), t.Text("accounts.disconnect")
		page.ConfirmID = "disconnect-confirm"
		if target.Account.StaysReadable(grants, h.ui.Now()) {
			page.Collected = t.Text("accounts.disconnect_read", "app", flow.appName())
		}
	} else {
		if page.Ends, err = h.permissions(r, in, grants); err != nil {
			return err
		}
		if slices.ContainsFunc(grants, ui.Collects) {
			page.Collected = t.Text("revoke.collected", "app", flow.appName())
		}
	}
	page.Page = h.ui.NewPage(r, title)
	flow.decorateQuestion(w, page.Page)
	return h.ui.Render(w, http.StatusOK, "revoke", page)
}

// grants lists the grants of an application that the person can revoke, also those that do not count now.
func (h *revoke) grants(
	r *http.Request, in *library.SignedIn, application wire.ApplicationID,
) ([]library.GrantWithClient, error) {
	grants, err := h.consents.ListGrants(r.Context(), in)
	return slices.DeleteFunc(grants, func(g library.GrantWithClient) bool {
		return g.Grant.Application != application || !g.Standing(h.ui.Now()).InForce()
	}), err
}

// permissions lists what a person has allowed an application by grants, and where it sends to.
func (h *revoke) permissions(
	r *http.Request, in *library.SignedIn, grants []library.GrantWithClient,
) ([]string, error) {
	connections, err := h.connections.List(r.Context(), in)
	if err != nil {
		return nil, err
	}
	return grantLines(h.ui.Permissions(ui.BrowserOf(r).Texts), grants, connections), nil
}

// grantLines says in a line each what grants allow, and the providers that the application sends to or collects from by
// them. It says nothing twice.
func grantLines(
	t ui.PermissionTexts, grants []library.GrantWithClient, connections []delivery.Connection,
) (lines []string) {
	for _, g := range grants {
		var providers []string
		for _, c := range connections {
			if c.Grant == g.Grant.ID {
				providers = append(providers, t.SourceName(c.Source.ID, c.Source.Name))
			}
		}
		for _, line := range t.OfGrant(g, providers) {
			if !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// Post takes the answer. Only the values "revoke" and "keep" are answers.
func (h *revoke) Post(w http.ResponseWriter, r *http.Request, in *library.SignedIn, flow *requestFlow) error {
	if r.PostForm.Get("step") != formAnswer {
		return ui.BadForm("form of a step that a request to revoke does not have")
	}
	switch r.PostForm.Get("answer") {
	case "revoke":
	case "keep":
		return h.app.cancel(w, r, in, flow)
	default:
		return ui.BadForm("answer is neither yes nor no")
	}
	target, err := h.connections.Revocation(r.Context(), in, flow.request)
	if err != nil {
		return answerError(err, in, flow)
	}
	t := ui.BrowserOf(r).Texts
	title := t.Text("revoke.done", "app", flow.appName())
	if target.Account != nil {
		source := target.Account.Source
		title = t.Text("accounts.done", "provider", h.ui.SourceName(t, source.ID, source.Name))
	}
	callback, err := h.connections.Revoke(r.Context(), in, flow.request)
	if err != nil {
		return answerError(err, in, flow)
	}
	page := &appReturnPage{Page: h.ui.NewPage(r, title), Outcome: outcomeRevoked}
	return h.app.redirectOrShow(w, r, flow.request, callback, page)
}
