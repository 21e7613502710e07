package pages

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"

	"github.com/carrelhq/carrel/internal/library"
)

// codePage shows the recovery code until the person has it.
type codePage struct {
	*view
	Code string
	// File is the code as a file, which can be saved without a script.
	File template.URL
}

// showCode shows a pending code, within a link or by itself.
func (s *site) showCode(w http.ResponseWriter, r *http.Request, in *library.SignedIn, way way, code string) error {
	t := visitOf(r).texts
	p := &codePage{view: s.newView(r, t.text("recovery.h1")), Code: code}
	s.forLink(w, p.view, way.request)
	s.letSignOut(p.view, way)
	s.countSteps(p.view, way, 2)
	line := t.text("recovery.file", "email", in.Library.Email, "site", s.config.PublicURL.Host,
		"date", formatter{t, s.config.Zone}.date(s.config.Now()), "code", code)
	p.File = template.URL("data:text/plain;charset=utf-8," + url.PathEscape(line+"\r\n"))
	return s.render(w, http.StatusOK, "recovery-code", p)
}

// letSignOut puts the way out on a page for who is signed in.
func (s *site) letSignOut(v *view, way way) {
	v.SignOut = "/sign-out"
	if way.link != nil {
		v.SignOut = way.next() // the same address, so that the link stays
	}
}

// showOwnCode is the code's page for who did not come by a link.
func (s *site) showOwnCode(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	code, pending, err := s.people.PendingCode(r.Context(), in)
	if err != nil {
		return err
	}
	if !pending {
		v := s.newView(r, visitOf(r).texts.text("recovery.h1"))
		s.letSignOut(v, way{})
		return s.render(w, http.StatusOK, "code-gone", v)
	}
	return s.showCode(w, r, in, ownWay(r), code)
}

func (s *site) takeOwnCode(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	if err := s.saveCode(r, in); err != nil {
		return err
	}
	return seeOther(w, r, ownWay(r).next())
}

func (s *site) saveCode(r *http.Request, in *library.SignedIn) error {
	if err := s.people.SaveCode(r.Context(), in); err != nil {
		return fmt.Errorf("save recovery code: %w", err)
	}
	return nil
}
