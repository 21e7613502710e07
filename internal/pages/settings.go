package pages

import (
	"errors"
	"net/http"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// settingsPage is what a person can set, each with a page of its own but the
// language.
type settingsPage struct {
	*view
	CodeSaved  bool
	CodeMadeAt time.Time
	Spoken     []languageLink
}

func (s *site) showSettings(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	p := &settingsPage{view: s.newDesk(w, r, "settings", visitOf(r).texts.text("settings.h1")),
		CodeSaved: in.Library.CodeSaved, CodeMadeAt: in.Library.CodeMadeAt}
	for _, t := range s.languages.all {
		p.Spoken = append(p.Spoken, languageLink{Code: t.Code, Name: t.Name})
	}
	return s.render(w, http.StatusOK, "settings", p)
}

// takeLanguage sets the language for every page to come.
func (s *site) takeLanguage(w http.ResponseWriter, r *http.Request, _ *library.SignedIn) error {
	chosen := s.byCode(r.PostForm.Get("language"))
	if chosen == nil {
		return faultForm.with(http.StatusBadRequest).because(errors.New("no such language"))
	}
	s.cookies.set(w, cookieLanguage, chosen.Code, longLived)
	s.leaveNotice(w, "settings.language_saved", "")
	return seeOther(w, r, "/settings")
}

func passwordForm(t *texts) *form {
	return &form{Fields: []*field{
		currentPassword("current-password", t.text("settings.current")),
		newPassword("new-password", t.text("settings.new"), t.text("create.password_hint")),
	}}
}

func (s *site) newPasswordPage(w http.ResponseWriter, r *http.Request) *view {
	t := visitOf(r).texts
	v := s.newDesk(w, r, "settings", t.text("settings.change"))
	v.Form = passwordForm(t)
	return v
}

func (s *site) showPassword(w http.ResponseWriter, r *http.Request, _ *library.SignedIn) error {
	return s.render(w, http.StatusOK, "password", s.newPasswordPage(w, r))
}

func (s *site) takePassword(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	p := s.newPasswordPage(w, r)
	t, current, next := p.texts, p.Form.Get("current-password"), p.Form.Get("new-password")
	err := s.people.ChangePassword(r.Context(), in, r.PostForm.Get(current.Name), r.PostForm.Get(next.Name))
	var bad *library.PasswordError
	switch wait := asWait(err); {
	case err == nil:
		s.leaveNotice(w, "settings.changed", "")
		return seeOther(w, r, "/settings")
	case wait != nil:
		current.Fault = t.waitText(wait)
		return s.showWait(w, "password", p, wait)
	case errors.Is(err, library.ErrWrongPassword):
		current.Fault = t.say("settings.error.current")
	case errors.Is(err, library.ErrSamePassword):
		next.Fault = t.say("settings.error.same")
	case errors.As(err, &bad):
		next.Fault = t.say(passwordFaults[bad.Problem])
	default:
		return err
	}
	return s.showFaults(w, "password", p)
}

func (s *site) newCodePage(w http.ResponseWriter, r *http.Request) *view {
	t := visitOf(r).texts
	v := s.newDesk(w, r, "settings", t.text("settings.code_new"))
	v.Form = &form{Fields: []*field{currentPassword("password", t.text("settings.current"))}}
	return v
}

func (s *site) showNewCode(w http.ResponseWriter, r *http.Request, _ *library.SignedIn) error {
	return s.render(w, http.StatusOK, "new-code", s.newCodePage(w, r))
}

// takeNewCode makes a fresh recovery code, which is then shown until it is saved.
func (s *site) takeNewCode(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	p := s.newCodePage(w, r)
	password := p.Form.Get("password")
	err := s.people.NewCode(r.Context(), in, r.PostForm.Get(password.Name))
	switch wait := asWait(err); {
	case err == nil:
		return seeOther(w, r, "/recovery-code?to=/settings")
	case wait != nil:
		password.Fault = p.texts.waitText(wait)
		return s.showWait(w, "new-code", p, wait)
	case errors.Is(err, library.ErrWrongPassword):
		password.Fault = p.texts.say("settings.error.current")
		return s.showFaults(w, "new-code", p)
	}
	return err
}
