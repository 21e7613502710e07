package account

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// RecoveryCode is the page for making a new recovery code.
type RecoveryCode struct {
	ui     *ui.UI
	people *library.People
}

func (h *RecoveryCode) newPage(w http.ResponseWriter, r *http.Request) *ui.Page {
	t := ui.BrowserOf(r).Texts
	page := newAccountPage(h.ui, w, r, menuSettings, t.Text("settings.code_new"))
	page.Form = &ui.Form{Fields: []*ui.Field{ui.CurrentPassword("password", t.Text("settings.current"))}}
	return page
}

// Show shows the form.
func (h *RecoveryCode) Show(w http.ResponseWriter, r *http.Request, _ *library.SignedIn) error {
	return h.ui.Render(w, http.StatusOK, "new-recovery-code", h.newPage(w, r))
}

// nextURL is the page that comes after the new code has been saved: the parameter "to" of the address.
func nextURL(r *http.Request) string {
	if to := r.URL.Query().Get("to"); ui.IsLocalPath(to) {
		return to
	}
	return "/settings"
}

// Post makes a new recovery code. The next page shows it, until the person has saved it.
func (h *RecoveryCode) Post(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	page := h.newPage(w, r)
	passwordField := page.Form.Get("password")
	_, err := ui.Once(h.ui, r, ui.RepeatedLogin, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, h.people.NewCode(ctx, in, r.PostForm.Get(passwordField.Name))
	})
	switch wait := ui.WaitErrorOf(err); {
	case err == nil:
		return ui.SeeOther(w, r, "/recovery-code?"+url.Values{"to": {nextURL(r)}}.Encode())
	case wait != nil:
		passwordField.Error = page.Texts.WaitMessage(wait)
		return h.ui.RenderWait(w, "new-recovery-code", page, wait)
	case errors.Is(err, library.ErrWrongPassword):
		passwordField.Error = page.Texts.Spans("settings.error.current")
		return h.ui.RenderInvalid(w, "new-recovery-code", page)
	}
	return err
}
