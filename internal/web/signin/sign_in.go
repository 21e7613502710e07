package signin

import (
	"context"
	"errors"
	"net/http"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// SignIn is the page for signing in.
type SignIn struct {
	ui     *ui.UI
	people *library.People
	logins *Logins
}

func (s *SignIn) newPage(w http.ResponseWriter, r *http.Request, flow Flow, email string) *signedOutPage {
	t := ui.BrowserOf(r).Texts
	form := &ui.Form{Fields: []*ui.Field{
		ui.EmailField(t.Text("sign_in.email"), "", email),
		ui.CurrentPassword("password", t.Text("sign_in.password")),
	}}
	page := newSignedOutPage(s.ui, w, r, flow, "sign_in.h1", StepSignIn, form)
	page.Closed = closedText(s.ui, t, s.people)
	return page
}

// Show shows the form.
func (s *SignIn) Show(w http.ResponseWriter, r *http.Request, flow Flow) error {
	page := s.newPage(w, r, flow, "")
	page.Flash = s.ui.TakeFlash(w, r)
	if page.Flash == "" && ui.BrowserOf(r).LoginExpired {
		page.Flash = page.Texts.Text("sign_in.rested")
	}
	return s.ui.Render(w, http.StatusOK, "sign-in", page)
}

// Post signs in. It has one answer for an unknown address and a wrong password.
func (s *SignIn) Post(w http.ResponseWriter, r *http.Request, flow Flow) error {
	email, password := ui.FormText(r, "email"), r.PostForm.Get("password")
	page := s.newPage(w, r, flow, email)
	t, emailField, passwordField := page.Texts, page.Form.Get("email"), page.Form.Get("password")

	emailField.Error = emailError(t, email)
	if password == "" {
		passwordField.Error = t.Spans("sign_in.error.password_missing")
	}
	if page.Form.HasErrors() {
		return s.ui.RenderInvalid(w, "sign-in", page)
	}
	secret, err := ui.Once(s.ui, r, ui.RepeatedLogin, func(ctx context.Context) (seal.Secret, error) {
		return s.people.SignIn(ctx, email, password, deviceOf(r))
	})
	if wait := ui.WaitErrorOf(err); wait != nil {
		passwordField.Error = t.WaitMessage(wait)
		return s.ui.RenderWait(w, "sign-in", page, wait)
	}
	if errors.Is(err, library.ErrWrongPassword) {
		passwordField.Error = t.Spans("sign_in.error.wrong")
		return s.ui.RenderInvalid(w, "sign-in", page)
	}
	if err != nil {
		return err
	}
	if err := s.logins.start(w, r, secret); err != nil {
		return err
	}
	return ui.SeeOther(w, r, flow.NextURL)
}
