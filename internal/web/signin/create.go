package signin

import (
	"context"
	"errors"
	"net/http"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// Create is the page for creating a library.
type Create struct {
	ui     *ui.UI
	people *library.People
	logins *Logins
}

func (c *Create) newPage(w http.ResponseWriter, r *http.Request, flow Flow, email string) *signedOutPage {
	t := ui.BrowserOf(r).Texts
	hint := t.Text("create.email_hint")
	if app := flow.appName(); app != "" {
		hint = t.Text("create.email_hint_app", "app", app)
	}
	form := &ui.Form{Fields: []*ui.Field{
		ui.EmailField(t.Text("sign_in.email"), hint, email),
		ui.NewPassword("password", t.Text("create.password"), t.Text("create.password_hint")),
	}}
	page := newSignedOutPage(c.ui, w, r, flow, "create.h1", StepCreate, form)
	if page.Closed = closedText(c.ui, t, c.people); page.Closed == "" {
		flow.count(page.Page, 1)
	}
	return page
}

// closedText says that the site makes no new libraries; empty if it does.
func closedText(u *ui.UI, t *ui.Texts, people *library.People) string {
	if people.MakesLibraries() {
		return ""
	}
	return t.Text("create.closed", "operator", u.Operator)
}

// Show shows the form.
func (c *Create) Show(w http.ResponseWriter, r *http.Request, flow Flow) error {
	page := c.newPage(w, r, flow, "")
	page.Flash = c.ui.TakeFlash(w, r)
	return c.ui.Render(w, http.StatusOK, "create", page)
}

// Post creates a library and signs in to it.
func (c *Create) Post(w http.ResponseWriter, r *http.Request, flow Flow) error {
	email, password := ui.FormText(r, "email"), r.PostForm.Get("password")
	page := c.newPage(w, r, flow, email)
	if page.Closed != "" { // a form of before
		return c.ui.Render(w, http.StatusForbidden, "create", page)
	}
	t, emailField, passwordField := page.Texts, page.Form.Get("email"), page.Form.Get("password")

	emailField.Error = emailError(t, email)
	passwordField.Error = t.ShortPasswordMessage(password)
	if page.Form.HasErrors() {
		return c.ui.RenderInvalid(w, "create", page)
	}
	person := library.NewPerson{Email: email, Password: password, Device: deviceOf(r)}
	secret, err := ui.Once(c.ui, r, ui.RepeatedLogin, func(ctx context.Context) (seal.Secret, error) {
		return c.people.Create(ctx, person)
	})
	var badPassword *library.PasswordError
	switch wait := ui.WaitErrorOf(err); {
	case wait != nil:
		emailField.Error = t.WaitMessage(wait)
		return c.ui.RenderWait(w, "create", page, wait)
	case errors.As(err, &badPassword):
		passwordField.Error = t.PasswordMessage(badPassword)
	case errors.Is(err, library.ErrEmailShape):
		emailField.Error = t.Spans("sign_in.error.email_shape")
	case errors.Is(err, library.ErrEmailTaken):
		emailField.Error = t.Spans("create.error.taken", "link", ui.Link(page.SignInURL(), ""))
	case err != nil:
		return err
	}
	if page.Form.HasErrors() {
		return c.ui.RenderInvalid(w, "create", page)
	}
	if err := c.logins.start(w, r, secret); err != nil {
		return err
	}
	return ui.SeeOther(w, r, flow.NextURL)
}
