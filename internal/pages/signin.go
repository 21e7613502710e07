package pages

import (
	"errors"
	"net/http"

	"github.com/carrelhq/carrel/internal/library"
)

// signInForm is the form of signing in.
func signInForm(t *texts, email string) *form {
	return &form{Fields: []*field{
		emailField(t.text("sign_in.email"), "", email),
		currentPassword("password", t.text("sign_in.password")),
	}}
}

func (s *site) showSignIn(w http.ResponseWriter, r *http.Request, way way) error {
	v := visitOf(r)
	p := s.newDoor(w, r, way, "sign_in.h1", stepSignIn, signInForm(v.texts, ""))
	p.Notice = s.takeNotice(w, r)
	if p.Notice == "" && v.rested {
		p.Notice = v.texts.text("sign_in.rested")
	}
	return s.render(w, http.StatusOK, "sign-in", p)
}

// takeSignIn answers a wrong address and a wrong password alike.
func (s *site) takeSignIn(w http.ResponseWriter, r *http.Request, way way) error {
	t, email, password := visitOf(r).texts, typed(r, "email"), r.PostForm.Get("password")
	f := signInForm(t, email)
	p := s.newDoor(w, r, way, "sign_in.h1", stepSignIn, f)

	f.Get("email").Fault = t.emailFault(email)
	if password == "" {
		f.Get("password").Fault = t.say("sign_in.error.password_missing")
	}
	if f.Failed() {
		return s.showFaults(w, "sign-in", p)
	}
	secret, err := s.people.SignIn(r.Context(), email, password, s.visitor(r))
	if wait := asWait(err); wait != nil {
		f.Get("password").Fault = t.waitText(wait)
		return s.showWait(w, "sign-in", p, wait)
	}
	if errors.Is(err, library.ErrWrongPassword) {
		f.Get("password").Fault = t.say("sign_in.error.wrong")
		return s.showFaults(w, "sign-in", p)
	}
	if err != nil {
		return err
	}
	if err := s.signIn(w, r, secret); err != nil {
		return err
	}
	return seeOther(w, r, way.next())
}

// takeSignOut ends the login, wherever the person is.
func (s *site) takeSignOut(w http.ResponseWriter, r *http.Request) error {
	if err := s.signOut(w, r); err != nil {
		return err
	}
	s.leaveNotice(w, "sign_in.signed_out", "")
	return seeOther(w, r, "/sign-in")
}
