package pages

import (
	"errors"
	"net/http"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// deletePage says what will go, in numbers, before it asks.
type deletePage struct {
	*view
	Files, Apps int
	// Sending is how much is on its way to providers.
	Sending int
	// Until is how long the person could change their mind; nil if not at all.
	Until *time.Time
}

func (s *site) newDelete(w http.ResponseWriter, r *http.Request, in *library.SignedIn) (*deletePage, error) {
	t := visitOf(r).texts
	p := &deletePage{view: s.newDesk(w, r, "settings", t.text("delete.h1"))}
	p.Form = &form{Fields: []*field{
		currentPassword("password", t.text("delete.password")),
		{Kind: kindTick, Name: "delete-understood", Label: t.text("delete.understood")},
	}}
	if s.config.DeleteWait > 0 {
		until := s.config.Now().Add(s.config.DeleteWait)
		p.Until = &until
	}
	var err error
	if p.Files, err = s.files.Count(r.Context(), in); err != nil {
		return nil, err
	}
	if p.Sending, err = s.deliveries.CountForPerson(r.Context(), in); err != nil {
		return nil, err
	}
	grants, err := s.consents.ListGrants(r.Context(), in)
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		if g.Grant.Active(s.config.Now()) {
			p.Apps++
		}
	}
	return p, nil
}

func (s *site) showDelete(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	p, err := s.newDelete(w, r, in)
	if err != nil {
		return err
	}
	return s.render(w, http.StatusOK, "delete", p)
}

func (s *site) takeDelete(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	p, err := s.newDelete(w, r, in)
	if err != nil {
		return err
	}
	t, password, understood := p.texts, p.Form.Get("password"), p.Form.Get("delete-understood")
	if r.PostForm.Get(understood.Name) == "" {
		understood.Fault = t.say("delete.error.understood")
	}
	if r.PostForm.Get(password.Name) == "" {
		password.Fault = t.say("sign_in.error.password_missing")
	}
	if p.Form.Failed() {
		return s.showFaults(w, "delete", p)
	}
	deleteAt, err := s.people.Shut(r.Context(), in, r.PostForm.Get(password.Name))
	switch wait := asWait(err); {
	case wait != nil:
		password.Fault = t.waitText(wait)
		return s.showWait(w, "delete", p, wait)
	case errors.Is(err, library.ErrWrongPassword):
		password.Fault = t.say("delete.error.password")
		return s.showFaults(w, "delete", p)
	case err != nil:
		return err
	case deleteAt.IsZero():
		return s.showGone(w, r)
	}
	return seeOther(w, r, "/shut")
}

// showGone is the last page of a library. The login is gone with it.
func (s *site) showGone(w http.ResponseWriter, r *http.Request) error {
	s.cookies.clear(w, cookieLogin)
	s.startVisit(w, visitOf(r))
	return s.render(w, http.StatusOK, "gone", s.newView(r, visitOf(r).texts.text("delete.gone.h1")))
}
