package onboarding

import (
	"net/http"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// revoke asks whether to revoke what an application has sent the person for: its access, or one account at a provider.
type revoke struct {
	ui          *ui.UI
	connections *delivery.Connections
	app         *appReturn
}

// revokePage is the data of the page.
type revokePage struct {
	*ui.Page
	Text, Confirm string
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
	if target.Account != nil {
		title = t.Text("accounts.disconnect_h1", "provider", ui.CleanText(target.Account.Source.Name))
		page.Text, page.Confirm = t.Text("accounts.disconnect_text"), t.Text("accounts.disconnect")
		page.ConfirmID = "disconnect-confirm"
	}
	page.Page = h.ui.NewPage(r, title)
	flow.decorateQuestion(w, page.Page)
	return h.ui.Render(w, http.StatusOK, "revoke", page)
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
		title = t.Text("accounts.done", "provider", ui.CleanText(target.Account.Source.Name))
	}
	callback, err := h.connections.Revoke(r.Context(), in, flow.request)
	if err != nil {
		return answerError(err, in, flow)
	}
	page := &appReturnPage{Page: h.ui.NewPage(r, title), Outcome: outcomeRevoked}
	return h.app.redirectOrShow(w, r, flow.request, callback, page)
}
