package account

import (
	"context"
	"errors"
	"net/http"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/signin"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// Password is the page for changing the password.
type Password struct {
	ui     *ui.UI
	people *library.People
	logins *signin.Logins
}

func (h *Password) newPage(w http.ResponseWriter, r *http.Request) *ui.Page {
	t := ui.BrowserOf(r).Texts
	page := newAccountPage(h.ui, w, r, menuSettings, t.Text("settings.change"))
	page.Form = &ui.Form{Fields: []*ui.Field{
		ui.CurrentPassword("current-password", t.Text("settings.current")),
		ui.NewPassword("new-password", t.Text("settings.new"), t.Text("create.password_hint")),
	}}
	return page
}

// Show shows the form.
func (h *Password) Show(w http.ResponseWriter, r *http.Request, _ *library.SignedIn) error {
	return h.ui.Render(w, http.StatusOK, "password", h.newPage(w, r))
}

// Post changes the password. That signs out every other browser.
func (h *Password) Post(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	page := h.newPage(w, r)
	t, currentField, newField := page.Texts, page.Form.Get("current-password"), page.Form.Get("new-password")
	current, chosen := r.PostForm.Get(currentField.Name), r.PostForm.Get(newField.Name)
	_, err := ui.Once(h.ui, r, 0, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, h.people.ChangePassword(ctx, in, current, chosen)
	})
	var badPassword *library.PasswordError
	switch wait := ui.WaitErrorOf(err); {
	case err == nil:
		if err := h.logins.Remember(w, r, in); err != nil {
			return err
		}
		h.ui.SetFlash(w, "settings.changed", "")
		return ui.SeeOther(w, r, "/settings")
	case wait != nil:
		currentField.Error = t.WaitMessage(wait)
		return h.ui.RenderWait(w, "password", page, wait)
	case errors.Is(err, library.ErrWrongPassword):
		currentField.Error = t.Spans("settings.error.current")
	case errors.Is(err, library.ErrSamePassword):
		newField.Error = t.Spans("settings.error.same")
	case errors.As(err, &badPassword):
		newField.Error = t.PasswordMessage(badPassword)
	default:
		return err
	}
	return h.ui.RenderInvalid(w, "password", page)
}
