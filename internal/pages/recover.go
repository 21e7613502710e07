package pages

import (
	"errors"
	"net/http"

	"github.com/carrelhq/carrel/internal/library"
)

// recoverForm is the form of opening a library with its recovery code.
func recoverForm(t *texts, email, code string) *form {
	return &form{Fields: []*field{
		emailField(t.text("sign_in.email"), "", email),
		{Kind: kindCode, Name: "recovery-input", Label: t.text("recover.code"), Hint: t.text("recover.code_hint"), Value: code},
		newPassword("password", t.text("recover.password"), t.text("create.password_hint")),
	}}
}

func (s *site) showRecover(w http.ResponseWriter, r *http.Request, way way) error {
	p := s.newDoor(w, r, way, "recover.h1", stepRecover, recoverForm(visitOf(r).texts, "", ""))
	return s.render(w, http.StatusOK, "recover", p)
}

// takeRecover answers a wrong address and a wrong code alike.
func (s *site) takeRecover(w http.ResponseWriter, r *http.Request, way way) error {
	t, email, code, password := visitOf(r).texts, typed(r, "email"), typed(r, "recovery-input"), r.PostForm.Get("password")
	f := recoverForm(t, email, code)
	p := s.newDoor(w, r, way, "recover.h1", stepRecover, f)

	f.Get("email").Fault = t.emailFault(email)
	if code == "" {
		f.Get("recovery-input").Fault = t.say("recover.error.missing")
	}
	f.Get("password").Fault = t.shortFault(password)
	if f.Failed() {
		return s.showFaults(w, "recover", p)
	}
	secret, err := s.people.Recover(r.Context(), email, code, password, s.visitor(r))
	var bad *library.PasswordError
	switch wait := asWait(err); {
	case wait != nil:
		f.Get("recovery-input").Fault = t.waitText(wait)
		return s.showWait(w, "recover", p, wait)
	case errors.As(err, &bad):
		f.Get("password").Fault = t.say(passwordFaults[bad.Problem])
	case errors.Is(err, library.ErrWrongCode):
		f.Get("recovery-input").Fault = t.say("recover.error.wrong")
	case err != nil:
		return err
	}
	if f.Failed() {
		return s.showFaults(w, "recover", p)
	}
	if err := s.signIn(w, r, secret); err != nil {
		return err
	}
	return seeOther(w, r, way.next())
}
