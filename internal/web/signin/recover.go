package signin

import (
	"context"
	"errors"
	"net/http"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// Recover is the page for opening a library with its recovery code.
type Recover struct {
	ui     *ui.UI
	people *library.People
	logins *Logins
}

func (c *Recover) newPage(w http.ResponseWriter, r *http.Request, flow Flow, email, code string) *signedOutPage {
	t := ui.BrowserOf(r).Texts
	form := &ui.Form{Fields: []*ui.Field{
		ui.EmailField(t.Text("sign_in.email"), "", email),
		{
			Kind: ui.KindCode, Name: "recovery-input",
			Label: t.Text("recover.code"), Hint: t.Text("recover.code_hint"), Value: code,
		},
		ui.NewPassword("password", t.Text("recover.password"), t.Text("create.password_hint")),
	}}
	return newSignedOutPage(c.ui, w, r, flow, "recover.h1", StepRecover, form)
}

// Show shows the form.
func (c *Recover) Show(w http.ResponseWriter, r *http.Request, flow Flow) error {
	page := c.newPage(w, r, flow, "", "")
	page.Flash = c.ui.TakeFlash(w, r)
	return c.ui.Render(w, http.StatusOK, "recover", page)
}

// Post sets a new password and signs in. It has one answer for an unknown address and a wrong code.
func (c *Recover) Post(w http.ResponseWriter, r *http.Request, flow Flow) error {
	email, code, password := ui.FormText(r, "email"), ui.FormText(r, "recovery-input"), r.PostForm.Get("password")
	page := c.newPage(w, r, flow, email, code)
	t, codeField, passwordField := page.Texts, page.Form.Get("recovery-input"), page.Form.Get("password")

	page.Form.Get("email").Error = emailError(t, email)
	if code == "" {
		codeField.Error = t.Spans("recover.error.missing")
	}
	passwordField.Error = t.ShortPasswordMessage(password)
	if page.Form.HasErrors() {
		return c.ui.RenderInvalid(w, "recover", page)
	}
	secret, err := ui.Once(c.ui, r, ui.RepeatedLogin, func(ctx context.Context) (seal.Secret, error) {
		return c.people.Recover(ctx, email, code, password, deviceOf(r))
	})
	var badPassword *library.PasswordError
	switch wait := ui.WaitErrorOf(err); {
	case wait != nil:
		codeField.Error = t.WaitMessage(wait)
		return c.ui.RenderWait(w, "recover", page, wait)
	case errors.As(err, &badPassword):
		passwordField.Error = t.PasswordMessage(badPassword)
	case errors.Is(err, library.ErrWrongCode):
		codeField.Error = t.Spans("recover.error.wrong")
	case err != nil:
		return err
	}
	if page.Form.HasErrors() {
		return c.ui.RenderInvalid(w, "recover", page)
	}
	if err := c.logins.start(w, r, secret); err != nil {
		return err
	}
	return ui.SeeOther(w, r, flow.NextURL)
}
