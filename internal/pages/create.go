package pages

import (
	"errors"
	"net/http"

	"github.com/carrelhq/carrel/internal/library"
)

// createForm is the form of creating a library.
func createForm(t *texts, app, email string) *form {
	hint := t.text("create.email_hint")
	if app != "" {
		hint = t.text("create.email_hint_app", "app", app)
	}
	return &form{Fields: []*field{
		emailField(t.text("sign_in.email"), hint, email),
		newPassword("password", t.text("create.password"), t.text("create.password_hint")),
	}}
}

func (s *site) newCreate(w http.ResponseWriter, r *http.Request, way way, f *form) *doorPage {
	p := s.newDoor(w, r, way, "create.h1", stepCreate, f)
	s.countSteps(p.view, way, 1)
	return p
}

func (s *site) showCreate(w http.ResponseWriter, r *http.Request, way way) error {
	return s.render(w, http.StatusOK, "create", s.newCreate(w, r, way, createForm(visitOf(r).texts, way.app(), "")))
}

func (s *site) takeCreate(w http.ResponseWriter, r *http.Request, way way) error {
	t, email, password := visitOf(r).texts, typed(r, "email"), r.PostForm.Get("password")
	f := createForm(t, way.app(), email)
	p := s.newCreate(w, r, way, f)

	f.Get("email").Fault = t.emailFault(email)
	f.Get("password").Fault = t.shortFault(password)
	if f.Failed() {
		return s.showFaults(w, "create", p)
	}
	secret, err := s.people.Create(r.Context(), library.NewPerson{Email: email, Password: password, Device: s.visitor(r)})
	var bad *library.PasswordError
	switch wait := asWait(err); {
	case wait != nil:
		f.Get("email").Fault = t.waitText(wait)
		return s.showWait(w, "create", p, wait)
	case errors.As(err, &bad):
		f.Get("password").Fault = t.say(passwordFaults[bad.Problem])
	case errors.Is(err, library.ErrEmailShape):
		f.Get("email").Fault = t.say("sign_in.error.email_shape")
	case errors.Is(err, library.ErrEmailTaken):
		f.Get("email").Fault = t.say("create.error.taken", "link", marked{"", mark{Href: way.step(stepSignIn)}})
	case errors.Is(err, library.ErrClosed):
		f.Get("email").Fault = t.say("create.error.closed", "operator", s.config.Operator)
	case err != nil:
		return err
	}
	if f.Failed() {
		return s.showFaults(w, "create", p)
	}
	if err := s.signIn(w, r, secret); err != nil {
		return err
	}
	return seeOther(w, r, way.next())
}
